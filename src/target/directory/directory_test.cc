#include "target/directory/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "support/as_user.h"
#include "support/entries.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

// finish() makes durable, which waits for everybody's writes on a disk.
class MemoryDir : public TempDir {
public:
    MemoryDir() : TempDir(TempDir::memory()) {}
};

std::unique_ptr<DirectoryTarget> open_target(const std::string& path,
                                             const DirectoryTargetOptions& options = {}) {
    auto target = open_directory_target(path, options);
    EXPECT_TRUE(target) << target.error().describe();
    return std::move(target).value();
}

std::unique_ptr<DirectoryTarget> open_target(const std::string& path, Overwrite overwrite) {
    DirectoryTargetOptions options;
    options.overwrite = overwrite;
    return open_target(path, options);
}

struct stat stat_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info;
}

std::int64_t mtime_of(const std::string& path) {
    const auto info = stat_of(path);
    return info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
}

mode_t mode_of(const std::string& path) { return stat_of(path).st_mode & 07777; }

bool has_xattr(const std::string& path, const char* name) {
    return ::lgetxattr(path.c_str(), name, nullptr, 0) >= 0;
}

void expect_no_issues(DirectoryTarget& target) {
    for (const auto& issue : target.take_issues())
        ADD_FAILURE() << issue.path << ": " << issue.text;
}

bool is_root() { return ::geteuid() == 0; }

std::size_t entries_in(const std::string& path) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++count;
    return count;
}

TEST(DirectoryTarget, AFileGetsItsContentAndMetadata) {
    MemoryDir dir;
    auto target = open_target(dir / "new/target");
    ASSERT_TRUE(put_file(*target, file_entry("f", "content", 0604), "content"));
    ASSERT_TRUE(target->finish());
    EXPECT_EQ(read_file(dir / "new/target/f"), "content");
    EXPECT_EQ(mode_of(dir / "new/target/f"), 0604u);
    EXPECT_EQ(mtime_of(dir / "new/target/f"), 1'000'000'000'123'456'789);
    expect_no_issues(*target);
}

TEST(DirectoryTarget, DirectoriesGetTheirMetadataAfterTheirContent) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    ASSERT_TRUE(target->make(directory_entry("", 0711)));
    ASSERT_TRUE(target->make(directory_entry("a", 0500)));
    ASSERT_TRUE(target->make(directory_entry("a/b", 01777)));
    ASSERT_TRUE(put_file(*target, file_entry("a/b/f", "x"), "x"));
    ASSERT_TRUE(put_file(*target, file_entry("a/f", "x"), "x"));
    ASSERT_TRUE(target->finish());
    EXPECT_EQ(mode_of(dir.path()), 0711u);
    EXPECT_EQ(mode_of(dir / "a"), 0500u);
    EXPECT_EQ(mode_of(dir / "a/b"), 01777u);
    for (const char* path : {"", "a", "a/b"})
        EXPECT_EQ(mtime_of(dir / path), 1'000'000'000'123'456'789) << path;
    expect_no_issues(*target);
    ::chmod((dir / "a").c_str(), 0700);
}

TEST(DirectoryTarget, TimesBefore1970And2038Survive) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    int i = 0;
    for (const std::int64_t time : {-1'000'000'001LL, -1LL, 0LL, 4'300'000'000'000'000'001LL}) {
        auto entry = file_entry("f" + std::to_string(i++), "");
        entry.mtime_ns = time;
        ASSERT_TRUE(put_file(*target, entry, ""));
        EXPECT_EQ(mtime_of(dir / entry.path), time);
    }
}

TEST(DirectoryTarget, WhatIsNotWrittenIsAHole) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    constexpr std::uint64_t kSize = 8 << 20;
    auto entry = file_entry("f", "");
    entry.size = kSize;
    entry.sparse = true;
    auto begun = target->begin_file(entry).value();
    auto& file = std::get<std::unique_ptr<TargetFile>>(begun);
    ASSERT_TRUE(file->write(kSize / 2, as_bytes("middle")));
    ASSERT_TRUE(file->write(4096, as_bytes("start")));
    ASSERT_TRUE(file->commit());
    const auto info = stat_of(dir / "f");
    EXPECT_EQ(info.st_size, static_cast<off_t>(kSize));
    EXPECT_LT(info.st_blocks * 512, 1 << 18);
    const auto content = read_file(dir / "f");
    EXPECT_EQ(content.substr(kSize / 2, 6), "middle");
    EXPECT_EQ(content.substr(4096, 5), "start");
}

