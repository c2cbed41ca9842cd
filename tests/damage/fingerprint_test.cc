// Fingerprints of leaves only find candidates; a full keyed hash decides. Cut to 8 bits, nearly
// every lookup finds wrong ones: a real tree still comes back identical. Where memory holds one of
// 64 only, hardly more is stored again than changed.
//
// CI takes 32 MB of /usr/include; PERDURE_LONG=1 all of /usr, below $TMPDIR.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/restore.h"
#include "source/files/files.h"
#include "store/local/local_store.h"
#include "support/small_repository.h"
#include "support/temp_dir.h"
#include "target/directory/directory.h"

namespace perdure {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// "" if `a` and `b` are the same trees: names, types, modes, times, bytes. Not by Perdure's own
/// compare: that reads through the same index.
std::string tree_difference(const fs::path& a, const fs::path& b) {
    std::size_t entries = 0;
    for (const auto& at : fs::recursive_directory_iterator(a)) {
        ++entries;
        const fs::path other = b / at.path().lexically_relative(a);
        struct stat x {
        }, y{};
        if (::lstat(at.path().c_str(), &x) != 0 || ::lstat(other.c_str(), &y) != 0)
            return other.string() + " is missing";
        if (x.st_mode != y.st_mode || x.st_mtim.tv_sec != y.st_mtim.tv_sec ||
            x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
            return other.string() + " has another mode or time";
        if (at.is_symlink() && fs::read_symlink(at.path()) != fs::read_symlink(other))
            return other.string() + " leads elsewhere";
        if (!at.is_symlink() && at.is_regular_file() && content_of(at.path()) != content_of(other))
            return other.string() + " has other bytes";
    }
    std::size_t others = 0;
    for ([[maybe_unused]] const auto& at : fs::recursive_directory_iterator(b)) ++others;
    return entries == others ? "" : "another number of entries";
}

/// Copies what lies below `from`, in the order of paths, until `most` bytes are copied.
void copy_some(const fs::path& from, const fs::path& to, std::uint64_t most) {
    std::vector<fs::path> paths;
    const auto options = fs::directory_options::skip_permission_denied;
    for (const auto& at : fs::recursive_directory_iterator(from, options)) paths.push_back(at);
    std::sort(paths.begin(), paths.end());
    fs::create_directory(to);
    std::uint64_t copied = 0;
    for (const fs::path& path : paths) {
        const fs::path into = to / path.lexically_relative(from);
        std::error_code ignored;  // what this user may not read
        if (fs::is_symlink(path)) {
            fs::copy_symlink(path, into, ignored);
        } else if (fs::is_directory(path)) {
            fs::create_directory(into, ignored);
        } else if (fs::is_regular_file(path)) {
            if (fs::copy_file(path, into, ignored)) copied += fs::file_size(into);
            if (copied >= most) return;
        }
    }
}

/// What an appender, a copy and an edit do to one file in seven.
void change(const fs::path& root) {
    std::vector<fs::path> files;
    for (const auto& at : fs::recursive_directory_iterator(root))
        if (at.is_regular_file() && !at.is_symlink()) files.push_back(at.path());
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i < files.size(); i += 7) {
        if (i % 3 == 0) {
            std::ofstream(files[i], std::ios::app | std::ios::binary) << "appended " << i;
        } else if (i % 3 == 1) {
            fs::copy_file(files[i], files[i].string() + ".copy");
        } else {
            std::string content = content_of(files[i]);
            if (!content.empty()) content[content.size() / 2] ^= 1;
            std::ofstream(files[i], std::ios::trunc | std::ios::binary) << content;
        }
    }
}

class LeafLimits : public ::testing::Test {
protected:
    LeafLimits()
        : is_long_(std::getenv("PERDURE_LONG") != nullptr),
          dir_(is_long_ ? TempDir() : TempDir(TempDir::memory())) {
        auto made = LocalStore::initialize(dir_ / "repository");
        EXPECT_TRUE(made);
        store_ = std::move(*made);
        InitOptions options;
        options.passphrase = Passphrase("p");
        options.cost = kCheapKdf;
        EXPECT_TRUE(Repository::initialize(*store_, options, clock_, system_random(), {}));
        Credentials credentials;
        credentials.passphrase = Passphrase("p");
        repository_ =
            std::move(*Repository::open(*store_, credentials, clock_, system_random(), {}));
        writer_ = *repository_->enrol({}, {});
    }

