#include "repo/tree.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace perdure {
namespace {

const Key256 kBoundary = Key256::copy_of(as_bytes("0123456789abcdef0123456789abcdef"));

/// Pages by content: storing equal bytes twice gives one page, as a repository would.
class PageStore {
public:
    PageStore() { pack_ = registry.number_of({{WriterNumber{1}, SessionNumber{1}}, {}}); }

    StorePage storer() {
        return [this](ByteView raw) -> Result<PageAddress> {
            EXPECT_LE(raw.size(), 1U << 20);
            const auto [at, added] = slots_.try_emplace(std::string(as_text(raw)),
                                                        static_cast<std::uint32_t>(pages_.size()));
            if (added) pages_.push_back(std::make_shared<const Buffer>(to_buffer(raw)));
            return PageAddress{pack_, at->second};
        };
    }
    LoadPage loader() {
        return [this](PageAddress page) -> Result<std::shared_ptr<const Buffer>> {
            ++loads;
            if (page.slot >= pages_.size()) return Error(ErrorKind::NotFound, "no such page");
            return pages_[page.slot];
        };
    }
    std::size_t pages() const { return pages_.size(); }
    void replace(std::uint32_t slot, Buffer bytes) {
        pages_[slot] = std::make_shared<const Buffer>(std::move(bytes));
    }

