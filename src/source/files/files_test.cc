#include "source/files/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "source/files/open_file.h"
#include "support/as_user.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

struct Tree {
    std::unique_ptr<FileSource> source;
    std::map<std::string, WalkedEntry> entries;
    WalkedEntry& operator[](const std::string& path) { return entries.at(path); }
};

Tree walk_tree(const std::string& root) {
    Tree tree{open_files(root, {}).value(), {}};
    auto walk = tree.source->walk();
    while (auto event = walk->next()) {
        auto* walked = std::get_if<WalkedEntry>(&*event);
        EXPECT_NE(walked, nullptr);
        if (walked != nullptr) tree.entries.emplace(walked->entry.path, std::move(*walked));
    }
    return tree;
}

std::unique_ptr<OpenFile> open(Tree& tree, const std::string& path) {
    auto opened = tree.source->open(tree[path]);
    auto* file = std::get_if<0>(&opened);
    EXPECT_NE(file, nullptr) << std::get<1>(opened).text;
    return file != nullptr ? std::move(*file) : nullptr;
}

Issue issue_of_open(Tree& tree, const std::string& path) {
    auto opened = tree.source->open(tree[path]);
    auto* issue = std::get_if<1>(&opened);
    EXPECT_NE(issue, nullptr);
    return issue != nullptr ? *issue : Issue{};
}

TEST(OpenFile, ReadsAtAnyOffsetAndStopsAtTheEnd) {
    TempDir dir;
    write_file(dir / "f", "0123456789");
    auto tree = walk_tree(dir.path());
    auto file = open(tree, "f");
    Buffer buffer(100);
    EXPECT_EQ(file->read(0, buffer).value(), 10u);
    EXPECT_EQ(file->read(7, MutableByteView(buffer).first(2)).value(), 2u);
    EXPECT_EQ(as_text(ByteView(buffer).first(2)), "78");
    EXPECT_EQ(file->read(10, buffer).value(), 0u);
    EXPECT_EQ(file->size(), 10u);
    EXPECT_FALSE(file->changed_since_open().value());
}

TEST(OpenFile, RefreshesTheEntryFromTheFileItOpened) {
    TempDir dir;
    write_file(dir / "f", "12");
    auto tree = walk_tree(dir.path());
    write_file(dir / "f", "12345");
    open(tree, "f");
    EXPECT_EQ(tree["f"].entry.size, 5u);
}

TEST(OpenFile, AFileChangedWhileReadSaysSo) {
    TempDir dir;
    write_file(dir / "f", "12");
    auto tree = walk_tree(dir.path());
    auto file = open(tree, "f");
    std::ofstream(dir / "f", std::ios::app) << "3";
    EXPECT_TRUE(file->changed_since_open().value());
    EXPECT_EQ(file->size(), 2u);
}

TEST(OpenFile, OneThatIsGoneIsVanished) {
    TempDir dir;
    write_file(dir / "f", "12");
    auto tree = walk_tree(dir.path());
    std::filesystem::remove(dir / "f");
    EXPECT_EQ(issue_of_open(tree, "f").kind, IssueKind::Vanished);
}

TEST(OpenFile, OneReplacedByALinkIsNotFollowed) {
    TempDir dir;
    write_file(dir / "f", "12");
    write_file(dir / "secret", "34");
    auto tree = walk_tree(dir.path());
    std::filesystem::remove(dir / "f");
    std::filesystem::create_symlink("secret", dir / "f");
    EXPECT_EQ(issue_of_open(tree, "f").kind, IssueKind::Vanished);
}

TEST(OpenFile, OneReplacedByAnotherFileIsNotTakenForIt) {
    TempDir dir;
    write_file(dir / "f", "12");
    write_file(dir / "other", "34");
    auto tree = walk_tree(dir.path());
    std::filesystem::rename(dir / "other", dir / "f");
    EXPECT_EQ(issue_of_open(tree, "f").kind, IssueKind::Vanished);
}

