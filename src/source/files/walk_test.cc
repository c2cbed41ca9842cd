#include "source/files/walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "source/files/files.h"
#include "support/as_user.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

struct Walked {
    std::vector<std::string> entries;
    std::vector<std::string> excluded;
    std::vector<Issue> issues;
};

Walked collect(FileWalk& walk, const std::function<void(const WalkedEntry&)>& on_entry = {}) {
    Walked result;
    while (auto event = walk.next()) {
        if (auto* entry = std::get_if<WalkedEntry>(&*event)) {
            result.entries.push_back(entry->entry.path);
            if (on_entry) on_entry(*entry);
        } else if (auto* excluded = std::get_if<Excluded>(&*event)) {
            result.excluded.push_back(excluded->path);
        } else {
            result.issues.push_back(std::get<Issue>(*event));
        }
    }
    return result;
}

Walked walk_all(const std::string& root, const FilesOptions& options = {}) {
    auto source = open_files(root, options);
    EXPECT_TRUE(source) << source.error().describe();
    return collect(*source.value()->walk());
}

using Paths = std::vector<std::string>;

TEST(Walk, EntriesComeInPathOrderWithParentsFirst) {
    TempDir dir;
    for (const char* name : {"a/x", "a-b/y", "a.c", "a/b/z", "\xff", "A", "a/-"})
        write_file(dir / name, "");
    const auto walked = walk_all(dir.path());
    EXPECT_EQ(walked.entries,
              (Paths{"", "A", "a", "a/-", "a/b", "a/b/z", "a/x", "a-b", "a-b/y", "a.c", "\xff"}));
    EXPECT_TRUE(std::is_sorted(walked.entries.begin(), walked.entries.end(), path_less));
    EXPECT_TRUE(walked.issues.empty());
}

TEST(Walk, TellsWhatLstatTells) {
    TempDir dir;
    write_file(dir / "file", "12345");
    ASSERT_EQ(::chmod((dir / "file").c_str(), 04751), 0);
    const timespec times[2] = {{0, UTIME_OMIT}, {-2, 999'999'999}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (dir / "file").c_str(), times, 0), 0);
    ASSERT_EQ(::link((dir / "file").c_str(), (dir / "link").c_str()), 0);
    ASSERT_EQ(::symlink("nowhere/at/all", (dir / "symlink").c_str()), 0);
    ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
    std::vector<Entry> entries;
    auto source = open_files(dir.path(), {}).value();
    collect(*source->walk(), [&](const WalkedEntry& w) { entries.push_back(w.entry); });
    ASSERT_EQ(entries.size(), 5u);
    EXPECT_EQ(entries[0].type, EntryType::Directory);
    EXPECT_EQ(entries[0].size, 0u);
    EXPECT_EQ(entries[1].type, EntryType::Fifo);
    const Entry& file = entries[2];
    EXPECT_EQ(file.type, EntryType::File);
    EXPECT_EQ(file.size, 5u);
    EXPECT_EQ(file.mode, 04751u);
    EXPECT_EQ(file.mtime_ns, -1'000'000'001);
    EXPECT_EQ(file.uid, ::geteuid());
    EXPECT_EQ(file.links, 2u);
    if (::geteuid() == 0) {
        EXPECT_EQ(file.user, "root");
        EXPECT_EQ(file.group, "root");
    }
    EXPECT_EQ(entries[3].inode, file.inode);
    EXPECT_EQ(entries[4].type, EntryType::Symlink);
    EXPECT_EQ(entries[4].size, 14u);
}

TEST(Walk, SkipSubtreeLeavesOutWhatIsBelow) {
    TempDir dir;
    write_file(dir / "a/x", "");
    write_file(dir / "b/y", "");
    auto source = open_files(dir.path(), {}).value();
    auto walk = source->walk();
    Paths seen;
    while (auto event = walk->next()) {
        seen.push_back(std::get<WalkedEntry>(*event).entry.path);
        if (seen.back() == "a") walk->skip_subtree();
    }
    EXPECT_EQ(seen, (Paths{"", "a", "b", "b/y"}));
}

TEST(Walk, LinksToDirectoriesAreNotFollowed) {
    TempDir dir;
    TempDir outside;
    write_file(outside / "secret", "");
    ASSERT_EQ(::symlink(outside.path().c_str(), (dir / "link").c_str()), 0);
    EXPECT_EQ(walk_all(dir.path()).entries, (Paths{"", "link"}));
}

