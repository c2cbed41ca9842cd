#include "repo/leaf_index.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

/// Packs of leaves with made-up ids, as a committed session would have left them.
class Packs {
public:
    LeafIndex::ManifestLoader loader() {
        return [this](const PackTable& table) -> Result<PackManifest> {
            ++loads;
            const auto at = manifests.find(table.pack);
            if (at == manifests.end()) return Error(ErrorKind::NotFound, "no such pack");
            return at->second;
        };
    }

    PackTable make(std::uint64_t seed, std::size_t leaves) {
        PackTable table;
        table.pack = {session_name(1, 1), id_of<PackId>(seed)};
        PackManifest manifest;
        manifest.pack = table.pack;
        for (std::size_t i = 0; i < leaves; ++i) {
            if (i % 4 == 0) {
                manifest.slots.emplace_back();
                manifest.slots.back().birth = {table.pack, static_cast<std::uint32_t>(i / 4)};
            }
            ++manifest.slots.back().leaf_count;
            manifest.leaves.push_back({id_of<LeafId>(seed * 1'000'000 + i), 100});
        }
        table.slots = manifest.slots;
        manifests[table.pack] = manifest;
        return table;
    }

    std::vector<std::uint64_t> fingerprints(const PackTable& table) {
        std::vector<std::uint64_t> all;
        for (const LeafRecord& leaf : manifests[table.pack].leaves)
            all.push_back(leaf.id.fingerprint());
        return all;
    }

    std::map<BirthPack, PackManifest> manifests;
    int loads = 0;
};

/// Every leaf of `table` is found where its manifest says.
void expect_finds_all(LeafIndex& index, PackRegistry& registry, Packs& packs,
                      const PackTable& table) {
    const auto& leaves = packs.manifests[table.pack].leaves;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        const auto place = index.find(leaves[i].id);
        ASSERT_TRUE(place) << "leaf " << i;
        EXPECT_EQ(registry.pack_of(place->pack), table.pack);
        EXPECT_EQ(place->slot, i / 4);
        EXPECT_EQ(place->offset, i % 4 * 100);
        EXPECT_EQ(place->length, 100U);
    }
}

TEST(LeafIndex, FindsAttachedLeavesAndNoOthers) {
    PackRegistry registry;
    Packs packs;
    LeafIndex index(registry, packs.loader(), {});
    const PackTable table = packs.make(1, 1000);
    index.attach(table, packs.fingerprints(table));
    EXPECT_EQ(index.leaves(), 1000U);
    expect_finds_all(index, registry, packs, table);
    for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_FALSE(index.find(id_of<LeafId>(9'000'000 + i)));
    EXPECT_EQ(packs.loads, 1) << "a manifest is loaded once";
}

TEST(LeafIndex, AFingerprintNeverDecides) {
    // Fingerprints cut to 8 bits: almost every look-up meets leaves that only seem equal.
    PackRegistry registry;
    Packs packs;
    LeafIndex::Limits limits;
    limits.fingerprint_mask = 0xff;
    LeafIndex index(registry, packs.loader(), limits);
    const PackTable table = packs.make(1, 500);
    index.attach(table, packs.fingerprints(table));
    const auto& leaves = packs.manifests[table.pack].leaves;
    for (const LeafRecord& leaf : leaves)
        if (const auto place = index.find(leaf.id)) {
            const std::size_t i = place->slot * 4 + place->offset / 100;
            EXPECT_EQ(leaves[i].id, leaf.id);
        }
    for (std::uint64_t i = 0; i < 2000; ++i) EXPECT_FALSE(index.find(id_of<LeafId>(9'000'000 + i)));
}

TEST(LeafIndex, WrongHintsCostSpaceNotData) {
    PackRegistry registry;
    Packs packs;
    LeafIndex index(registry, packs.loader(), {});
    const PackTable table = packs.make(1, 100);
    auto fingerprints = packs.fingerprints(table);
    std::rotate(fingerprints.begin(), fingerprints.begin() + 1, fingerprints.end());
    fingerprints.resize(300, 5);  // more than there are leaves
    index.attach(table, fingerprints);
    for (const LeafRecord& leaf : packs.manifests[table.pack].leaves)
        EXPECT_FALSE(index.find(leaf.id)) << "each hint points at the wrong leaf";
    EXPECT_FALSE(index.find(id_of<LeafId>(1)));
}

TEST(LeafIndex, LostManifestIsAFailedHit) {
    PackRegistry registry;
    Packs packs;
    LeafIndex index(registry, packs.loader(), {});
    const PackTable table = packs.make(1, 10);
    index.attach(table, packs.fingerprints(table));
    const LeafId id = packs.manifests[table.pack].leaves[3].id;
    packs.manifests.clear();
    EXPECT_FALSE(index.find(id));
    EXPECT_GT(index.failed_hits(), 0U);
    EXPECT_FALSE(index.find(id));
    EXPECT_EQ(packs.loads, 1) << "a broken pack is not tried again";
}

TEST(LeafIndex, KnowsLeavesOfThePackBeingWritten) {
    PackRegistry registry;
    Packs packs;
    LeafIndex index(registry, packs.loader(), {});
    const PackTable table = packs.make(1, 8);
    const PackNumber pack = registry.number_of(table.pack);
    index.open_pack(pack);
    const auto& leaves = packs.manifests[table.pack].leaves;
    for (std::uint32_t i = 0; i < 8; ++i) index.add(leaves[i].id, {pack, i / 4, i % 4 * 100, 100});
    expect_finds_all(index, registry, packs, table);
    EXPECT_EQ(index.fingerprints_of(table.pack), packs.fingerprints(table));
    index.close_pack(table);
    expect_finds_all(index, registry, packs, table);
    EXPECT_EQ(packs.loads, 0);
}