TEST(DirectoryTarget, AFileThatIsNotCommittedLeavesNothing) {
    MemoryDir dir;
    write_file(dir / "old", "old");
    auto target = open_target(dir.path());
    for (const char* name : {"new", "old"}) {
        auto begun = target->begin_file(file_entry(name, "xyz")).value();
        ASSERT_TRUE(std::get<std::unique_ptr<TargetFile>>(begun)->write(0, as_bytes("xy")));
    }
    EXPECT_EQ(read_file(dir / "old"), "old");
    EXPECT_EQ(entries_in(dir.path()), 1u);
}

TEST(DirectoryTarget, AlwaysReplacesWithoutWritingIntoWhatIsThere) {
    MemoryDir dir;
    write_file(dir / "f", "old content");
    std::filesystem::create_hard_link(dir / "f", dir / "other");
    auto target = open_target(dir.path());
    ASSERT_TRUE(put_file(*target, file_entry("f", "new"), "new"));
    EXPECT_EQ(read_file(dir / "f"), "new");
    EXPECT_EQ(read_file(dir / "other"), "old content");
    EXPECT_EQ(entries_in(dir.path()), 2u);
}

TEST(DirectoryTarget, IfChangedLeavesWhatIsRightAndCorrectsItsMetadata) {
    MemoryDir dir;
    const auto entry = file_entry("f", "same", 0604);
    ASSERT_TRUE(put_file(*open_target(dir.path()), entry, "same"));
    ASSERT_EQ(::chmod((dir / "f").c_str(), 0777), 0);
    ::setxattr((dir / "f").c_str(), "user.extra", "x", 1, 0);
    const auto inode = stat_of(dir / "f").st_ino;
    auto target = open_target(dir.path(), Overwrite::IfChanged);
    EXPECT_TRUE(std::holds_alternative<Unchanged>(target->begin_file(entry).value()));
    EXPECT_EQ(stat_of(dir / "f").st_ino, inode);
    EXPECT_EQ(mode_of(dir / "f"), 0604u);
    EXPECT_FALSE(has_xattr(dir / "f", "user.extra"));
    EXPECT_EQ(mtime_of(dir / "f"), entry.mtime_ns);
    expect_no_issues(*target);
}

TEST(DirectoryTarget, IfChangedRewritesOtherSizesTimesAndTypes) {
    MemoryDir dir;
    const auto entry = file_entry("f", "same");
    const auto rewritten = [&] {
        auto target = open_target(dir.path(), Overwrite::IfChanged);
        auto begun = target->begin_file(entry).value();
        return std::holds_alternative<std::unique_ptr<TargetFile>>(begun);
    };
    ASSERT_TRUE(put_file(*open_target(dir.path()), entry, "same"));
    EXPECT_FALSE(rewritten());
    std::ofstream(dir / "f") << "same";
    EXPECT_TRUE(rewritten()) << "time";
    auto shorter = entry;
    shorter.size = 2;
    ASSERT_TRUE(put_file(*open_target(dir.path()), shorter, "sa"));
    EXPECT_TRUE(rewritten()) << "size";
    std::filesystem::remove(dir / "f");
    std::filesystem::create_symlink("elsewhere", dir / "f");
    EXPECT_TRUE(rewritten()) << "type";
}

TEST(DirectoryTarget, NeverKeepsWhateverIsThere) {
    MemoryDir dir;
    write_file(dir / "f", "old");
    std::filesystem::create_symlink("old", dir / "l");
    std::filesystem::create_directory(dir / "d");
    ASSERT_EQ(::chmod((dir / "d").c_str(), 0700), 0);
    auto target = open_target(dir.path(), Overwrite::Never);
    EXPECT_TRUE(std::holds_alternative<Kept>(target->begin_file(file_entry("f", "new")).value()));
    EXPECT_TRUE(std::holds_alternative<Kept>(target->begin_file(file_entry("l", "new")).value()));
    EXPECT_TRUE(std::holds_alternative<Kept>(target->begin_file(file_entry("d", "new")).value()));
    EXPECT_TRUE(target->make(symlink_entry("l", "new")));
    EXPECT_TRUE(target->make(directory_entry("d", 0755)));
    EXPECT_TRUE(put_file(*target, file_entry("d/new", "new"), "new"));
    EXPECT_EQ(target->make(directory_entry("f")).error().kind(), ErrorKind::AlreadyExists);
    ASSERT_TRUE(target->finish());
    EXPECT_EQ(read_file(dir / "f"), "old");
    EXPECT_EQ(std::filesystem::read_symlink(dir / "l"), "old");
    EXPECT_EQ(mode_of(dir / "d"), 0700u);
    EXPECT_EQ(read_file(dir / "d/new"), "new");
}