TEST(Walk, ARootThatIsNoDirectoryIsItsOnlyEntry) {
    TempDir dir;
    write_file(dir / "file", "12345");
    ASSERT_EQ(::symlink("file", (dir / "link").c_str()), 0);
    EXPECT_EQ(walk_all(dir / "file").entries, (Paths{""}));
    auto source = open_files(dir / "link", {}).value();
    EntryType type{};
    collect(*source->walk(), [&](const WalkedEntry& w) { type = w.entry.type; });
    EXPECT_EQ(type, EntryType::Symlink);
}

TEST(Walk, ALinkWithASlashBehindItIsTheDirectoryItLeadsTo) {
    TempDir dir;
    write_file(dir / "real/file", "");
    ASSERT_EQ(::symlink("real", (dir / "link").c_str()), 0);
    EXPECT_EQ(walk_all(dir / "link/").entries, (Paths{"", "file"}));
}

TEST(Walk, AMissingRootIsNotFound) {
    TempDir dir;
    EXPECT_EQ(open_files(dir / "missing", {}).error().kind(), ErrorKind::NotFound);
    EXPECT_EQ(open_files("", {}).error().kind(), ErrorKind::InvalidInput);
}

TEST(Walk, ExcludedEntriesAreReportedAndNotEntered) {
    TempDir dir;
    for (const char* name : {"a/x.o", "a/x.c", "b/c/d", "e"}) write_file(dir / name, "");
    FilesOptions options;
    options.exclude = {"*.o", dir / "b", "!b", dir / "b/c"};
    const auto walked = walk_all(dir.path(), options);
    EXPECT_EQ(walked.entries, (Paths{"", "a", "a/x.c", "b", "e"}));
    EXPECT_EQ(walked.excluded, (Paths{"a/x.o", "b/c"}));
}

TEST(Walk, ADirectoryWithAMarkIsStoredWithoutContent) {
    TempDir dir;
    for (const char* name : {"a/.nobackup", "a/b/c", "d"}) write_file(dir / name, "");
    FilesOptions options;
    options.exclude_if_present = {".nobackup"};
    const auto walked = walk_all(dir.path(), options);
    EXPECT_EQ(walked.entries, (Paths{"", "a", "d"}));
    EXPECT_EQ(walked.excluded, (Paths{"a/.nobackup", "a/b"}));
}

TEST(Walk, OnlyACacheTagWithItsSignatureCounts) {
    TempDir dir;
    write_file(dir / "cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# x\n");
    write_file(dir / "cache/x", "");
    write_file(dir / "other/CACHEDIR.TAG", "Signature: 00000000000000000000000000000000\n");
    write_file(dir / "other/x", "");
    FilesOptions options;
    options.exclude_caches = true;
    const auto walked = walk_all(dir.path(), options);
    EXPECT_EQ(walked.entries, (Paths{"", "cache", "other", "other/CACHEDIR.TAG", "other/x"}));
}

TEST(Walk, ExcludedIdentitiesAreLeftOut) {
    TempDir dir;
    write_file(dir / "repository/config", "");
    write_file(dir / "x", "");
    struct stat info {};
    ASSERT_EQ(::stat((dir / "repository").c_str(), &info), 0);
    FilesOptions options;
    options.exclude_identities = {{info.st_dev, info.st_ino}};
    const auto walked = walk_all(dir.path(), options);
    EXPECT_EQ(walked.entries, (Paths{"", "x"}));
    EXPECT_EQ(walked.excluded, (Paths{"repository"}));
}

TEST(Walk, OnlyGivesThePathsAskedForAndTheDirectoriesThatLeadThere) {
    TempDir dir;
    for (const char* name : {"a/b/c", "a/b/d", "a/e", "f/g", "f/h/i", "j", "f-"})
        write_file(dir / name, "");
    FilesOptions options;
    options.only = {"f", "a/b/c", "j", "f/h", "j"};
    const auto walked = walk_all(dir.path(), options);
    EXPECT_EQ(walked.entries, (Paths{"", "a", "a/b", "a/b/c", "f", "f/g", "f/h", "f/h/i", "j"}));
    EXPECT_TRUE(walked.issues.empty());
}

TEST(Walk, AMissingPathAskedForIsAnIssue) {
    TempDir dir;
    write_file(dir / "a/b", "");
    FilesOptions options;
    options.only = {"a/missing", "a/b/c", "a/b/d"};
    const auto walked = walk_all(dir.path(), options);
    EXPECT_EQ(walked.entries, (Paths{"", "a"}));
    ASSERT_EQ(walked.issues.size(), 2u);
    EXPECT_EQ(walked.issues[0].path, "a/b/c");
    EXPECT_NE(walked.issues[0].text.find("1 more"), std::string::npos);
    EXPECT_EQ(walked.issues[1].path, "a/missing");
    EXPECT_EQ(walked.issues[1].kind, IssueKind::Unreadable);
}

