#include "store/local/local_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "store/local/posix_disk.h"

namespace perdure {
namespace {

namespace fs = std::filesystem;

ObjectName name(std::string_view text) { return ObjectName::parse(text).value(); }

class LocalStoreTest : public testing::Test {
protected:
    LocalStoreTest() {
        std::string pattern = (fs::temp_directory_path() / "perdure-local-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
    }
    ~LocalStoreTest() override { fs::remove_all(root_); }

    std::string path(const std::string& below = "") const {
        return below.empty() ? root_ : root_ + "/" + below;
    }
    std::unique_ptr<LocalStore> store() { return LocalStore::initialize(path()).value(); }

    static std::vector<std::string> names(Store& store, std::string_view prefix = "") {
        std::vector<std::string> found;
        store
            .list(prefix,
                  [&](std::string_view at, const ObjectStat&) {
                      found.emplace_back(at);
                      return true;
                  },
                  {})
            .value();
        return found;
    }

private:
    std::string root_;
};

TEST_F(LocalStoreTest, OpeningWhatIsNotThereIsNotFound) {
    EXPECT_EQ(LocalStore::open(path("missing")).error().kind(), ErrorKind::NotFound);
    std::ofstream(path("file")) << "x";
    EXPECT_EQ(LocalStore::open(path("file")).error().kind(), ErrorKind::NotFound);
}

TEST_F(LocalStoreTest, OpeningAndReadingChangeNothingOnDisk) {
    std::ofstream(path("a")) << "x";
    const auto store = LocalStore::open(path()).value();
    EXPECT_EQ(names(*store), std::vector<std::string>{"a"});
    EXPECT_TRUE(store->load(name("a"), ByteRange::all(), {}));
    EXPECT_EQ(std::distance(fs::directory_iterator(path()), fs::directory_iterator()), 1);
}

TEST_F(LocalStoreTest, InitializeMakesDirectoriesAboveIt) {
    const auto store = LocalStore::initialize(path("x/y/z/")).value();
    EXPECT_TRUE(store->create(name("a"), as_bytes("1"), {}));
    EXPECT_TRUE(LocalStore::open(path("x/y/z")).value()->stat(name("a"), {}));
}

TEST_F(LocalStoreTest, ObjectsAreFilesOnlyTheirOwnerCanRead) {
    const auto made = LocalStore::initialize(path("repo")).value();
    made->create(name("packs/default/1"), as_bytes("x"), {}).value();
    struct stat st {};
    ASSERT_EQ(::stat(path("repo/packs/default/1").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600u);
    ASSERT_EQ(::stat(path("repo/packs").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0700u);
}

TEST_F(LocalStoreTest, ReserveIsMadeOfRealBlocks) {
    store();
    struct stat st {};
    ASSERT_EQ(::stat(path("reserve").c_str(), &st), 0);
    EXPECT_EQ(st.st_size, 4 << 20);
    EXPECT_GE(st.st_blocks * 512, 4 << 20);
}

TEST_F(LocalStoreTest, LargeObjectsHaveTheirReserveMadeAgainFirst) {
    const auto made = store();
    fs::remove(path("reserve"));
    made->create(name("small"), as_bytes("x"), {}).value();
    EXPECT_FALSE(fs::exists(path("reserve")));
    made->create(name("large"), Buffer(LocalStore::kSmallObject + 1), {}).value();
    EXPECT_TRUE(fs::exists(path("reserve")));
}

TEST_F(LocalStoreTest, NothingIsLeftBesideTheObjects) {
    const auto made = store();
    made->create(name("a"), Buffer(3u << 20), {}).value();
    EXPECT_FALSE(made->create(name("a"), as_bytes("other"), {}));
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path()))
        if (entry.is_regular_file()) found.push_back(entry.path().filename());
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, (std::vector<std::string>{"a", "reserve"}));
}

TEST_F(LocalStoreTest, ReservedNamesCannotBeObjects) {
    const auto made = store();
    for (const auto* text : {"reserve", "tmp", "tmp/draft", ".nfs0001", "a/.snapshot/b"}) {
        EXPECT_EQ(made->create(name(text), as_bytes("x"), {}).error().kind(),
                  ErrorKind::InvalidInput);
        EXPECT_EQ(made->load(name(text), ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
        EXPECT_EQ(made->stat(name(text), {}).error().kind(), ErrorKind::NotFound);
        EXPECT_TRUE(made->remove(name(text), {}));
    }
    EXPECT_TRUE(fs::exists(path("reserve")));
    EXPECT_TRUE(names(*made).empty());
}

TEST_F(LocalStoreTest, AnObjectAndADirectoryExcludeEachOther) {
    const auto made = store();
    made->create(name("a/b"), as_bytes("x"), {}).value();
    EXPECT_EQ(made->create(name("a"), as_bytes("x"), {}).error().kind(), ErrorKind::InvalidInput);
    EXPECT_EQ(made->create(name("a/b/c"), as_bytes("x"), {}).error().kind(),
              ErrorKind::InvalidInput);
    EXPECT_EQ(made->load(name("a"), ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
    EXPECT_EQ(made->stat(name("a"), {}).error().kind(), ErrorKind::NotFound);
    EXPECT_EQ(made->load(name("a/b/c"), ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
    EXPECT_TRUE(made->remove(name("a"), {}));
    EXPECT_TRUE(made->remove(name("a/b/c"), {}));
    EXPECT_EQ(names(*made), std::vector<std::string>{"a/b"});
}

TEST_F(LocalStoreTest, ForeignFilesAreLeftAlone) {
    const auto made = store();
    made->create(name("a/b"), as_bytes("x"), {}).value();
    fs::create_directory(path("lost+found"));
    std::ofstream(path("README.TXT")) << "x";
    std::ofstream(path("a/.nfs0001")) << "x";
    ASSERT_EQ(::mkfifo(path("a/fifo").c_str(), 0600), 0);
    fs::create_symlink("b", path("a/link"));
    fs::create_directory_symlink("a", path("alias"));
    EXPECT_EQ(names(*made), std::vector<std::string>{"a/b"});
    for (const auto* text : {"a/fifo", "a/link", "alias/b"}) {
        EXPECT_EQ(made->load(name(text), ByteRange::all(), {}).error().kind(), ErrorKind::NotFound)
            << text;
        EXPECT_EQ(made->stat(name(text), {}).error().kind(), ErrorKind::NotFound) << text;
    }
    EXPECT_FALSE(made->create(name("alias/c"), as_bytes("x"), {}));
    EXPECT_TRUE(made->remove(name("alias/b"), {}));
    EXPECT_TRUE(fs::exists(path("a/b")));
}

TEST_F(LocalStoreTest, PuttingBackNeverLeavesTheNameFree) {
    const auto made = store();
    made->create(name("a"), as_bytes("damaged"), {}).value();
    std::atomic<bool> done = false;
    std::size_t missing = 0;
    std::jthread watcher([&] {
        while (!done)
            if (!fs::exists(path("a"))) ++missing;
    });
    for (int i = 0; i < 200; ++i) made->put_back(name("a"), as_bytes("good"), {}).value();
    done = true;
    watcher.join();
    EXPECT_EQ(missing, 0U);
    EXPECT_EQ(as_text(made->load(name("a"), ByteRange::all(), {}).value()), "good");
    EXPECT_EQ(names(*made), std::vector<std::string>{"a"});
    EXPECT_TRUE(fs::is_empty(path("tmp")));
}

TEST_F(LocalStoreTest, DirectAndBufferedWritesGiveTheSameBytes) {
    const auto made = store();
    SeededRandom random(1);
    constexpr std::size_t kDirect = PosixDisk::kDirectFrom;
    for (const std::size_t size : {kDirect - 1, kDirect, kDirect + 1, 4 * kDirect - 1, 4 * kDirect,
                                   4 * kDirect + 1, 8 * kDirect + 4096, 9 * kDirect + 4095}) {
        Buffer bytes(size);
        random.fill(bytes);
        const auto object = name("size-" + std::to_string(size));
        made->create(object, bytes, {}).value();
        EXPECT_EQ(made->stat(object, {}).value().size, size);
        EXPECT_TRUE(equal(made->load(object, ByteRange::all(), {}).value(), bytes)) << size;
    }
}

}  // namespace
}  // namespace perdure
