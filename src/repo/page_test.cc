#include "repo/page.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"

namespace perdure {
namespace {

/// Entries such as a filesystem gives them, and stranger ones.
class RandomEntries {
public:
    RandomEntries(std::uint64_t seed, PackRegistry& registry) : random_(seed) {
        for (int i = 0; i < 5; ++i) {
            PackId id;
            random_.fill(id.raw());
            packs_.push_back(
                registry.number_of({{WriterNumber{static_cast<std::uint32_t>(random_.below(3))},
                                     SessionNumber{random_.below(1000)}},
                                    id}));
        }
    }

    std::vector<TreeEntry> take(std::size_t count) {
        std::vector<TreeEntry> entries;
        std::string directory;
        for (std::size_t i = 0; i < count; ++i) {
            TreeEntry e;
            if (random_.below(10) == 0) directory = "d" + number(i) + "/";
            e.entry.path = i == 0 && random_.below(2) == 0 ? "" : directory + name(i);
            fill(e);
            entries.push_back(std::move(e));
        }
        std::sort(entries.begin(), entries.end(), [](const TreeEntry& a, const TreeEntry& b) {
            return path_less(a.entry.path, b.entry.path);
        });
        return entries;
    }

    Recipe recipe(std::size_t runs, std::uint64_t& size) {
        Recipe made;
        size = 0;
        Run last = Run::hole(1);
        for (std::size_t i = 0; i < runs; ++i) {
            Run run = next_run(last);
            size += run.length;
            if (!run.is_hole()) last = run;
            made.push_back(run);
        }
        return made;
    }

    SeededRandom& random() { return random_; }

private:
    static std::string number(std::size_t i) {
        std::string text = std::to_string(i);
        return std::string(6 - std::min<std::size_t>(6, text.size()), '0') + text;
    }
    std::string name(std::size_t i) {
        std::string text = number(i);
        for (std::uint64_t k = random_.below(20); k > 0; --k) {
            const char c = static_cast<char>(1 + random_.below(255));
            if (c != '/') text.push_back(c);
        }
        return text;
    }
    std::int64_t time() {
        switch (random_.below(6)) {
            case 0: return static_cast<std::int64_t>(random_.next());
            case 1: return std::numeric_limits<std::int64_t>::min();
            case 2: return std::numeric_limits<std::int64_t>::max();
            case 3: return -1;
            default: return 1'700'000'000'000'000'000 + static_cast<std::int64_t>(random_.below(9));
        }
    }
    Run next_run(const Run& last) {
        const std::uint64_t kind = random_.below(4);
        const std::uint64_t length = 1 + random_.below(1 << 16);
        if (kind == 0) return Run::hole(length);
        const bool fits = !last.is_hole() && last.offset + last.length + length <= (1U << 20);
        if (kind == 1 && fits)
            return {last.pack, last.slot, static_cast<std::uint32_t>(last.offset + last.length),
                    length};
        if (kind == 2 && !last.is_hole()) return {last.pack, last.slot + 1, 0, length};
        return {packs_[random_.below(packs_.size())],
                static_cast<std::uint32_t>(random_.below(1 << 20)),
                static_cast<std::uint32_t>(random_.below(1 << 19)), length};
    }
    PageAddress page() {
        return {packs_[random_.below(packs_.size())],
                static_cast<std::uint32_t>(random_.below(100))};
    }
    void fill(TreeEntry& e) {
        Entry& entry = e.entry;
        entry.type = static_cast<EntryType>(1 + random_.below(7));
        entry.mode = static_cast<std::uint32_t>(random_.below(010000));
        entry.uid =
            random_.below(3) == 0 ? 0xffffffff : static_cast<std::uint32_t>(random_.below(3));
        entry.gid = static_cast<std::uint32_t>(random_.below(3));
        entry.user = random_.below(2) == 0 ? "" : "user" + std::to_string(random_.below(3));
        entry.mtime_ns = time();
        entry.ctime_ns = time();
        entry.inode = random_.below(3) == 0 ? ~std::uint64_t{0} : random_.below(1 << 20);
        entry.links = 1 + random_.below(3);
        entry.device = random_.below(3);
        entry.inode_flags = random_.below(8) == 0 ? 0x10 : 0;
        entry.project_id = random_.below(8) == 0 ? 7 : 0;
        for (std::uint64_t i = random_.below(4) == 0 ? random_.below(4) : 0; i > 0; --i) {
            entry.xattrs.insert(entry.xattrs.begin(),
                                {"user." + std::to_string(i), std::string(random_.below(50), 'v')});
        }
        if (!entry.xattrs.empty() && random_.below(3) == 0) {
            entry.xattrs[0].value.clear();
            e.outlined_xattrs.push_back({0, page()});
        }
        fill_by_type(e);
    }
    void fill_by_type(TreeEntry& e) {
        Entry& entry = e.entry;
        if (entry.type == EntryType::File && random_.below(10) == 0) {
            e.outlined_recipe = true;
            e.recipe_page = page();
            entry.size = random_.next();
        } else if (entry.type == EntryType::File) {
            e.recipe = recipe(random_.below(6), entry.size);
        } else if (entry.type == EntryType::Symlink) {
            entry.link_target = "../" + std::string(random_.below(40), 't');
            entry.size = entry.link_target.size();
        } else if (entry.type == EntryType::CharDevice || entry.type == EntryType::BlockDevice) {
            entry.device_major = static_cast<std::uint32_t>(random_.below(4096));
            entry.device_minor = 0xffffffff;
        }
    }