TEST(DirectoryTarget, ALinkWhereADirectoryBelongsIsReplacedNotFollowed) {
    MemoryDir dir;
    MemoryDir outside;
    std::filesystem::create_symlink(outside.path(), dir / "d");
    auto target = open_target(dir.path());
    ASSERT_TRUE(target->make(directory_entry("d")));
    ASSERT_TRUE(put_file(*target, file_entry("d/f", "x"), "x"));
    ASSERT_TRUE(target->finish());
    EXPECT_TRUE(S_ISDIR(stat_of(dir / "d").st_mode));
    EXPECT_EQ(entries_in(outside.path()), 0u);
}

TEST(DirectoryTarget, ADirectoryGivesWayOnlyIfEmptyOrAsked) {
    MemoryDir dir;
    for (const char* name : {"empty", "full", "link"})
        std::filesystem::create_directory(dir / name);
    write_file(dir / "full/a/b", "x");
    write_file(dir / "link/x", "x");
    auto target = open_target(dir.path());
    EXPECT_TRUE(put_file(*target, file_entry("empty", "x"), "x"));
    EXPECT_EQ(put_file(*target, file_entry("full", "x"), "x").error().kind(),
              ErrorKind::AlreadyExists);
    EXPECT_EQ(target->make(symlink_entry("link", "x")).error().kind(), ErrorKind::AlreadyExists);
    EXPECT_EQ(read_file(dir / "full/a/b"), "x");
    DirectoryTargetOptions options;
    options.replace_directories = true;
    target = open_target(dir.path(), options);
    EXPECT_TRUE(put_file(*target, file_entry("full", "x"), "x"));
    EXPECT_TRUE(target->make(symlink_entry("link", "x")));
    EXPECT_EQ(read_file(dir / "full"), "x");
    EXPECT_EQ(entries_in(dir.path()), 3u);
}

TEST(DirectoryTarget, LinksAndSpecialFilesAreMade) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    const std::string odd = "\xff\n/../" + std::string(3000, 'x');
    ASSERT_TRUE(target->make(symlink_entry("link", odd)));
    ASSERT_TRUE(target->make(entry_of(EntryType::Fifo, "fifo", 0622)));
    ASSERT_TRUE(target->make(entry_of(EntryType::Socket, "socket", 0755)));
    EXPECT_EQ(std::filesystem::read_symlink(dir / "link").string(), odd);
    EXPECT_EQ(mtime_of(dir / "link"), 1'000'000'000'123'456'789);
    EXPECT_EQ(stat_of(dir / "fifo").st_mode, mode_t{S_IFIFO | 0622});
    EXPECT_EQ(stat_of(dir / "socket").st_mode, mode_t{S_IFSOCK | 0755});
    EXPECT_EQ(mtime_of(dir / "fifo"), 1'000'000'000'123'456'789);
    expect_no_issues(*target);
}

TEST(DirectoryTarget, SpecialFilesAreReplacedOrKeptByTheRules) {
    MemoryDir dir;
    ASSERT_TRUE(open_target(dir.path())->make(symlink_entry("l", "same")));
    const auto inode = stat_of(dir / "l").st_ino;
    ASSERT_TRUE(open_target(dir.path(), Overwrite::IfChanged)->make(symlink_entry("l", "same")));
    EXPECT_EQ(stat_of(dir / "l").st_ino, inode);
    ASSERT_TRUE(open_target(dir.path(), Overwrite::IfChanged)->make(symlink_entry("l", "other")));
    EXPECT_EQ(std::filesystem::read_symlink(dir / "l"), "other");
    ASSERT_TRUE(open_target(dir.path())->make(entry_of(EntryType::Fifo, "l")));
    EXPECT_TRUE(S_ISFIFO(stat_of(dir / "l").st_mode));
    EXPECT_EQ(entries_in(dir.path()), 1u);
}