TEST(OpenFile, OneReplacedByAFifoDoesNotBlock) {
    TempDir dir;
    write_file(dir / "f", "12");
    auto tree = walk_tree(dir.path());
    std::filesystem::remove(dir / "f");
    ASSERT_EQ(::mkfifo((dir / "f").c_str(), 0600), 0);
    EXPECT_EQ(issue_of_open(tree, "f").kind, IssueKind::Vanished);
}

TEST(OpenFile, AnUnreadableOneIsUnreadable) {
    TempDir dir;
    write_file(dir / "f", "12");
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod((dir / "f").c_str(), 0), 0);
    EXPECT_TRUE(succeeds_as_user([&] {
        auto tree = walk_tree(dir.path());
        EXPECT_EQ(issue_of_open(tree, "f").kind, IssueKind::Unreadable);
    }));
}

TEST(OpenFile, AMovedParentStillLeadsToItsFile) {
    TempDir dir;
    TempDir outside;
    write_file(dir / "a/f", "right");
    write_file(outside / "f", "wrong");
    auto tree = walk_tree(dir.path());
    std::filesystem::rename(dir / "a", dir / "b");
    std::filesystem::create_symlink(outside.path(), dir / "a");
    auto file = open(tree, "a/f");
    Buffer buffer(10);
    const auto length = file->read(0, buffer).value();
    EXPECT_EQ(as_text(ByteView(buffer).first(length)), "right");
}

// What a hostile user does to a backup that runs as root: a directory and a link to another place
// take turns as fast as they can (reliability A4). Nothing of that place is ever read.
TEST(OpenFile, ALinkThatComesAndGoesIsNeverFollowed) {
    TempDir dir(TempDir::memory());
    TempDir outside(TempDir::memory());
    for (int i = 0; i < 20; ++i) {
        write_file(dir / "a/x/f" + std::to_string(i), "inside");
        write_file(outside / "f" + std::to_string(i), "secret");
    }
    std::filesystem::create_symlink(outside.path(), dir / "a/link");
    std::jthread swapper([&](std::stop_token stop) {
        while (!stop.stop_requested())
            ::renameat2(AT_FDCWD, (dir / "a/x").c_str(), AT_FDCWD, (dir / "a/link").c_str(),
                        RENAME_EXCHANGE);
    });
    std::size_t read = 0;
    for (int i = 0; i < 300; ++i) {
        auto source = open_files(dir.path(), {}).value();
        auto walk = source->walk();
        while (auto event = walk->next()) {
            auto* walked = std::get_if<WalkedEntry>(&*event);
            if (walked == nullptr || walked->entry.type != EntryType::File) continue;
            auto opened = source->open(*walked);
            if (opened.index() != 0) continue;
            Buffer buffer(10);
            const auto length = std::get<0>(opened)->read(0, buffer).value();
            ASSERT_EQ(as_text(ByteView(buffer).first(length)), "inside");
            ++read;
        }
    }
    EXPECT_GT(read, 0u);
}

constexpr std::uint64_t kStep = 1 << 20;

TEST(OpenFile, HolesAreFoundAtStartMiddleAndEnd) {
    TempDir dir;
    {
        Fd fd(::open((dir / "f").c_str(), O_CREAT | O_WRONLY, 0600));
        ASSERT_EQ(::pwrite(fd.get(), "x", 1, kStep), 1);
        ASSERT_EQ(::pwrite(fd.get(), "y", 1, 3 * kStep), 1);
        ASSERT_EQ(::ftruncate(fd.get(), 5 * kStep), 0);
    }
    auto tree = walk_tree(dir.path());
    auto file = open(tree, "f");
    EXPECT_TRUE(file->may_be_sparse());
    const auto extents = file->data_extents().value();
    ASSERT_EQ(extents.size(), 2u);
    EXPECT_EQ(extents[0].offset, kStep);
    EXPECT_LE(extents[0].length, 65536u);
    EXPECT_EQ(extents[1].offset, 3 * kStep);
}

