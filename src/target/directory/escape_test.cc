// Hostile trees and planted links: nothing outside the target is ever made, changed or removed
// (reliability R19, F45 to F47, A5). Every case compares all that lies beside the target before and
// after.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "support/entries.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "target/directory/directory.h"

namespace perdure {
namespace {

// A base directory with the target in it and things beside it that must not change.
class Yard {
public:
    Yard() : base_(TempDir::memory()) {
        std::filesystem::create_directory(target());
        write_file(outside() + "/secret", "secret");
        write_file(outside() + "/sub/deep", "deep");
        std::filesystem::create_directory(outside() + "/empty");
        ::chmod((outside() + "/secret").c_str(), 0640);
        const timespec epoch[2] = {{0, 0}, {0, 0}};
        ::utimensat(AT_FDCWD, (outside() + "/secret").c_str(), epoch, 0);
        before_ = look();
    }

    std::string target() const { return base_ / "target"; }
    std::string outside() const { return base_ / "outside"; }

    void expect_untouched() const {
        const auto now = look();
        for (const auto& [path, what] : before_) {
            const auto found = now.find(path);
            ASSERT_NE(found, now.end()) << path << " is gone";
            EXPECT_EQ(found->second, what) << path;
        }
        for (const auto& [path, what] : now)
            EXPECT_TRUE(before_.contains(path)) << path << " is new";
    }

private:
    // All that can be told of an entry, but for its link count, change time and access time, which
    // a planted hard link that goes, and looking itself, do change.
    static std::string describe(const std::string& path) {
        struct stat info {};
        EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
        std::string text = std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + " " +
                           std::to_string(info.st_gid) + " " + std::to_string(info.st_size) + " " +
                           std::to_string(info.st_ino) + " " + std::to_string(info.st_mtim.tv_sec) +
                           "." + std::to_string(info.st_mtim.tv_nsec);
        char names[4096];
        const ssize_t length = ::llistxattr(path.c_str(), names, sizeof names);
        if (length > 0) text.append(names, static_cast<std::size_t>(length));
        if (S_ISREG(info.st_mode)) text += " " + read_file(path);
        return text;
    }

    std::map<std::string, std::string> look() const {
        std::map<std::string, std::string> all;
        for (std::filesystem::recursive_directory_iterator at(base_.path()), end; at != end; ++at) {
            if (at->path() == target()) {
                at.disable_recursion_pending();
                continue;
            }
            all[at->path()] = describe(at->path());
        }
        return all;
    }