TEST(DirectoryTarget, MalformedLinkTargetsAreInvalidInput) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    for (const std::string& bad : {std::string(), std::string("a\0b", 3)})
        EXPECT_EQ(target->make(symlink_entry("l", bad)).error().kind(), ErrorKind::InvalidInput);
}

Entry linked(Entry entry, std::uint64_t inode, std::uint64_t links = 3) {
    entry.device = 7;
    entry.inode = inode;
    entry.links = links;
    return entry;
}

TEST(DirectoryTarget, LaterNamesBecomeHardLinks) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    ASSERT_TRUE(target->make(directory_entry("d")));
    ASSERT_TRUE(put_file(*target, linked(file_entry("a", "x"), 1), "x"));
    EXPECT_TRUE(std::holds_alternative<Linked>(
        target->begin_file(linked(file_entry("d/b", "x"), 1)).value()));
    ASSERT_TRUE(put_file(*target, linked(file_entry("other", "y"), 2), "y"));
    ASSERT_TRUE(target->make(linked(symlink_entry("l1", "t"), 3)));
    ASSERT_TRUE(target->make(linked(symlink_entry("l2", "t"), 3)));
    EXPECT_EQ(stat_of(dir / "a").st_ino, stat_of(dir / "d/b").st_ino);
    EXPECT_EQ(stat_of(dir / "l1").st_ino, stat_of(dir / "l2").st_ino);
    EXPECT_NE(stat_of(dir / "a").st_ino, stat_of(dir / "other").st_ino);
    expect_no_issues(*target);
}

TEST(DirectoryTarget, NamesThatComeWhileTheFirstIsWrittenAreLinkedAtItsCommit) {
    MemoryDir dir;
    write_file(dir / "a", "in the way");
    auto target = open_target(dir.path());
    auto first = target->begin_file(linked(file_entry("a", "x"), 1)).value();
    EXPECT_TRUE(std::holds_alternative<Linked>(
        target->begin_file(linked(file_entry("b", "x"), 1)).value()));
    EXPECT_FALSE(std::filesystem::exists(dir / "b"));
    auto& file = std::get<std::unique_ptr<TargetFile>>(first);
    ASSERT_TRUE(file->write(0, as_bytes("x")));
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(stat_of(dir / "a").st_ino, stat_of(dir / "b").st_ino);
    EXPECT_EQ(read_file(dir / "b"), "x");
}

TEST(DirectoryTarget, NamesThatWaitForAFileThatFailsAreIssues) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    {
        auto first = target->begin_file(linked(file_entry("a", "x"), 1)).value();
        EXPECT_TRUE(target->begin_file(linked(file_entry("b", "x"), 1)));
    }
    const auto issues = target->take_issues();
    ASSERT_EQ(issues.size(), 1u);
    EXPECT_EQ(issues[0].path, "b");
    EXPECT_EQ(entries_in(dir.path()), 0u);
    ASSERT_TRUE(put_file(*target, linked(file_entry("c", "x"), 1), "x"));
    EXPECT_EQ(read_file(dir / "c"), "x");
}

TEST(DirectoryTarget, HardLinksAreRestoredOverExistingEntries) {
    MemoryDir dir;
    write_file(dir / "a", "old");
    write_file(dir / "b", "old");
    for (const auto overwrite : {Overwrite::Always, Overwrite::IfChanged, Overwrite::Always}) {
        auto target = open_target(dir.path(), overwrite);
        for (const char* name : {"a", "b"})
            ASSERT_TRUE(put_file(*target, linked(file_entry(name, "x"), 1, 2), "x"));
        ASSERT_TRUE(target->finish());
        expect_no_issues(*target);
        EXPECT_EQ(read_file(dir / "a"), "x");
        EXPECT_EQ(stat_of(dir / "a").st_ino, stat_of(dir / "b").st_ino);
        EXPECT_EQ(stat_of(dir / "a").st_nlink, 2u);
        EXPECT_EQ(entries_in(dir.path()), 2u);
    }
}