TEST(OpenFile, AFileThatIsAllHoleHasNoExtents) {
    TempDir dir;
    write_file(dir / "f", "");
    ASSERT_EQ(::truncate((dir / "f").c_str(), 1LL << 40), 0);
    auto tree = walk_tree(dir.path());
    auto file = open(tree, "f");
    EXPECT_TRUE(file->may_be_sparse());
    EXPECT_TRUE(file->data_extents().value().empty());
}

TEST(OpenFile, AHoleThatHoldsDataIsNotBelieved) {
    TempDir dir;
    write_file(dir / "f",
               std::string(kStep, '\0') + std::string(kStep, 'x') + std::string(kStep, '\0'));
    auto tree = walk_tree(dir.path());
    auto file = open(tree, "f");
    EXPECT_TRUE(data_in_holes(*file, {}, 3 * kStep).value() == false) << "ends are zero";
    EXPECT_FALSE(data_in_holes(*file, {{kStep, kStep}}, 3 * kStep).value());
    EXPECT_TRUE(data_in_holes(*file, {{kStep + 4096, kStep - 4096}}, 3 * kStep).value());
    EXPECT_TRUE(data_in_holes(*file, {{kStep, kStep / 2}}, 2 * kStep).value());
}

std::map<std::string, std::string> xattrs_of(const Entry& entry) {
    std::map<std::string, std::string> all;
    for (const auto& x : entry.xattrs)
        if (x.name.starts_with("user.") || x.name.starts_with("trusted.")) all[x.name] = x.value;
    return all;
}

TEST(Details, AttributesOfFilesAndDirectoriesAreReadInOrder) {
    TempDir dir;
    write_file(dir / "f", "x");
    const std::string big(1000, 'v');
    for (const char* path : {"", "f"}) {
        const auto full = dir / path;
        if (::setxattr(full.c_str(), "user.b", big.data(), big.size(), 0) != 0)
            GTEST_SKIP() << "no user attributes here";
        ASSERT_EQ(::setxattr(full.c_str(), "user.a", "", 0, 0), 0);
        ASSERT_EQ(::setxattr(full.c_str(), "user.c\xff", "\0\n", 2, 0), 0);
    }
    auto tree = walk_tree(dir.path());
    const std::map<std::string, std::string> expected{
        {"user.a", ""}, {"user.b", big}, {"user.c\xff", std::string("\0\n", 2)}};
    auto file = open(tree, "f");
    EXPECT_TRUE(tree.source->read_details(tree["f"], file.get()).empty());
    EXPECT_EQ(xattrs_of(tree["f"].entry), expected);
    EXPECT_TRUE(tree.source->read_details(tree["f"], nullptr).empty());
    EXPECT_EQ(xattrs_of(tree["f"].entry), expected);
    EXPECT_TRUE(tree.source->read_details(tree[""], nullptr).empty());
    EXPECT_EQ(xattrs_of(tree[""].entry), expected);
    EXPECT_TRUE(std::is_sorted(tree[""].entry.xattrs.begin(), tree[""].entry.xattrs.end(),
                               [](const auto& a, const auto& b) { return a.name < b.name; }));
}

TEST(Details, ManyAttributesAndTheLargestValueAreRead) {
    TempDir dir(TempDir::memory());
    write_file(dir / "f", "x");
    const std::string largest(65536, 'v');
    if (::setxattr((dir / "f").c_str(), "trusted.big", largest.data(), largest.size(), 0) != 0)
        GTEST_SKIP() << "needs root and a filesystem with large attributes";
    for (int i = 0; i < 200; ++i)
        ASSERT_EQ(
            ::setxattr((dir / "f").c_str(), ("trusted.n" + std::to_string(i)).c_str(), "v", 1, 0),
            0);
    auto tree = walk_tree(dir.path());
    EXPECT_TRUE(tree.source->read_details(tree["f"], nullptr).empty());
    const auto found = xattrs_of(tree["f"].entry);
    EXPECT_EQ(found.size(), 201u);
    EXPECT_EQ(found.at("trusted.big"), largest);
}