TEST(Walk, UncleanPathsAskedForAreInvalidInput) {
    TempDir dir;
    for (const char* bad : {"/a", "a/", "a//b", "../x", "a/./b"}) {
        FilesOptions options;
        options.only = {bad};
        EXPECT_EQ(open_files(dir.path(), options).error().kind(), ErrorKind::InvalidInput) << bad;
    }
}

TEST(Walk, AnUnreadableDirectoryIsAnIssueAndTheRestIsWalked) {
    TempDir dir;
    for (const char* name : {"a/x", "b/y", "c/z"}) write_file(dir / name, "");
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod((dir / "b").c_str(), 0700), 0);
    if (::geteuid() != 0) {
        ASSERT_EQ(::chmod((dir / "b").c_str(), 0), 0);
    }
    EXPECT_TRUE(succeeds_as_user([&] {
        const auto walked = walk_all(dir.path());
        EXPECT_EQ(walked.entries, (Paths{"", "a", "a/x", "b", "c", "c/z"}));
        ASSERT_EQ(walked.issues.size(), 1u);
        EXPECT_EQ(walked.issues[0].path, "b");
        EXPECT_EQ(walked.issues[0].kind, IssueKind::Unreadable);
    }));
    ::chmod((dir / "b").c_str(), 0700);
}

TEST(Walk, AListableDirectoryThatCannotBeSearchedGivesAnIssuePerEntry) {
    TempDir dir;
    write_file(dir / "a/x", "");
    write_file(dir / "a/y", "");
    ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod((dir / "a").c_str(), 0444), 0);
    EXPECT_TRUE(succeeds_as_user([&] {
        const auto walked = walk_all(dir.path());
        EXPECT_EQ(walked.entries, (Paths{"", "a"}));
        EXPECT_EQ(walked.issues.size(), 2u);
    }));
    ::chmod((dir / "a").c_str(), 0700);
}

// Directories that were asked for by path are not listed ahead: what is done when they are
// delivered is done before they are opened.
std::unique_ptr<FileSource> open_unhurried(const std::string& root, Paths only) {
    FilesOptions options;
    options.only = std::move(only);
    return open_files(root, options).value();
}

TEST(Walk, ADirectoryGoneBeforeItIsEnteredIsAnIssue) {
    TempDir dir;
    write_file(dir / "a/x", "");
    write_file(dir / "b", "");
    auto source = open_unhurried(dir.path(), {"a", "b"});
    const auto walked = collect(*source->walk(), [&](const WalkedEntry& w) {
        if (w.entry.path == "a") std::filesystem::remove_all(dir / "a");
    });
    EXPECT_EQ(walked.entries, (Paths{"", "a", "b"}));
    ASSERT_EQ(walked.issues.size(), 1u);
    EXPECT_EQ(walked.issues[0].kind, IssueKind::Vanished);
}

TEST(Walk, ADirectoryReplacedByALinkIsNotEntered) {
    TempDir dir;
    TempDir outside;
    write_file(outside / "secret", "");
    write_file(dir / "a/x", "");
    auto source = open_unhurried(dir.path(), {"a"});
    const auto walked = collect(*source->walk(), [&](const WalkedEntry& w) {
        if (w.entry.path != "a") return;
        std::filesystem::remove_all(dir / "a");
        ASSERT_EQ(::symlink(outside.path().c_str(), (dir / "a").c_str()), 0);
    });
    EXPECT_EQ(walked.entries, (Paths{"", "a"}));
    EXPECT_EQ(walked.issues.size(), 1u);
}

TEST(Walk, ADirectoryReplacedWhileItIsListedAheadLeadsNowhereElse) {
    TempDir outside;
    write_file(outside / "secret", "");
    for (int round = 0; round < 50; ++round) {
        TempDir dir;
        write_file(dir / "a/x", "");
        auto source = open_files(dir.path(), {}).value();
        const auto walked = collect(*source->walk(), [&](const WalkedEntry& w) {
            if (w.entry.path != "a") return;
            std::filesystem::rename(dir / "a", dir / "z");
            ASSERT_EQ(::symlink(outside.path().c_str(), (dir / "a").c_str()), 0);
        });
        // Either what stood there when it was listed, or an issue.
        if (walked.issues.empty()) {
            EXPECT_EQ(walked.entries, (Paths{"", "a", "a/x"}));
        } else {
            EXPECT_EQ(walked.entries, (Paths{"", "a"}));
        }
    }
}