    /// The bytes that were stored for the first time.
    void back_up_and_restore(const std::string& tree, const std::string& target,
                             LeafIndex::Limits limits, std::uint64_t& bytes_new) {
        clock_.now_ns += 1'000'000'000;
        BackupOptions options;
        options.host = "h";
        options.leaf_limits = limits;
        std::vector<BackupRoot> roots;
        roots.push_back({"/tree", std::move(*open_files(tree, {})), EndKind::Files});
        Reporter reporter;
        const auto done =
            run_backup(*repository_, writer_, cache(), std::move(roots), options, reporter, {});
        ASSERT_TRUE(done) << done.error().describe();
        ASSERT_EQ(done->outcome, Outcome::Success);
        bytes_new = done->statistics.bytes_new;
        const auto point = repository_->load_point(done->point->session(), {});
        ASSERT_TRUE(point);
        const auto reader = PointReader::open(*repository_, *point, 16U << 20, {});
        ASSERT_TRUE(reader) << reader.error().describe();
        DirectoryTargetOptions to;
        to.restore_owner = ::geteuid() == 0;
        auto made = open_directory_target(target, to);
        ASSERT_TRUE(made);
        const std::vector<RestoreItem> items{{{&(*reader)->body().roots[0], ""}, ""}};
        const auto restored = run_restore(**reader, items, made->get(), {}, reporter, {});
        ASSERT_TRUE(restored) << restored.error().describe();
        EXPECT_EQ(tree_difference(tree, target), "");
    }

    LocalCache cache() {
        return {dir_ / "cache", repository_->id(), cache_key(*repository_, &writer_)};
    }

    const bool is_long_;
    TempDir dir_;
    FixedClock clock_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Repository> repository_;
    WriterIdentity writer_;
};

TEST_F(LeafLimits, ARealTreeAndItsNextVersionRestoreIdenticalByFingerprintsOf8Bits) {
    const fs::path tree = dir_ / "tree";
    if (is_long_)
        copy_some("/usr", tree, ~std::uint64_t{0});
    else
        copy_some("/usr/include", tree, 32U << 20);
    LeafIndex::Limits limits;
    limits.fingerprint_mask = 0xff;
    std::uint64_t bytes_new = 0;
    back_up_and_restore(tree, dir_ / "restored1", limits, bytes_new);
    fs::remove_all(dir_ / "restored1");
    change(tree);
    back_up_and_restore(tree, dir_ / "restored2", limits, bytes_new);

    CheckOptions options;
    options.level = CheckLevel::Deep;
    Reporter reporter;
    const auto checked = run_check(*repository_, options, reporter, {});
    ASSERT_TRUE(checked);
    EXPECT_EQ(checked->outcome, Outcome::Success);
    EXPECT_EQ(checked->points, 2U);
    EXPECT_GT(checked->leaves_hashed, 2048U);  // eight for each fingerprint
}

TEST_F(LeafLimits, ChangedFilesAreStoredOnceThoughOneLeafIn64IsInMemory) {
    const fs::path tree = dir_ / "tree";
    fs::create_directory(tree);
    const std::string content = noise(1, 24U << 20);
    std::ofstream(tree / "image", std::ios::binary) << content;
    LeafIndex::Limits none;
    none.exact_leaves = 0;
    std::uint64_t bytes_new = 0;
    back_up_and_restore(tree, dir_ / "restored1", none, bytes_new);
    EXPECT_EQ(bytes_new, content.size());
    std::fstream(tree / "image", std::ios::in | std::ios::out | std::ios::binary) << "changed";
    back_up_and_restore(tree, dir_ / "restored2", none, bytes_new);
    EXPECT_LT(bytes_new, 1U << 20) << "what the previous point holds is found without a hook";
}

}  // namespace
}  // namespace perdure