    TempDir base_;
    std::map<std::string, std::string> before_;
};

// ---- what is planted at target/x (or in its way) before the restore

struct Planted {
    const char* name;
    std::function<void(const Yard&)> plant;
};

void link_at_x(const Yard& yard, const std::string& to) {
    std::filesystem::create_symlink(to, yard.target() + "/x");
}

const std::vector<Planted>& planted() {
    static const std::vector<Planted> all{
        {"Nothing", [](const Yard&) {}},
        {"RelativeLink", [](const Yard& y) { link_at_x(y, "../outside"); }},
        {"AbsoluteLink", [](const Yard& y) { link_at_x(y, y.outside()); }},
        {"LinkToFile", [](const Yard& y) { link_at_x(y, "../outside/secret"); }},
        {"LinkToEmpty", [](const Yard& y) { link_at_x(y, "../outside/empty"); }},
        {"DanglingLink", [](const Yard& y) { link_at_x(y, "../outside/new"); }},
        {"LinkUp", [](const Yard& y) { link_at_x(y, ".."); }},
        {"LinkToRoot", [](const Yard& y) { link_at_x(y, "/"); }},
        {"MagicLink", [](const Yard& y) { link_at_x(y, "/proc/self/root" + y.outside()); }},
        {"LoopingLink", [](const Yard& y) { link_at_x(y, "x"); }},
        {"LinkInChain",
         [](const Yard& y) {
             link_at_x(y, "y");
             std::filesystem::create_symlink("../outside", y.target() + "/y");
         }},
        {"HardLink",
         [](const Yard& y) {
             std::filesystem::create_hard_link(y.outside() + "/secret", y.target() + "/x");
         }},
        {"DirectoryOfLinks",
         [](const Yard& y) {
             std::filesystem::create_directory(y.target() + "/x");
             std::filesystem::create_symlink("../../outside", y.target() + "/x/sub");
             std::filesystem::create_symlink("../../outside/secret", y.target() + "/x/secret");
         }},
        {"FileOfSameTimeAndSize",
         [](const Yard& y) {
             // Looks unchanged to IfChanged, through a link.
             write_file(y.target() + "/real", "secret");
             std::filesystem::create_symlink("real", y.target() + "/x");
         }},
    };
    return all;
}

// ---- what the hostile tree does

struct Attack {
    const char* name;
    std::function<void(DirectoryTarget&)> run;  // results do not matter, only what is left
};

void file(DirectoryTarget& target, const std::string& path, std::string_view content = "HOSTILE") {
    auto entry = file_entry(path, content, 0777);
    entry.uid = ::geteuid() == 0 ? 1 : entry.uid;
    entry.xattrs.push_back({"user.hostile", "1"});
    std::ignore = put_file(target, entry, content);
}

void directory(DirectoryTarget& target, const std::string& path) {
    auto entry = directory_entry(path, 0777);
    entry.uid = ::geteuid() == 0 ? 1 : entry.uid;
    entry.xattrs.push_back({"user.hostile", "1"});
    std::ignore = target.make(entry);
}

void node(DirectoryTarget& target, EntryType type, const std::string& path) {
    auto entry = entry_of(type, path, 0777);
    entry.link_target = "../outside";
    entry.uid = ::geteuid() == 0 ? 1 : entry.uid;
    std::ignore = target.make(entry);
}

Entry one_inode(Entry entry) {
    entry.device = 1;
    entry.inode = 1;
    entry.links = 2;
    return entry;
}

const std::vector<Attack>& attacks() {
    static const std::vector<Attack> all{
        {"File", [](auto& t) { file(t, "x"); }},
        {"FileThatLooksUnchanged",
         [](auto& t) {
             auto entry = file_entry("x", "secret", 0777);
             entry.links = 9;
             entry.mtime_ns = 0;  // as the yard gives what lies outside
             std::ignore = put_file(t, entry, "secret");
         }},
        {"Directory", [](auto& t) { directory(t, "x"); }},
        {"FileBelow", [](auto& t) { file(t, "x/secret"); }},
        {"FileBelowBelow", [](auto& t) { file(t, "x/sub/deep"); }},
        {"NewFileBelow", [](auto& t) { file(t, "x/new"); }},
        {"DirectoryBelow", [](auto& t) { directory(t, "x/sub"); }},
        {"DirectoryAndFileBelow",
         [](auto& t) {
             directory(t, "x");
             directory(t, "x/sub");
             file(t, "x/sub/deep");
             file(t, "x/secret");
         }},
        {"Symlink", [](auto& t) { node(t, EntryType::Symlink, "x"); }},
        {"SymlinkThenFileBelow",
         [](auto& t) {
             node(t, EntryType::Symlink, "x");
             file(t, "x/secret");
             file(t, "x/new");
         }},
        {"DirectoryThenSymlinkThenFileBelow",
         [](auto& t) {
             directory(t, "x");
             file(t, "x/warm");  // the directory is now held open
             node(t, EntryType::Symlink, "x");
             file(t, "x/secret");
             directory(t, "x/sub");
         }},
        {"SymlinkThenDirectory",
         [](auto& t) {
             node(t, EntryType::Symlink, "x");
             directory(t, "x");
             file(t, "x/secret");
         }},
        {"SymlinkThenFileOfThatName",
         [](auto& t) {
             auto link = symlink_entry("x", "../outside/secret");
             std::ignore = t.make(link);
             file(t, "x");
         }},
        {"HardLinkToSymlinkThenWrite",
         [](auto& t) {
             std::ignore = t.make(one_inode(symlink_entry("x", "../outside/secret")));
             std::ignore = put_file(t, one_inode(file_entry("z", "HOSTILE", 0777)), "HOSTILE");
             std::ignore = put_file(t, one_inode(file_entry("x", "HOSTILE", 0777)), "HOSTILE");
         }},
        {"HardLinkThroughSymlink",
         [](auto& t) {
             std::ignore = put_file(t, one_inode(file_entry("z", "HOSTILE", 0777)), "HOSTILE");
             std::ignore = put_file(t, one_inode(file_entry("x/new", "HOSTILE", 0777)), "HOSTILE");
         }},
        {"HardLinkWithoutFirst",
         [](auto& t) {
             std::ignore = put_file(t, one_inode(file_entry("x", "HOSTILE", 0777)), "HOSTILE");
             std::ignore = put_file(t, one_inode(file_entry("x/new", "HOSTILE", 0777)), "HOSTILE");
         }},
        {"Fifo", [](auto& t) { node(t, EntryType::Fifo, "x"); }},
        {"FifoBelow", [](auto& t) { node(t, EntryType::Fifo, "x/new"); }},
        {"Device", [](auto& t) { node(t, EntryType::CharDevice, "x"); }},
        {"SymlinkBelow", [](auto& t) { node(t, EntryType::Symlink, "x/new"); }},
        {"RemoveOthersIn", [](auto& t) { std::ignore = t.remove_others("x", {}); }},
        {"RemoveOthersBelow", [](auto& t) { std::ignore = t.remove_others("x/sub", {}); }},
        {"RemoveOthersAbove", [](auto& t) { std::ignore = t.remove_others("", {}); }},
    };
    return all;
}

struct Case {
    const Planted* planted;
    const Attack* attack;
    Overwrite overwrite;
    bool replace_directories;
};

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const auto& p : planted())
        for (const auto& a : attacks())
            for (const auto overwrite : {Overwrite::Always, Overwrite::IfChanged, Overwrite::Never})
                for (const bool replace : {false, true})
                    cases.push_back({&p, &a, overwrite, replace});
    return cases;
}