TEST(DirectoryTarget, AFileWithForeignNamesIsReplacedNotTouched) {
    MemoryDir dir;
    const auto entry = file_entry("f", "same", 0600);
    ASSERT_TRUE(put_file(*open_target(dir.path()), entry, "same"));
    std::filesystem::create_hard_link(dir / "f", dir / "foreign");
    ASSERT_EQ(::chmod((dir / "foreign").c_str(), 0644), 0);
    auto target = open_target(dir.path(), Overwrite::IfChanged);
    ASSERT_TRUE(put_file(*target, entry, "same"));
    EXPECT_EQ(mode_of(dir / "foreign"), 0644u);
    EXPECT_NE(stat_of(dir / "f").st_ino, stat_of(dir / "foreign").st_ino);
}

Entry with_xattr(Entry entry, std::string name, std::string value) {
    entry.xattrs.push_back({std::move(name), std::move(value)});
    return entry;
}

// user::rw-, user:4242:r--, group::---, mask::r--, other::---, as the kernel keeps it.
const std::string kAcl(
    "\2\0\0\0"
    "\1\0\6\0\377\377\377\377"
    "\2\0\4\0\222\20\0\0"
    "\4\0\0\0\377\377\377\377"
    "\20\0\4\0\377\377\377\377"
    "\40\0\0\0\377\377\377\377",
    44);

TEST(DirectoryTarget, AttributesAndAclsAreSetAndOthersRemoved) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    auto entry = with_xattr(file_entry("f", "x", 0640), "system.posix_acl_access", kAcl);
    entry = with_xattr(entry, "user.a", std::string("\0\xff", 2));
    ASSERT_TRUE(put_file(*target, entry, "x"));
    ASSERT_TRUE(target->make(with_xattr(directory_entry("d"), "system.posix_acl_default", kAcl)));
    ASSERT_TRUE(put_file(*target, file_entry("d/bare", "x", 0604), "x"));
    ASSERT_TRUE(target->finish());
    expect_no_issues(*target);
    char value[64];
    EXPECT_EQ(::getxattr((dir / "f").c_str(), "user.a", value, sizeof value), 2);
    EXPECT_EQ(::getxattr((dir / "f").c_str(), "system.posix_acl_access", value, sizeof value), 44);
    EXPECT_EQ(mode_of(dir / "f"), 0640u);
    EXPECT_FALSE(has_xattr(dir / "d/bare", "system.posix_acl_access"));

    // Again, over it, without them, and with something new in the directory that hands an ACL on.
    target = open_target(dir.path(), Overwrite::IfChanged);
    ASSERT_TRUE(put_file(*target, file_entry("f", "x", 0640), "x"));
    ASSERT_TRUE(target->make(with_xattr(directory_entry("d"), "system.posix_acl_default", kAcl)));
    ASSERT_TRUE(put_file(*target, file_entry("d/new", "x", 0604), "x"));
    ASSERT_TRUE(target->make(directory_entry("d/e", 0705)));
    ASSERT_TRUE(target->finish());
    expect_no_issues(*target);
    EXPECT_FALSE(has_xattr(dir / "f", "user.a"));
    EXPECT_FALSE(has_xattr(dir / "f", "system.posix_acl_access"));
    EXPECT_EQ(mode_of(dir / "f"), 0640u);
    EXPECT_TRUE(has_xattr(dir / "d", "system.posix_acl_default"));
    EXPECT_FALSE(has_xattr(dir / "d/new", "system.posix_acl_access"));
    EXPECT_FALSE(has_xattr(dir / "d/e", "system.posix_acl_default"));
    EXPECT_EQ(mode_of(dir / "d/new"), 0604u);
    EXPECT_EQ(mode_of(dir / "d/e"), 0705u);
}

TEST(DirectoryTarget, AMalformedAttributeIsAnIssue) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    auto entry = with_xattr(file_entry("f", "x"), std::string("user.a\0b", 8), "v");
    entry = with_xattr(entry, "nonsense", "v");
    ASSERT_TRUE(put_file(*target, entry, "x"));
    EXPECT_EQ(target->take_issues().size(), 2u);
    EXPECT_EQ(read_file(dir / "f"), "x");
}