    PackRegistry registry;
    int loads = 0;

private:
    PackNumber pack_{};
    std::map<std::string, std::uint32_t> slots_;
    std::vector<std::shared_ptr<const Buffer>> pages_;
};

using Paths =
    std::map<std::string, std::int64_t,
             decltype([](const std::string& a, const std::string& b) { return path_less(a, b); })>;

TreeEntry entry_at(const std::string& path, std::int64_t time) {
    TreeEntry e;
    e.entry.path = path;
    e.entry.type = path.empty() ? EntryType::Directory : EntryType::Fifo;
    e.entry.mode = 0644;
    e.entry.mtime_ns = time;
    return e;
}

Paths make_paths(std::size_t count, std::uint64_t seed) {
    SeededRandom random(seed);
    Paths paths{{"", 1}};
    while (paths.size() < count)
        paths["d" + std::to_string(random.below(count / 50 + 1)) + "/f" +
              std::to_string(random.next())] = static_cast<std::int64_t>(random.below(1000));
    return paths;
}

const TreeWriter::KeepPage kKeepNothing = [](PageAddress) -> Result<void> { return {}; };

PageAddress write_tree(PageStore& store, const Paths& paths, LivenessMarks& live) {
    TreeWriter writer(kBoundary, store.registry, store.storer(), kKeepNothing, live);
    for (const auto& [path, time] : paths) EXPECT_TRUE(writer.add(entry_at(path, time)));
    const auto root = writer.finish();
    EXPECT_TRUE(root);
    return *root;
}

std::vector<std::string> read_all(TreeCursor& cursor) {
    std::vector<std::string> paths;
    while (true) {
        auto entry = cursor.next();
        EXPECT_TRUE(entry) << entry.error().describe();
        if (!entry || !*entry) return paths;
        paths.push_back((*entry)->entry.path);
    }
}

TEST(Tree, ReadsBackInOrder) {
    for (const std::size_t count : {1U, 2U, 100U, 30'000U}) {
        PageStore store;
        LivenessMarks live;
        const Paths paths = make_paths(count, count);
        const PageAddress root = write_tree(store, paths, live);
        TreeCursor cursor(root, store.registry, store.loader());
        const auto read = read_all(cursor);
        ASSERT_EQ(read.size(), paths.size());
        std::size_t i = 0;
        for (const auto& [path, time] : paths) ASSERT_EQ(read[i++], path);
    }
}

TEST(Tree, IncrementalEqualsFull) {
    // Whatever tree came before, the same entries give the same root: an incremental backup cannot
    // drift away from a full one.
    SeededRandom random(5);
    PageStore store;
    Paths paths = make_paths(20'000, 1);
    LivenessMarks live;
    write_tree(store, paths, live);
    for (int round = 0; round < 5; ++round) {
        for (int change = 0; change < 5; ++change) {
            auto at = paths.begin();
            std::advance(at, 1 + static_cast<std::ptrdiff_t>(random.below(paths.size() - 1)));
            if (change == 0)
                paths.erase(at);
            else
                at->second += 1'000'000;
        }
        const std::size_t before = store.pages();
        const PageAddress incremental = write_tree(store, paths, live);
        const std::size_t added = store.pages() - before;
        EXPECT_LE(added, 15U) << "one changed entry costs the pages above it, no more";
        PageStore fresh;
        LivenessMarks fresh_live;
        const PageAddress full = write_tree(fresh, paths, fresh_live);
        const auto a = store.loader()(incremental);
        const auto b = fresh.loader()(full);
        ASSERT_TRUE(a && b);
        // Page addresses differ between the stores; the entries below do not.
        TreeCursor left(incremental, store.registry, store.loader());
        TreeCursor right(full, fresh.registry, fresh.loader());
        ASSERT_EQ(read_all(left), read_all(right));
        EXPECT_EQ((*a)->size(), (*b)->size());
    }
}

TEST(Tree, UnchangedTreeStoresNothing) {
    PageStore store;
    LivenessMarks live;
    const Paths paths = make_paths(5000, 3);
    const PageAddress first = write_tree(store, paths, live);
    const std::size_t before = store.pages();
    EXPECT_EQ(write_tree(store, paths, live), first);
    EXPECT_EQ(store.pages(), before);
}

TEST(Tree, SeekTouchesOnePageALevel) {
    PageStore store;
    LivenessMarks live;
    const Paths paths = make_paths(60'000, 4);
    const PageAddress root = write_tree(store, paths, live);
    SeededRandom random(6);
    for (int i = 0; i < 200; ++i) {
        auto at = paths.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random.below(paths.size())));
        TreeCursor cursor(root, store.registry, store.loader());
        store.loads = 0;
        ASSERT_TRUE(cursor.seek(at->first));
        const auto entry = cursor.next();
        ASSERT_TRUE(entry && *entry);
        EXPECT_EQ((*entry)->entry.path, at->first);
        EXPECT_LE(store.loads, 4);
    }
}

/// The tree of `paths` as an incremental backup writes it: what is as it was under `before` is
/// kept.
PageAddress update_tree(PageStore& store, PageAddress before, const Paths& paths,
                        LivenessMarks& live, std::size_t* kept_pages = nullptr) {
    const auto keep = [&](PageAddress) -> Result<void> {
        if (kept_pages != nullptr) ++*kept_pages;
        return {};
    };
    TreeWriter writer(kBoundary, store.registry, store.storer(), keep, live);
    TreeCursor cursor(before, store.registry, store.loader());
    auto old = cursor.next();
    for (const auto& [path, time] : paths) {
        while (*old && path_less((*old)->entry.path, path)) old = cursor.next();
        if (*old && (*old)->entry.path == path && (*old)->entry.mtime_ns == time) {
            auto kept = cursor.keep(std::move(**old));
            EXPECT_TRUE(kept);
            EXPECT_TRUE(writer.add_kept(std::move(*kept)));
            old = cursor.next();
        } else {
            EXPECT_TRUE(writer.add(entry_at(path, time)));
        }
    }
    const auto root = writer.finish();
    EXPECT_TRUE(root);
    return *root;
}

TEST(Tree, KeepingWhatIsUnchangedGivesTheTreeThatWritingAllAnewGives) {
    SeededRandom random(11);
    PageStore store;
    Paths paths = make_paths(20'000, 3);
    LivenessMarks before_live;
    PageAddress before = write_tree(store, paths, before_live);
    for (int round = 0; round < 40; ++round) {
        for (std::uint64_t change = random.below(6); change > 0; --change) {
            auto at = paths.begin();
            std::advance(at, 1 + static_cast<std::ptrdiff_t>(random.below(paths.size() - 1)));
            if (random.below(3) == 0)
                paths.erase(at);
            else if (random.below(2) == 0)
                paths[at->first + "x"] = 5;
            else
                at->second += 1'000'000;
        }
        LivenessMarks kept_live, full_live;
        const PageAddress kept = update_tree(store, before, paths, kept_live);
        const PageAddress full = write_tree(store, paths, full_live);
        ASSERT_EQ(kept, full);
        ASSERT_EQ(kept_live.bitmaps(), full_live.bitmaps());
        before = kept;
    }
}

TEST(Tree, AnUnchangedTreeKeepsEveryEntriesPageAndEncodesNone) {
    PageStore store;
    LivenessMarks live;
    const Paths paths = make_paths(20'000, 4);
    const PageAddress root = write_tree(store, paths, live);
    const std::size_t pages = store.pages();
    std::size_t kept = 0;
    LivenessMarks again;
    EXPECT_EQ(update_tree(store, root, paths, again, &kept), root);
    EXPECT_EQ(store.pages(), pages);
    EXPECT_EQ(kept, pages - 1) << "all but the one inner page";
}

TEST(Tree, SeekFindsTheNextWhereNothingIs) {
    PageStore store;
    LivenessMarks live;
    const Paths paths = make_paths(20'000, 8);
    const PageAddress root = write_tree(store, paths, live);
    TreeCursor cursor(root, store.registry, store.loader());
    for (const auto& [path, time] : make_paths(300, 99)) {
        ASSERT_TRUE(cursor.seek(path + "x"));
        const auto expected = paths.lower_bound(path + "x");
        const auto entry = cursor.next();
        ASSERT_TRUE(entry);
        ASSERT_EQ(entry->has_value(), expected != paths.end());
        if (*entry) {
            EXPECT_EQ((*entry)->entry.path, expected->first);
        }
    }
    ASSERT_TRUE(cursor.seek("zzzz"));
    EXPECT_FALSE(cursor.next()->has_value());
}

TEST(Tree, MarksEveryPageItHas) {
    PageStore store;
    LivenessMarks live;
    const PageAddress root = write_tree(store, make_paths(30'000, 9), live);
    std::size_t pages = 0;
    TreeVisitor visitor;
    visitor.page = [&](PageAddress page) -> Result<void> {
        ++pages;
        EXPECT_TRUE(live.contains(page.pack, page.slot));
        return {};
    };
    visitor.entry = [](const TreeEntry&, const Recipe&) -> Result<void> { return {}; };
    ASSERT_TRUE(visit_tree(root, store.registry, store.loader(), visitor));
    EXPECT_EQ(pages, store.pages());
}

TreeEntry heavy_file(PackRegistry& registry, std::size_t runs) {
    TreeEntry e;
    e.entry.path = "big";
    e.entry.type = EntryType::File;
    const PackNumber pack = registry.number_of({{WriterNumber{1}, SessionNumber{2}}, {}});
    for (std::size_t i = 0; i < runs; ++i)
        e.recipe.push_back({pack, static_cast<std::uint32_t>(2 * i), 0, 100});
    e.entry.size = 100 * runs;
    e.entry.xattrs = {{"user.big", std::string(10'000, 'v')}, {"user.small", "v"}};
    return e;
}

TEST(Tree, LongRecipesAndXattrsComeBackFromPagesOfTheirOwn) {
    for (const std::size_t runs : {256U, 257U, 8192U, 20'000U}) {
        PageStore store;
        LivenessMarks live;
        const TreeEntry file = heavy_file(store.registry, runs);
        TreeWriter writer(kBoundary, store.registry, store.storer(), kKeepNothing, live);
        ASSERT_TRUE(writer.add(entry_at("", 1)));
        ASSERT_TRUE(writer.add(file));
        const auto root = writer.finish();
        ASSERT_TRUE(root);
        TreeCursor cursor(*root, store.registry, store.loader());
        ASSERT_TRUE(cursor.next());
        auto entry = cursor.next();
        ASSERT_TRUE(entry && *entry);
        EXPECT_EQ((*entry)->outlined_recipe, runs > kMaxInlineRuns);
        ASSERT_TRUE(cursor.complete(**entry));
        EXPECT_EQ(**entry, file);
        for (const perdure::Run& run : file.recipe) EXPECT_TRUE(live.contains(run.pack, run.slot));
    }
}

TEST(Tree, DamagedPagesAreErrorsNotCrashes) {
    PageStore store;
    LivenessMarks live;
    const PageAddress root = write_tree(store, make_paths(8000, 9), live);
    SeededRandom random(11);
    for (int i = 0; i < 300; ++i) {
        const auto slot = static_cast<std::uint32_t>(random.below(store.pages()));
        const auto good = *store.loader()(PageAddress{root.pack, slot});
        Buffer bad = *good;
        bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        store.replace(slot, bad);
        TreeCursor cursor(root, store.registry, store.loader());
        while (true) {
            const auto entry = cursor.next();
            if (!entry || !*entry) break;
        }
        store.replace(slot, *good);
    }
}

TEST(Tree, ALoopOfPagesEnds) {
    PageStore store;
    LivenessMarks live;
    const PageAddress root = write_tree(store, make_paths(10, 1), live);
    const std::vector<InnerChild> itself{{"", root, 1, 1}};
    store.replace(root.slot, encode_inner_page(itself, store.registry));
    TreeCursor cursor(root, store.registry, store.loader());
    EXPECT_FALSE(cursor.next());
    TreeVisitor visitor;
    visitor.page = [](PageAddress) -> Result<void> { return {}; };
    visitor.entry = [](const TreeEntry&, const Recipe&) -> Result<void> { return {}; };
    EXPECT_FALSE(visit_tree(root, store.registry, store.loader(), visitor));
}

TEST(PageBoundaries, DependOnKeyAndPathAlone) {
    PageBoundaries a(kBoundary), b(kBoundary);
    int boundaries = 0;
    for (int i = 0; i < 40'960; ++i) {
        const std::string path = "p" + std::to_string(i);
        const int level = a.level_of(path);
        EXPECT_EQ(level, b.level_of(path));
        boundaries += level >= 0 ? 1 : 0;
    }
    EXPECT_GT(boundaries, 5);
    EXPECT_LT(boundaries, 60);
}

}  // namespace
}  // namespace perdure