class EscapeFrom : public testing::TestWithParam<std::size_t> {};

// One test per planted thing, so that a failure names it; each runs every attack in every mode.
TEST_P(EscapeFrom, NothingOutsideTheTargetChanges) {
    const auto& thing = planted()[GetParam()];
    std::size_t count = 0;
    for (const auto& c : all_cases()) {
        if (c.planted != &thing) continue;
        SCOPED_TRACE(std::string(c.attack->name) + ", " + std::string(to_string(c.overwrite)) +
                     (c.replace_directories ? ", replacing directories" : ""));
        Yard yard;
        thing.plant(yard);
        DirectoryTargetOptions options;
        options.overwrite = c.overwrite;
        options.replace_directories = c.replace_directories;
        auto target = open_directory_target(yard.target(), options).value();
        c.attack->run(*target);
        ASSERT_TRUE(target->finish());
        yard.expect_untouched();
        if (testing::Test::HasFailure()) return;
        ++count;
    }
    EXPECT_EQ(count, attacks().size() * 6);
}

INSTANTIATE_TEST_SUITE_P(Planted, EscapeFrom, testing::Range<std::size_t>(0, planted().size()),
                         [](const auto& parameter) { return planted()[parameter.param].name; });

TEST(Escape, ThereAreAtLeastTwoHundredCases) { EXPECT_GE(all_cases().size(), 200u); }

TEST(Escape, UncleanPathsAreInvalidInput) {
    Yard yard;
    auto target = open_directory_target(yard.target(), {}).value();
    const std::string long_name(256, 'n');
    const std::vector<std::string> paths{"../outside/new",
                                         "../outside/secret",
                                         "..",
                                         ".",
                                         "/",
                                         "/etc/new",
                                         yard.outside() + "/new",
                                         "a/../../outside/new",
                                         "a/..",
                                         "a/.",
                                         "./a",
                                         "a//b",
                                         "a/",
                                         "//a",
                                         std::string("a\0/../b", 7),
                                         std::string("\0", 1),
                                         long_name,
                                         "a/" + long_name + "/b"};
    for (const auto& path : paths) {
        EXPECT_EQ(target->begin_file(file_entry(path, "")).error().kind(), ErrorKind::InvalidInput)
            << path;
        for (const auto type : {EntryType::Directory, EntryType::Symlink, EntryType::Fifo}) {
            auto entry = entry_of(type, path);
            entry.link_target = "t";
            EXPECT_EQ(target->make(entry).error().kind(), ErrorKind::InvalidInput) << path;
        }
        EXPECT_EQ(target->remove_others(path, {}).error().kind(), ErrorKind::InvalidInput) << path;
    }
    EXPECT_EQ(target->begin_file(file_entry("", "")).error().kind(), ErrorKind::InvalidInput);
    ASSERT_TRUE(target->finish());
    yard.expect_untouched();
    EXPECT_TRUE(std::filesystem::is_empty(yard.target()));
}

