#include "repo/local_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "support/files.h"
#include "support/repo_fixture.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

const RepositoryId kRepository = id_of<RepositoryId>(1);

std::string text_of(const std::optional<Buffer>& content) {
    return content ? std::string(as_text(*content)) : "(none)";
}

struct LocalCacheTest : ::testing::Test {
    std::string file(const std::string& name) {
        return dir / "cache/" + kRepository.hex() + "/" + name;
    }

    TempDir dir;
    LocalCache cache{dir / "cache", kRepository, key_of(2)};
};

TEST_F(LocalCacheTest, GivesBackWhatWasSaved) {
    EXPECT_EQ(text_of(cache.load("head")), "(none)");
    cache.save("head", as_bytes("content"));
    EXPECT_EQ(text_of(cache.load("head")), "content");
    cache.save("head", as_bytes("newer"));
    EXPECT_EQ(text_of(cache.load("head")), "newer");
    cache.save("empty", {});
    EXPECT_EQ(text_of(cache.load("empty")), "");
    cache.remove("head");
    EXPECT_EQ(text_of(cache.load("head")), "(none)");
    EXPECT_EQ(cache.problem(), "");
}

TEST_F(LocalCacheTest, DeletedDirectoryIsAnEmptyCache) {
    cache.save("head", as_bytes("content"));
    std::filesystem::remove_all(dir / "cache");
    EXPECT_EQ(text_of(cache.load("head")), "(none)");
    cache.save("head", as_bytes("again"));
    EXPECT_EQ(text_of(cache.load("head")), "again");
}

TEST_F(LocalCacheTest, EveryTruncationIsAMiss) {
    cache.save("head", as_bytes("content"));
    const std::string good = read_file(file("head"));
    for (std::size_t length = 0; length < good.size(); ++length) {
        write_file(file("head"), good.substr(0, length));
        EXPECT_EQ(text_of(cache.load("head")), "(none)") << length;
    }
}

TEST_F(LocalCacheTest, EveryFlippedByteIsAMiss) {
    cache.save("head", as_bytes("content"));
    const std::string good = read_file(file("head"));
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x20);
        write_file(file("head"), bad);
        EXPECT_EQ(text_of(cache.load("head")), "(none)") << i;
    }
    write_file(file("head"), good);
    EXPECT_EQ(text_of(cache.load("head")), "content");
}

TEST_F(LocalCacheTest, AFileMadeLongerIsAMissThatTakesNoMemory) {
    cache.save("head", as_bytes("content"));
    std::filesystem::resize_file(file("head"), std::uintmax_t{1} << 42);
    EXPECT_EQ(text_of(cache.load("head")), "(none)");
}

TEST_F(LocalCacheTest, AFifoIsAMissThatHangsNothing) {
    cache.save("head", as_bytes("content"));
    std::filesystem::remove(file("head"));
    ASSERT_EQ(::mkfifo(file("head").c_str(), 0600), 0);
    EXPECT_EQ(text_of(cache.load("head")), "(none)");
    cache.save("head", as_bytes("again"));
    EXPECT_EQ(text_of(cache.load("head")), "again");
}

TEST_F(LocalCacheTest, DraftsOfProcessesThatDiedGoAfterADay) {
    cache.save("head", as_bytes("content"));
    const auto now = std::filesystem::last_write_time(file("head"));
    write_file(file("old.0123.tmp"), "x");
    write_file(file("fresh.0123.tmp"), "x");
    std::filesystem::last_write_time(file("old.0123.tmp"), now - std::chrono::hours(25));
    std::filesystem::last_write_time(file("fresh.0123.tmp"), now - std::chrono::hours(1));
    cache.save("head", as_bytes("again"));
    EXPECT_FALSE(std::filesystem::exists(file("old.0123.tmp")));
    EXPECT_TRUE(std::filesystem::exists(file("fresh.0123.tmp")));
    EXPECT_EQ(text_of(cache.load("head")), "again");
}

TEST_F(LocalCacheTest, SwappedFilesAreMisses) {
    cache.save("one", as_bytes("first"));
    cache.save("two", as_bytes("second"));
    std::filesystem::rename(file("one"), file("three"));
    std::filesystem::rename(file("two"), file("one"));
    std::filesystem::rename(file("three"), file("two"));
    EXPECT_EQ(text_of(cache.load("one")), "(none)");
    EXPECT_EQ(text_of(cache.load("two")), "(none)");
}

TEST_F(LocalCacheTest, AnotherKeyOrRepositoryReadsNothing) {
    cache.save("head", as_bytes("content"));
    EXPECT_EQ(text_of(LocalCache(dir / "cache", kRepository, key_of(3)).load("head")), "(none)");
    const RepositoryId other = id_of<RepositoryId>(9);
    std::filesystem::copy(dir / "cache/" + kRepository.hex(), dir / "cache/" + other.hex());
    EXPECT_EQ(text_of(LocalCache(dir / "cache", other, key_of(2)).load("head")), "(none)");
}

TEST_F(LocalCacheTest, ContentDoesNotLieInClear) {
    cache.save("head", as_bytes("a secret name"));
    EXPECT_EQ(read_file(file("head")).find("secret"), std::string::npos);
}

TEST_F(LocalCacheTest, FilesAreForTheirUserAlone) {
    cache.save("head", as_bytes("content"));
    const auto mode = std::filesystem::status(file("head")).permissions();
    EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none);
}

TEST_F(LocalCacheTest, ASymlinkIsNotFollowed) {
    cache.save("head", as_bytes("content"));
    std::filesystem::rename(file("head"), dir / "elsewhere");
    std::filesystem::create_symlink(dir / "elsewhere", file("head"));
    EXPECT_EQ(text_of(cache.load("head")), "(none)");
}

TEST_F(LocalCacheTest, ADirectoryThatIsNoneIsSaidAndNotUsed) {
    write_file(dir / "file", "x");
    const LocalCache broken(dir / "file", kRepository, key_of(2));
    EXPECT_NE(broken.problem(), "");
    broken.save("head", as_bytes("content"));
    EXPECT_EQ(text_of(broken.load("head")), "(none)");
    EXPECT_EQ(read_file(dir / "file"), "x");
}

TEST_F(LocalCacheTest, NoCacheHoldsNothing) {
    const LocalCache none;
    none.save("head", as_bytes("content"));
    EXPECT_EQ(text_of(none.load("head")), "(none)");
}

TEST_F(LocalCacheTest, AHalfWrittenFileOfACrashIsNoFile) {
    cache.save("head", as_bytes("content"));
    write_file(file("head.0011223344556677.tmp"), "half");
    EXPECT_EQ(text_of(cache.load("head")), "content");
}

}  // namespace
}  // namespace perdure