// A hostile or merely foreign entry must not look like a broken disk, after which a run stops.
TEST(DirectoryTarget, WhatTheFilesystemCannotHoldIsUnsupported) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    auto huge = file_entry("huge", "");
    huge.size = 0xffff'ffff'ffff'fff0;
    auto begun = target->begin_file(huge).value();
    auto& file = std::get<std::unique_ptr<TargetFile>>(begun);
    EXPECT_EQ(file->write(0x7fff'ffff'ffff'fff0, as_bytes("0123456789abcdef0123")).error().kind(),
              ErrorKind::Unsupported);
    EXPECT_EQ(file->commit().error().kind(), ErrorKind::Unsupported);
    EXPECT_EQ(target->make(symlink_entry("long", std::string(5000, 'x'))).error().kind(),
              ErrorKind::Unsupported);
}

int flags_of(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY));
    int flags = 0;
    return ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0 ? flags : -1;
}

Entry with_flags(Entry entry, std::uint32_t flags) {
    entry.inode_flags = flags;
    return entry;
}

TEST(DirectoryTarget, ImmutableTreesAreRestoredTwice) {
    TempDir dir;
    write_file(dir / "probe", "");
    if (!is_root() || flags_of(dir / "probe") < 0) GTEST_SKIP() << "needs root and inode flags";
    const auto restore = [&](Overwrite overwrite) {
        auto target = open_target(dir.path(), overwrite);
        ASSERT_TRUE(target->make(with_flags(directory_entry("d"), FS_IMMUTABLE_FL)));
        ASSERT_TRUE(put_file(*target, with_flags(file_entry("d/i", "x"), FS_IMMUTABLE_FL), "x"));
        ASSERT_TRUE(put_file(*target, with_flags(file_entry("d/a", "x"), FS_APPEND_FL), "x"));
        for (const char* name : {"d/l1", "d/l2"})
            ASSERT_TRUE(put_file(
                *target, linked(with_flags(file_entry(name, "x"), FS_IMMUTABLE_FL), 1, 2), "x"));
        ASSERT_TRUE(put_file(*target, with_flags(file_entry("d/n", "x"), FS_NODUMP_FL), "x"));
        ASSERT_TRUE(target->finish());
        expect_no_issues(*target);
        EXPECT_TRUE(flags_of(dir / "d") & FS_IMMUTABLE_FL);
        EXPECT_TRUE(flags_of(dir / "d/i") & FS_IMMUTABLE_FL);
        EXPECT_TRUE(flags_of(dir / "d/a") & FS_APPEND_FL);
        EXPECT_TRUE(flags_of(dir / "d/l2") & FS_IMMUTABLE_FL);
        EXPECT_TRUE(flags_of(dir / "d/n") & FS_NODUMP_FL);
        EXPECT_EQ(stat_of(dir / "d/l1").st_nlink, 2u);
        EXPECT_EQ(entries_in(dir / "d"), 5u);
    };
    restore(Overwrite::Always);
    restore(Overwrite::Always);
    restore(Overwrite::IfChanged);
    // Restored without flags, they go: what is left can be removed.
    auto target = open_target(dir.path(), Overwrite::IfChanged);
    ASSERT_TRUE(target->make(directory_entry("d")));
    for (const char* name : {"d/i", "d/a", "d/n"})
        ASSERT_TRUE(put_file(*target, file_entry(name, "x"), "x"));
    for (const char* name : {"d/l1", "d/l2"})
        ASSERT_TRUE(put_file(*target, linked(file_entry(name, "x"), 1, 2), "x"));
    ASSERT_TRUE(target->finish());
    expect_no_issues(*target);
    EXPECT_FALSE(flags_of(dir / "d/n") & FS_NODUMP_FL);
}