TEST(Details, LinkTargetsAreVerbatimAndTheLinkIsNotFollowed) {
    TempDir dir;
    write_file(dir / "f", "x");
    ::setxattr((dir / "f").c_str(), "user.a", "1", 1, 0);
    const std::string odd = "\xff/\n../" + std::string(4000, 'x');
    ASSERT_EQ(::symlink(odd.c_str(), (dir / "odd").c_str()), 0);
    ASSERT_EQ(::symlink("f", (dir / "link").c_str()), 0);
    if (::geteuid() == 0) {
        ASSERT_EQ(::lsetxattr((dir / "link").c_str(), "trusted.l", "2", 1, 0), 0);
    }
    auto tree = walk_tree(dir.path());
    EXPECT_TRUE(tree.source->read_details(tree["odd"], nullptr).empty());
    EXPECT_EQ(tree["odd"].entry.link_target, odd);
    EXPECT_TRUE(tree.source->read_details(tree["link"], nullptr).empty());
    EXPECT_EQ(tree["link"].entry.link_target, "f");
    const auto xattrs = xattrs_of(tree["link"].entry);
    EXPECT_FALSE(xattrs.contains("user.a"));
    EXPECT_EQ(xattrs.contains("trusted.l"), ::geteuid() == 0);
}

TEST(Details, AFifoIsNotOpened) {
    TempDir dir;
    ASSERT_EQ(::mkfifo((dir / "f").c_str(), 0600), 0);
    auto tree = walk_tree(dir.path());
    EXPECT_TRUE(tree.source->read_details(tree["f"], nullptr).empty());
}

TEST(Details, WhatIsGoneOrReplacedIsVanished) {
    TempDir dir;
    for (const char* name : {"file", "dir/x"}) write_file(dir / name, "");
    std::filesystem::create_symlink("a", dir / "gone");
    std::filesystem::create_symlink("a", dir / "link");
    ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
    auto tree = walk_tree(dir.path());
    std::filesystem::rename(dir / "dir", dir / "other");
    for (const char* name : {"file", "link", "fifo", "gone"}) std::filesystem::remove(dir / name);
    std::filesystem::create_directory(dir / "file");
    std::filesystem::create_directory(dir / "dir");
    write_file(dir / "link", "");
    write_file(dir / "fifo", "");
    for (const char* name : {"file", "dir", "link", "fifo", "gone"}) {
        const auto issues = tree.source->read_details(tree[name], nullptr);
        ASSERT_EQ(issues.size(), 1u) << name;
        EXPECT_EQ(issues[0].kind, IssueKind::Vanished) << name;
    }
}

TEST(Details, UnreadableAttributesAreAnIssueAndTheEntryStays) {
    TempDir dir;
    write_file(dir / "f", "");
    if (::setxattr((dir / "f").c_str(), "user.a", "1", 1, 0) != 0) GTEST_SKIP();
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod((dir / "f").c_str(), 0), 0);
    EXPECT_TRUE(succeeds_as_user([&] {
        auto tree = walk_tree(dir.path());
        const auto issues = tree.source->read_details(tree["f"], nullptr);
        ASSERT_FALSE(issues.empty());
        for (const auto& issue : issues) EXPECT_EQ(issue.kind, IssueKind::MetadataLost);
        EXPECT_NE(issues.back().text.find("user.a"), std::string::npos) << issues.back().text;
    }));
}

TEST(Details, InodeFlagsThatCanBeSetAgainAreRead) {
    TempDir dir;
    write_file(dir / "f", "x");
    Fd fd(::open((dir / "f").c_str(), O_RDONLY));
    int flags = 0;
    if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) GTEST_SKIP() << "no inode flags here";
    flags |= FS_NODUMP_FL | FS_NOATIME_FL;
    ASSERT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
    auto tree = walk_tree(dir.path());
    auto file = open(tree, "f");
    EXPECT_TRUE(tree.source->read_details(tree["f"], file.get()).empty());
    EXPECT_EQ(tree["f"].entry.inode_flags, unsigned{FS_NODUMP_FL | FS_NOATIME_FL});
}

}  // namespace
}  // namespace perdure