    SeededRandom random_;
    std::vector<PackNumber> packs_;
};

TEST(EntriesPage, RandomEntriesRoundTrip) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        PackRegistry registry;
        RandomEntries random(seed, registry);
        const auto entries = random.take(random.random().below(60));
        const Buffer page = encode_entries_page(entries, registry);
        const auto back = decode_entries_page(page, registry);
        ASSERT_TRUE(back) << "seed " << seed << ": " << back.error().describe();
        ASSERT_EQ(*back, entries) << "seed " << seed;
        EXPECT_EQ(*page_kind(page), PageKind::Entries);
    }
}

TEST(EntriesPage, BytesDoNotDependOnWhatARegistrySawBefore) {
    // Canonical: the same entries give the same page in every process, whatever numbers packs have
    // there.
    PackRegistry first;
    RandomEntries random(42, first);
    const auto entries = random.take(50);
    const Buffer page = encode_entries_page(entries, first);
    PackRegistry second;
    for (std::uint64_t i = 0; i < 20; ++i)
        second.number_of({{WriterNumber{9}, SessionNumber{i}}, {}});
    const auto back = decode_entries_page(page, second);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_entries_page(*back, second), page);
}

TEST(EntriesPage, HostileBytesNeverCrash) {
    PackRegistry registry;
    RandomEntries random(7, registry);
    const Buffer good = encode_entries_page(random.take(40), registry);
    for (int i = 0; i < 30'000; ++i) {
        Buffer bad = good;
        for (std::uint64_t k = 1 + random.random().below(4); k > 0; --k)
            bad[random.random().below(bad.size())] = static_cast<std::byte>(random.random().next());
        if (random.random().below(4) == 0) bad.resize(random.random().below(bad.size()));
        const auto entries = decode_entries_page(bad, registry);
        if (entries) {
            EXPECT_GT(encode_entries_page(*entries, registry).size(), 0U);
        }
    }
}

TEST(EntriesPage, EveryTruncationIsRefused) {
    PackRegistry registry;
    RandomEntries random(9, registry);
    const Buffer good = encode_entries_page(random.take(10), registry);
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(decode_entries_page(ByteView(good).first(length), registry)) << length;
    Buffer longer = good;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode_entries_page(longer, registry));
}

