#include "engine/entry_spool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.h"

namespace perdure {
namespace {

struct Sorted {
    std::vector<TreeEntry> entries;
    std::vector<Issue> issues;
};

Sorted finish(EntrySpool& spool) {
    Sorted out;
    EntrySpool::Sinks sinks;
    sinks.entry = [&](TreeEntry entry) -> Result<void> {
        out.entries.push_back(std::move(entry));
        return {};
    };
    sinks.issue = [&](Issue issue) { out.issues.push_back(std::move(issue)); };
    EXPECT_TRUE(spool.finish(sinks, {}));
    return out;
}

std::unique_ptr<EntrySpool> open_spool(std::size_t sort_bytes = 1 << 20) {
    auto spool = EntrySpool::open(::testing::TempDir(), sort_bytes);
    EXPECT_TRUE(spool) << spool.error().describe();
    return std::move(*spool);
}

TreeEntry entry_of(std::string path, std::uint64_t inode, EntryType type = EntryType::File) {
    TreeEntry tree;
    tree.entry.path = std::move(path);
    tree.entry.type = type;
    tree.entry.inode = inode;
    tree.entry.mode = 0644;
    if (type == EntryType::File) {
        tree.entry.size = inode;
        if (inode > 0)
            tree.recipe.push_back({PackNumber{1}, static_cast<std::uint32_t>(inode), 0, inode});
    }
    return tree;
}

TEST(EntrySpool, EveryFieldComesBack) {
    const auto spool = open_spool();
    TreeEntry all = entry_of("d/e", 7);
    Entry& e = all.entry;
    e.mode = 04755;
    e.uid = 4'000'000'000;
    e.gid = 2;
    e.user = "u";
    e.group = "g";
    e.mtime_ns = -5;
    e.ctime_ns = 6;
    e.device = 3;
    e.device_major = 8;
    e.device_minor = 9;
    e.inode_flags = 10;
    e.project_id = 11;
    e.link_target = "t";
    e.xattrs = {{"user.a", std::string("\0x", 2)}, {"user.b", ""}};
    all.recipe = {{PackNumber{5}, 6, 7, 3}, Run::hole(4)};
    ASSERT_TRUE(spool->add(entry_of("", 0, EntryType::Directory), ""));
    ASSERT_TRUE(spool->add(entry_of("d", 0, EntryType::Directory), ""));
    ASSERT_TRUE(spool->add(all, ""));
    const Sorted out = finish(*spool);
    ASSERT_EQ(out.entries.size(), 3U);
    EXPECT_EQ(out.entries[2].entry, all.entry);
    EXPECT_EQ(out.entries[2].recipe, all.recipe);
}

TEST(EntrySpool, AnyOrderBeyondMemoryComesSortedWithEveryDirectory) {
    SeededRandom random(3);
    std::map<std::string, std::uint64_t> wanted;  // files by path
    std::vector<std::string> paths;
    for (int i = 0; i < 5000; ++i) {
        std::string path;
        for (std::uint64_t depth = 1 + random.below(4); depth > 0; --depth)
            path += (path.empty() ? "d" : "/d") + std::to_string(random.below(9));
        path += "/f" + std::to_string(i);
        wanted[path] = static_cast<std::uint64_t>(i) + 1;
        paths.push_back(path);
    }
    for (std::size_t i = paths.size(); i > 1; --i) std::swap(paths[i - 1], paths[random.below(i)]);
    const auto spool = open_spool(20'000);  // some dozens of runs
    for (const std::string& path : paths) ASSERT_TRUE(spool->add(entry_of(path, wanted[path]), ""));
    const Sorted out = finish(*spool);
    EXPECT_TRUE(out.issues.empty());
    std::size_t files = 0;
    std::vector<std::string> directories;
    for (std::size_t i = 0; i < out.entries.size(); ++i) {
        const Entry& e = out.entries[i].entry;
        if (i > 0) {
            ASSERT_TRUE(path_less(out.entries[i - 1].entry.path, e.path)) << e.path;
        }
        if (e.type == EntryType::File) {
            ++files;
            EXPECT_EQ(e.inode, wanted[e.path]);
            const std::string above = e.path.substr(0, e.path.rfind('/'));
            EXPECT_TRUE(std::find(directories.begin(), directories.end(), above) !=
                        directories.end());
        } else {
            directories.push_back(e.path);
        }
    }
    EXPECT_EQ(files, wanted.size());
    EXPECT_EQ(out.entries[0].entry.path, "");
}

TEST(EntrySpool, LinksFollowTheVersionTheyNamed) {
    const auto spool = open_spool();
    ASSERT_TRUE(spool->add(entry_of("", 0, EntryType::Directory), ""));
    ASSERT_TRUE(spool->add(entry_of("early", 0), "m"));  // its target has not come
    ASSERT_TRUE(spool->add(entry_of("m", 1), ""));
    ASSERT_TRUE(spool->add(entry_of("a", 0), "m"));
    ASSERT_TRUE(spool->add(entry_of("m", 2), ""));
    ASSERT_TRUE(spool->add(entry_of("z", 0), "m"));
    ASSERT_TRUE(spool->add(entry_of("b", 0), "m"));
    ASSERT_TRUE(spool->add(entry_of("to-directory", 0), "d"));
    ASSERT_TRUE(spool->add(entry_of("d", 0, EntryType::Directory), ""));
    const Sorted out = finish(*spool);
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> found;
    for (const TreeEntry& e : out.entries)
        if (e.entry.type == EntryType::File) found[e.entry.path] = {e.entry.inode, e.entry.links};
    const decltype(found) wanted{{"a", {1, 2}}, {"b", {2, 3}}, {"m", {2, 3}}, {"z", {2, 3}}};
    EXPECT_EQ(found, wanted);
    std::vector<std::string> troubled;
    for (const Issue& issue : out.issues) troubled.push_back(issue.path);
    std::sort(troubled.begin(), troubled.end());
    EXPECT_EQ(troubled, (std::vector<std::string>{"early", "m", "to-directory"}));
}

TEST(EntrySpool, NothingIsPutBelowWhatIsNoDirectory) {
    const auto spool = open_spool();
    ASSERT_TRUE(spool->add(entry_of("f/x/y", 2), ""));
    ASSERT_TRUE(spool->add(entry_of("f", 1), ""));
    ASSERT_TRUE(spool->add(entry_of("f-", 3), ""));
    const Sorted out = finish(*spool);
    std::vector<std::string> paths;
    for (const TreeEntry& e : out.entries) paths.push_back(e.entry.path);
    EXPECT_EQ(paths, (std::vector<std::string>{"", "f", "f-"}));
    ASSERT_EQ(out.issues.size(), 1U);
    EXPECT_EQ(out.issues[0].path, "f/x/y");
}

}  // namespace
}  // namespace perdure