TEST(LeafIndex, MemoryOfManifestsIsBounded) {
    PackRegistry registry;
    Packs packs;
    LeafIndex::Limits limits;
    limits.loaded_leaves = 100;
    LeafIndex index(registry, packs.loader(), limits);
    std::vector<PackTable> tables;
    for (std::uint64_t p = 1; p <= 10; ++p) {
        tables.push_back(packs.make(p, 50));
        index.attach(tables.back(), packs.fingerprints(tables.back()));
    }
    for (int round = 0; round < 2; ++round)
        for (const PackTable& table : tables) expect_finds_all(index, registry, packs, table);
    EXPECT_EQ(packs.loads, 20) << "each round loads every pack again: old ones were let go";
}

/// How many of the pack's leaves are found, looked for in order.
int found_in_order(LeafIndex& index, Packs& packs, const PackTable& table) {
    int found = 0;
    for (const LeafRecord& leaf : packs.manifests[table.pack].leaves)
        if (index.find(leaf.id)) ++found;
    return found;
}

struct SparseLeafIndex : ::testing::Test {
    SparseLeafIndex() {
        LeafIndex::Limits limits;
        limits.exact_leaves = 1000;
        index = std::make_unique<LeafIndex>(registry, packs.loader(), limits);
        exact = packs.make(1, 1000);
        sparse = packs.make(2, 4000);
        index->attach(exact, packs.fingerprints(exact));
        EXPECT_FALSE(index->is_sparse());
        index->attach(sparse, packs.fingerprints(sparse));
    }
    PackRegistry registry;
    Packs packs;
    std::unique_ptr<LeafIndex> index;
    PackTable exact, sparse;
};

TEST_F(SparseLeafIndex, KeepsOneInSixtyFourBeyondTheBudget) {
    EXPECT_TRUE(index->is_sparse());
    EXPECT_GT(index->leaves(), 1000U + 4000 / 64 / 2);
    EXPECT_LT(index->leaves(), 1000U + 4000 / 64 * 2);
    expect_finds_all(*index, registry, packs, exact);
}

TEST_F(SparseLeafIndex, AHookBringsItsNeighbours) {
    EXPECT_GT(found_in_order(*index, packs, sparse), 3000) << "all behind the first hook";
    EXPECT_EQ(packs.loads, 1);
    expect_finds_all(*index, registry, packs, sparse);
}

TEST_F(SparseLeafIndex, WhatIsExpectedIsFoundFromItsFirstLeaf) {
    index->expect(registry.number_of(sparse.pack));
    expect_finds_all(*index, registry, packs, sparse);
    index->expect(registry.number_of(sparse.pack));
    index->expect(registry.number_of({session_name(1, 1), id_of<PackId>(77)}));  // of nobody
    EXPECT_EQ(packs.loads, 1);
}

TEST_F(SparseLeafIndex, FindsItsOwnLeavesWhileTheyAreNear) {
    const PackNumber own = registry.number_of({session_name(1, 2), id_of<PackId>(9)});
    index->open_pack(own);
    for (std::uint32_t i = 0; i < 500; ++i) {
        index->add(id_of<LeafId>(5'000'000 + i), {own, i, 0, 10});
        EXPECT_TRUE(index->find(id_of<LeafId>(5'000'000 + i)));
    }
}

TEST(LeafIndex, MemoryOfNeighboursIsBounded) {
    PackRegistry registry;
    Packs packs;
    LeafIndex::Limits limits;
    limits.exact_leaves = 0;
    limits.near_leaves = 300;
    LeafIndex index(registry, packs.loader(), limits);
    std::vector<PackTable> tables;
    for (std::uint64_t p = 1; p <= 20; ++p) {
        tables.push_back(packs.make(p, 200));
        index.attach(tables.back(), packs.fingerprints(tables.back()));
    }
    for (int round = 0; round < 2; ++round)
        for (const PackTable& table : tables) {
            index.expect(registry.number_of(table.pack));
            expect_finds_all(index, registry, packs, table);
        }
    EXPECT_LT(found_in_order(index, packs, tables.front()), 200) << "long gone";
}

TEST(LeafIndex, ManyThreadsFindAndAdd) {
    PackRegistry registry;
    Packs packs;
    const PackTable table = packs.make(1, 2000);
    const auto fingerprints = packs.fingerprints(table);
    const auto leaves = packs.manifests[table.pack].leaves;
    LeafIndex index(
        registry,
        [&](const PackTable&) -> Result<PackManifest> { return packs.manifests[table.pack]; }, {});
    index.attach(table, fingerprints);
    std::atomic<int> found{0};
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                const PackNumber own =
                    registry.number_of({session_name(1, 2), id_of<PackId>(100 + t)});
                index.open_pack(own);
                for (std::uint32_t i = 0; i < 2000; ++i) {
                    index.add(id_of<LeafId>(t * 10'000 + 5'000'000 + i), {own, i, 0, 10});
                    if (index.find(leaves[i].id)) ++found;
                }
            });
    }
    EXPECT_EQ(found, 8000);
    EXPECT_EQ(index.leaves(), 10'000U);
}

}  // namespace
}  // namespace perdure