// Separators of another world are ordinary bytes here (F47).
TEST(Escape, BackslashesAndDrivesAreNames) {
    Yard yard;
    auto target = open_directory_target(yard.target(), {}).value();
    for (const char* path : {"..\\outside\\new", "C:\\new", "..\\..", "\\", "...", ".. ", "~"}) {
        file(*target, path);
        EXPECT_TRUE(std::filesystem::exists(yard.target() + "/" + path)) << path;
    }
    yard.expect_untouched();
}

// Links that are planted while the restore runs, between its steps.
TEST(Escape, LinksPlantedBetweenStepsAreNotFollowed) {
    const auto swap = [](const Yard& yard) {
        std::filesystem::rename(yard.target() + "/x", yard.target() + "/moved");
        std::filesystem::create_symlink("../outside", yard.target() + "/x");
    };
    for (int step = 0; step < 4; ++step) {
        Yard yard;
        auto target = open_directory_target(yard.target(), {}).value();
        directory(*target, "x");
        if (step == 0) swap(yard);
        file(*target, "x/new");
        if (step == 1) swap(yard);
        auto begun = target->begin_file(file_entry("x/secret", "HOSTILE", 0777));
        if (step == 2) swap(yard);
        if (begun) {
            auto& open = std::get<std::unique_ptr<TargetFile>>(*begun);
            std::ignore = open->write(0, as_bytes("HOSTILE"));
            std::ignore = open->commit();
        }
        if (step == 3) swap(yard);
        ASSERT_TRUE(target->finish());
        yard.expect_untouched();
    }
}

// The same without knowing when: a directory and a link take turns as fast as they can.
TEST(Escape, ALinkThatComesAndGoesIsNeverFollowed) {
    Yard yard;
    const std::string x = yard.target() + "/x";
    std::filesystem::create_directory(x);
    std::filesystem::create_symlink("../outside", yard.target() + "/link");
    std::jthread swapper([&](std::stop_token stop) {
        while (!stop.stop_requested())
            ::renameat2(AT_FDCWD, x.c_str(), AT_FDCWD, (yard.target() + "/link").c_str(),
                        RENAME_EXCHANGE);
    });
    for (int i = 0; i < 300; ++i) {
        DirectoryTargetOptions options;
        options.replace_directories = i % 2 == 0;
        auto target = open_directory_target(yard.target(), options).value();
        file(*target, "x/new");
        file(*target, "x/secret");
        directory(*target, "x/sub");
        file(*target, "x/sub/deep");
        node(*target, EntryType::Symlink, "x/empty");
        std::ignore = target->remove_others("x", {"secret"});
        ASSERT_TRUE(target->finish());
    }
    swapper.request_stop();
    swapper.join();
    yard.expect_untouched();
}

TEST(Escape, TheLinkOfAHardLinkIsCheckedToBeWhatWasMade) {
    Yard yard;
    auto target = open_directory_target(yard.target(), {}).value();
    ASSERT_TRUE(put_file(*target, one_inode(file_entry("x", "x")), "x"));
    std::filesystem::remove(yard.target() + "/x");
    std::filesystem::create_hard_link(yard.outside() + "/secret", yard.target() + "/x");
    EXPECT_FALSE(target->begin_file(one_inode(file_entry("y", "x"))));
    EXPECT_FALSE(std::filesystem::exists(yard.target() + "/y"));
    yard.expect_untouched();
}

}  // namespace
}  // namespace perdure