TEST(EntriesPage, SharedBytesCannotBlowUpMemory) {
    // Each entry repeats a long path and user by reference: without the page's weight as a bound,
    // 200 KB of page would become gigabytes of entries.
    PackRegistry registry;
    registry.number_of({});  // the pack that the children below name
    std::vector<TreeEntry> entries(9000);
    const std::string long_name(100'000, 'n');
    for (std::size_t i = 0; i < entries.size(); ++i) {
        std::string digits = std::to_string(i);
        entries[i].entry.path = long_name + std::string(6 - digits.size(), '0') + digits;
        entries[i].entry.type = EntryType::Fifo;
    }
    const Buffer page = encode_entries_page(entries, registry);
    ASSERT_LT(page.size(), 400'000U);
    EXPECT_FALSE(decode_entries_page(page, registry));
    std::vector<InnerChild> children(9000);
    for (std::size_t i = 0; i < children.size(); ++i)
        children[i].first_path = entries[i].entry.path;
    EXPECT_FALSE(decode_inner_page(encode_inner_page(children, registry), registry));
}

TEST(EntriesPage, OneEntryMayBeHeavierThanAPage) {
    PackRegistry registry;
    std::vector<TreeEntry> entries(1);
    entries[0].entry.path = std::string(kMaxPageWeight + 5, 'p');
    entries[0].entry.type = EntryType::Directory;
    const auto back = decode_entries_page(encode_entries_page(entries, registry), registry);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, entries);
}

TEST(EntriesPage, OutOfOrderIsRefused) {
    PackRegistry registry;
    std::vector<TreeEntry> entries(2);
    entries[0].entry.path = "b";
    entries[1].entry.path = "a";
    for (auto& e : entries) e.entry.type = EntryType::Directory;
    EXPECT_FALSE(decode_entries_page(encode_entries_page(entries, registry), registry));
    entries[0].entry.path = "a";
    EXPECT_FALSE(decode_entries_page(encode_entries_page(entries, registry), registry));
}

TEST(InnerPage, RoundTrips) {
    SeededRandom random(3);
    for (int round = 0; round < 200; ++round) {
        PackRegistry registry;
        std::vector<InnerChild> children(random.below(50));
        for (std::size_t i = 0; i < children.size(); ++i)
            children[i] = {
                "dir/" + std::to_string(1000 + i),
                {registry.number_of({{WriterNumber{1}, SessionNumber{random.below(4)}}, {}}),
                 static_cast<std::uint32_t>(random.below(1000))},
                random.next(),
                random.next()};
        const auto back = decode_inner_page(encode_inner_page(children, registry), registry);
        ASSERT_TRUE(back);
        EXPECT_EQ(*back, children);
    }
}

TEST(RunsPage, RoundTripsAndHostileBytesNeverCrash) {
    PackRegistry registry;
    RandomEntries random(5, registry);
    for (int round = 0; round < 100; ++round) {
        std::uint64_t size = 0;
        const Recipe recipe = random.recipe(1 + random.random().below(2000), size);
        const Buffer page = encode_runs_page(recipe, registry);
        const auto back = decode_runs_page(page, registry);
        ASSERT_TRUE(back);
        ASSERT_EQ(*back, recipe);
        for (int i = 0; i < 50; ++i) {
            Buffer bad = page;
            bad[random.random().below(bad.size())] = static_cast<std::byte>(random.random().next());
            static_cast<void>(decode_runs_page(bad, registry).has_value());
        }
    }
}

TEST(RunsPage, ARunSoLongThatItsEndWrapsAroundIsCorrupt) {
    PackRegistry registry;
    const PackNumber pack = registry.number_of({});
    const std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();
    const Recipe recipe{{pack, 0, 2, endless}};
    EXPECT_FALSE(decode_runs_page(encode_runs_page(recipe, registry), registry));
    TreeEntry e;
    e.entry.size = endless;
    e.recipe = recipe;
    EXPECT_FALSE(decode_entries_page(encode_entries_page({&e, 1}, registry), registry));
}

TEST(Pages, ACountBeyondWhatThePageHoldsIsRefusedBeforeMemoryIsTaken) {
    PackRegistry registry;
    const PackNumber pack = registry.number_of({});
    const TreeEntry entry;
    const InnerChild child{"a", {pack, 1}, 1, 1};
    Buffer entries = encode_entries_page({&entry, 1}, registry);
    Buffer inner = encode_inner_page({&child, 1}, registry);
    for (Buffer* page : {&entries, &inner}) {
        ASSERT_EQ((*page)[2], std::byte{1});  // the count, behind version and kind
        (*page)[2] = std::byte{127};
    }
    const auto from_entries = decode_entries_page(entries, registry);
    ASSERT_FALSE(from_entries);
    EXPECT_NE(from_entries.error().message().find("impossible count"), std::string::npos);
    const auto from_inner = decode_inner_page(inner, registry);
    ASSERT_FALSE(from_inner);
    EXPECT_NE(from_inner.error().message().find("impossible count"), std::string::npos);
}

TEST(RunsInnerPage, RoundTrips) {
    PackRegistry registry;
    const PackNumber pack = registry.number_of({{WriterNumber{1}, SessionNumber{1}}, {}});
    const std::vector<RunsChild> children{{{pack, 0}, 5}, {{pack, 7}, ~std::uint64_t{0}}};
    const auto back = decode_runs_inner_page(encode_runs_inner_page(children, registry), registry);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, children);
}

TEST(BytesPage, RoundTrips) {
    const Buffer content = to_buffer(as_bytes(std::string(70'000, 'x')));
    const auto back = decode_bytes_page(encode_bytes_page(content));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, content);
}

TEST(Page, OneKindIsNotAnother) {
    PackRegistry registry;
    const Buffer bytes = encode_bytes_page(as_bytes("x"));
    EXPECT_FALSE(decode_entries_page(bytes, registry));
    EXPECT_FALSE(decode_inner_page(bytes, registry));
    EXPECT_FALSE(decode_runs_page(bytes, registry));
    EXPECT_FALSE(decode_runs_inner_page(bytes, registry));
    EXPECT_FALSE(page_kind({}));
}

TEST(PackedAddress, RoundTripsAndRefusesTruncation) {
    const BirthAddress address{{{WriterNumber{0xffffffff}, SessionNumber{~std::uint64_t{0}}}, {}},
                               0xffffffff};
    const Buffer bytes = encode_address(address);
    EXPECT_EQ(*decode_address(bytes), address);
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_FALSE(decode_address(ByteView(bytes).first(length)));
}

}  // namespace
}  // namespace perdure