TEST(DirectoryTarget, OwnersDevicesAndSetuidAreRestoredAsRoot) {
    if (!is_root()) GTEST_SKIP() << "needs root";
    MemoryDir dir;
    auto target = open_target(dir.path());
    auto entry = file_entry("setuid", "x", 06755);
    entry.uid = 4'294'967'294;
    entry.gid = 4'294'967'294;
    const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    ASSERT_TRUE(put_file(*target, with_xattr(entry, "security.capability", capability), "x"));
    auto device = entry_of(EntryType::CharDevice, "device", 0660);
    device.device_major = 1;
    device.device_minor = 3;
    ASSERT_TRUE(target->make(device));
    auto link = symlink_entry("link", "x");
    link.uid = 12;
    ASSERT_TRUE(target->make(link));
    ASSERT_TRUE(target->finish());
    expect_no_issues(*target);
    EXPECT_EQ(mode_of(dir / "setuid"), 06755u);
    EXPECT_EQ(stat_of(dir / "setuid").st_uid, 4'294'967'294u);
    EXPECT_TRUE(has_xattr(dir / "setuid", "security.capability"));
    EXPECT_EQ(stat_of(dir / "device").st_rdev, makedev(1, 3));
    EXPECT_EQ(stat_of(dir / "link").st_uid, 12u);
}

TEST(DirectoryTarget, SetuidIsNeverGivenToAnotherOwner) {
    MemoryDir dir;
    DirectoryTargetOptions options;
    options.restore_owner = false;
    auto target = open_target(dir.path(), options);
    for (const std::uint32_t uid : {12345u, 0xffffffffu}) {
        auto entry = file_entry("f" + std::to_string(uid), "x", 06755);
        entry.uid = uid;
        ASSERT_TRUE(put_file(*target, entry, "x"));
        EXPECT_EQ(mode_of(dir / entry.path), 0755u);
    }
    const auto issues = target->take_issues();
    ASSERT_EQ(issues.size(), 3u);
    EXPECT_NE(issues[2].text.find("owner not restored"), std::string::npos);
    EXPECT_NE(issues[2].text.find("1 more"), std::string::npos);
    if (!is_root()) return;
    auto all_ones = file_entry("minus-one", "x", 06755);
    all_ones.uid = 0xffffffff;
    target = open_target(dir.path());
    ASSERT_TRUE(put_file(*target, all_ones, "x"));
    EXPECT_EQ(mode_of(dir / "minus-one"), 0755u);
}

TEST(DirectoryTarget, AUserRestoresTheirOwnAndIsToldTheRest) {
    MemoryDir dir;
    ASSERT_EQ(::chmod(dir.path().c_str(), 0777), 0);
    EXPECT_TRUE(succeeds_as_user([&] {
        auto target = open_target(dir / "t");
        ASSERT_TRUE(target->make(directory_entry("locked", 0500)));
        ASSERT_TRUE(
            put_file(*target, with_xattr(file_entry("locked/f", "x", 0400), "user.a", "1"), "x"));
        ASSERT_TRUE(put_file(*target, file_entry("setuid", "x", 04755), "x"));
        ASSERT_TRUE(target->finish());
        expect_no_issues(*target);
        EXPECT_EQ(mode_of(dir / "t/locked"), 0500u);
        EXPECT_TRUE(has_xattr(dir / "t/locked/f", "user.a"));
        EXPECT_EQ(mode_of(dir / "t/setuid"), 04755u);

        // Again, into what is now read-only.
        for (const auto overwrite : {Overwrite::IfChanged, Overwrite::Always}) {
            target = open_target(dir / "t", overwrite);
            ASSERT_TRUE(target->make(directory_entry("locked", 0500)));
            ASSERT_TRUE(put_file(
                *target, with_xattr(file_entry("locked/f", "x", 0400), "user.b", "1"), "x"));
            ASSERT_TRUE(target->finish());
            expect_no_issues(*target);
            EXPECT_EQ(mode_of(dir / "t/locked"), 0500u);
            EXPECT_EQ(mode_of(dir / "t/locked/f"), 0400u);
            EXPECT_TRUE(has_xattr(dir / "t/locked/f", "user.b"));
            EXPECT_FALSE(has_xattr(dir / "t/locked/f", "user.a"));
        }

        auto foreign = file_entry("foreign", "x", 04755);
        foreign.uid = 1;
        ASSERT_TRUE(put_file(*target, with_xattr(foreign, "trusted.t", "v"), "x"));
        ASSERT_TRUE(put_file(*target, foreign, "x"));
        auto device = entry_of(EntryType::BlockDevice, "device");
        ASSERT_TRUE(target->make(device));
        EXPECT_EQ(mode_of(dir / "t/foreign"), 0755u);
        EXPECT_FALSE(std::filesystem::exists(dir / "t/device"));
        std::string all;
        for (const auto& issue : target->take_issues())
            all += issue.path + ": " + issue.text + "\n";
        EXPECT_NE(all.find("foreign: not restored without root: trusted.t"), std::string::npos);
        EXPECT_NE(all.find("device: not restored without root"), std::string::npos);
        EXPECT_NE(all.find("setuid and setgid bits not restored"), std::string::npos);
        EXPECT_NE(all.find("owner not restored without root (and of 1 more"), std::string::npos)
            << all;
    }));
}

TEST(DirectoryTarget, RemoveOthersRemovesWholeTreesAndNoLinkTargets) {
    MemoryDir dir;
    MemoryDir outside;
    write_file(outside / "precious", "x");
    for (const char* name : {"d/keep/x", "d/go/a/b/c", "d/file", "e/x"}) write_file(dir / name, "");
    std::filesystem::create_symlink(outside.path(), dir / "d/link");
    std::filesystem::create_symlink(outside.path(), dir / "d/go/a/link");
    auto target = open_target(dir.path());
    const auto removed = target->remove_others("d", {"absent", "keep"}).value();
    EXPECT_EQ(removed, (std::vector<std::string>{"d/file", "d/go", "d/link"}));
    EXPECT_TRUE(std::filesystem::exists(dir / "d/keep/x"));
    EXPECT_TRUE(std::filesystem::exists(dir / "e/x"));
    EXPECT_EQ(entries_in(dir / "d"), 1u);
    EXPECT_EQ(entries_in(outside.path()), 1u);
    expect_no_issues(*target);
    EXPECT_EQ(target->remove_others("", {}).value(), (std::vector<std::string>{"d", "e"}));
    EXPECT_EQ(entries_in(dir.path()), 0u);
}

TEST(DirectoryTarget, WhatCannotBeRemovedIsAnIssue) {
    MemoryDir dir;
    write_file(dir / "d/locked/f", "x");
    write_file(dir / "d/z", "x");
    ASSERT_EQ(::chmod(dir.path().c_str(), 0777), 0);
    ASSERT_EQ(::chmod((dir / "d").c_str(), 0777), 0);
    ASSERT_EQ(::chmod((dir / "d/locked").c_str(), 0555), 0);
    EXPECT_TRUE(succeeds_as_user([&] {
        auto target = open_target(dir.path());
        EXPECT_EQ(target->remove_others("d", {}).value(), (std::vector<std::string>{"d/z"}));
        const auto issues = target->take_issues();
        ASSERT_EQ(issues.size(), 1u);
        EXPECT_EQ(issues[0].path, "d/locked/f");
    }));
    ::chmod((dir / "d/locked").c_str(), 0755);
}

TEST(DirectoryTarget, PathsBeyondPathMaxAreMadeAndRemoved) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    std::string path;
    for (int i = 0; i < 200; ++i) {
        path += (i == 0 ? "" : "/") + std::string(100, 'n');
        ASSERT_TRUE(target->make(directory_entry(path)));
    }
    ASSERT_TRUE(put_file(*target, file_entry(path + "/f", "x"), "x"));
    ASSERT_TRUE(target->finish());
    expect_no_issues(*target);
    target = open_target(dir.path(), Overwrite::Never);
    EXPECT_TRUE(
        std::holds_alternative<Kept>(target->begin_file(file_entry(path + "/f", "x")).value()));
    EXPECT_EQ(target->remove_others("", {}).value().size(), 1u);
}