TEST(Walk, ADirectoryReplacedByAnotherIsAnIssue) {
    TempDir dir;
    write_file(dir / "a/x", "");
    write_file(dir / "b/y", "");
    auto source = open_unhurried(dir.path(), {"a", "b"});
    const auto walked = collect(*source->walk(), [&](const WalkedEntry& w) {
        if (w.entry.path != "a") return;
        std::filesystem::rename(dir / "a", dir / "z");
        std::filesystem::rename(dir / "b", dir / "a");
    });
    ASSERT_EQ(walked.issues.size(), 2u);
    EXPECT_EQ(walked.issues[0].path, "a");
    EXPECT_EQ(walked.issues[0].kind, IssueKind::Vanished);
}

TEST(Walk, EveryByteOfANameSurvives) {
    TempDir dir;
    Paths names{""};
    for (int byte = 1; byte < 256; ++byte)
        if (byte != '/') names.push_back("n" + std::string(1, static_cast<char>(byte)));
    names.push_back(std::string(255, 'x'));
    for (std::size_t i = 1; i < names.size(); ++i) write_file(dir / names[i], "");
    EXPECT_EQ(walk_all(dir.path()).entries, names);
}

// Makes `depth` directories within each other, each with a file named "z", which comes after the
// next level: the walk must come back to every level.
void make_deep(const std::string& root, int depth, const std::string& name) {
    Fd at(::open(root.c_str(), O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < depth; ++i) {
        ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
        at = Fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
        ASSERT_TRUE(Fd(::openat(at.get(), "z", O_CREAT | O_WRONLY, 0600)));
    }
}

TEST(Walk, DeepTreesAndPathsBeyondPathMaxAreWalked) {
    TempDir dir(TempDir::memory());
    make_deep(dir.path(), 2000, "dd");
    const auto walked = walk_all(dir.path());
    EXPECT_TRUE(walked.issues.empty());
    ASSERT_EQ(walked.entries.size(), 4001u);
    EXPECT_EQ(walked.entries[2000].size(), 2000u * 3 - 1);
    EXPECT_TRUE(std::is_sorted(walked.entries.begin(), walked.entries.end(), path_less));
}

std::shared_ptr<const FilesRoot> root_of(const std::string& path) {
    auto root = std::make_shared<FilesRoot>();
    Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY));
    struct stat info {};
    EXPECT_EQ(::fstat(fd.get(), &info), 0);
    root->directory = std::make_shared<DirectoryHandle>(std::move(fd), info.st_dev, info.st_ino);
    root->name = ".";
    return root;
}

TEST(Walk, AFewOpenDirectoriesAreEnoughForADeepTree) {
    TempDir dir(TempDir::memory());
    make_deep(dir.path(), 100, "d");
    const auto all = walk_all(dir.path());
    for (const std::size_t limit : {2U, 3U, 7U, 99U, 100U, 101U}) {
        TreeWalk walk(root_of(dir.path()), limit);
        const auto walked = collect(walk);
        EXPECT_EQ(walked.entries, all.entries) << limit;
        EXPECT_TRUE(walked.issues.empty()) << limit;
    }
}

TEST(Walk, AParentMovedAwayWhileLetGoIsAnIssueNotSilence) {
    TempDir dir;
    make_deep(dir.path(), 10, "d");
    TreeWalk walk(root_of(dir.path()), 2);
    std::size_t entries = 0;
    const auto walked = collect(walk, [&](const WalkedEntry& w) {
        ++entries;
        if (w.entry.path == "d/d/d/d/d/d/d/d/d/d")
            std::filesystem::rename(dir / "d/d", dir / "d/elsewhere");
    });
    // Lost: "z" of every level below the one that was moved, bar those still held open.
    EXPECT_FALSE(walked.issues.empty());
    EXPECT_EQ(walked.entries.size() + walked.issues.size(), 1u + 2 * 10);
}

TEST(Walk, OtherFilesystemsAreStoredAsTheirMountPoint) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    TempDir dir;
    write_file(dir / "x", "");
    std::filesystem::create_directory(dir / "mount");
    if (::mount("tmpfs", (dir / "mount").c_str(), "tmpfs", 0, "size=1m") != 0)
        GTEST_SKIP() << "no tmpfs";
    write_file(dir / "mount/y", "");
    FilesOptions options;
    options.one_file_system = true;
    const auto without = walk_all(dir.path(), options);
    const auto with = walk_all(dir.path());
    const auto below = walk_all(dir / "mount", options);
    ::umount((dir / "mount").c_str());
    EXPECT_EQ(without.entries, (Paths{"", "mount", "x"}));
    EXPECT_EQ(with.entries, (Paths{"", "mount", "mount/y", "x"}));
    EXPECT_EQ(below.entries, (Paths{"", "y"}));
}

}  // namespace
}  // namespace perdure