TEST(DirectoryTarget, SeveralThreadsMakeFilesAndLinksAtOnce) {
    MemoryDir dir;
    auto target = open_target(dir.path());
    constexpr int kThreads = 4;
    constexpr int kFiles = 300;
    for (int d = 0; d < 10; ++d) ASSERT_TRUE(target->make(directory_entry(std::to_string(d))));
    {
        std::vector<std::jthread> threads;
        threads.reserve(kThreads);
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < kFiles; ++i) {
                    const std::string path =
                        std::to_string(i % 10) + "/" + std::to_string(t) + "-" + std::to_string(i);
                    const auto inode = static_cast<std::uint64_t>(i);
                    auto entry = file_entry(path, "content");
                    if (i % 3 == 0) entry = linked(entry, inode, kThreads);
                    EXPECT_TRUE(put_file(*target, entry, "content"));
                }
            });
    }
    ASSERT_TRUE(target->finish());
    expect_no_issues(*target);
    for (int t = 0; t < kThreads; ++t)
        for (int i = 0; i < kFiles; ++i) {
            const std::string path =
                std::to_string(i % 10) + "/" + std::to_string(t) + "-" + std::to_string(i);
            EXPECT_EQ(read_file(dir / path), "content");
            EXPECT_EQ(stat_of(dir / path).st_nlink, i % 3 == 0 ? kThreads : 1);
        }
}

}  // namespace
}  // namespace perdure
