#include "repo/moved_pack.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

ByteView block_of(const FinishedPack& pack, std::size_t slot) {
    const SlotEntry& entry = pack.table.slots[slot];
    return ByteView(pack.bytes).subspan(entry.offset, kBlockHeaderSize + entry.sealed_length);
}

class MovedPack : public ::testing::Test {
protected:
    MovedPack()
        : from(pack_context(session_name(1, 1))),
          to(pack_context(session_name(7, 3))),
          origin(build_pack(from, {"one", "two", "three"}, id_of<PackId>(20))),
          hasher(to.repository, to.domain),
          keys{from.sealed_secret,
               derive_pack_keys(from.repository, from.secret, origin.table.pack).commitment} {
        to.sealed_secret = to_buffer(as_bytes(noise(8, 116)));
    }

    Result<void> move(MovedPackBuilder& builder, std::size_t slot, const std::string& content) {
        const DedupKeys dedup = expand(to.domain, to.repository);
        const std::vector<LeafRecord> leaves{leaf_of(content, dedup.leaf)};
        return builder.add(block_of(origin, slot), origin.table.slots[slot].birth, leaves, hasher,
                           keys);
    }

    PackContext from, to;
    FinishedPack origin;
    LeafTableHasher hasher;
    BirthKeys keys;
};

TEST_F(MovedPack, HoldsBlocksVerbatimUnderTheirBirthAddresses) {
    MovedPackBuilder builder(to, PackKind::Data, id_of<PackId>(30));
    ASSERT_TRUE(move(builder, 2, "three"));
    ASSERT_TRUE(move(builder, 0, "one"));
    const FinishedPack moved = builder.finish();
    ASSERT_EQ(moved.table.slots.size(), 2U);
    const BirthPack& birth = origin.table.pack;
    EXPECT_EQ(moved.table.slots[0].birth, (BirthAddress{birth, 2}));
    EXPECT_EQ(moved.table.slots[1].birth, (BirthAddress{birth, 0}));
    EXPECT_TRUE(equal(block_of(moved, 0), block_of(origin, 2)));
    EXPECT_TRUE(equal(block_of(moved, 1), block_of(origin, 0)));
}

TEST_F(MovedPack, DescribesItselfWithTheSecretsAndCommitmentsOfWhatItHolds) {
    MovedPackBuilder builder(to, PackKind::Data, id_of<PackId>(30));
    ASSERT_TRUE(move(builder, 1, "two"));
    const FinishedPack moved = builder.finish();
    const auto header = parse_pack_header(moved.bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->pack, builder.pack());
    ASSERT_EQ(header->secrets.size(), 2U);
    EXPECT_EQ(header->secrets[1].session, session_name(1, 1));
    EXPECT_TRUE(equal(header->secrets[1].box, from.sealed_secret));
    const auto footer = parse_pack_footer(moved.bytes, moved.bytes.size());
    ASSERT_TRUE(footer);
    const auto manifest = open_manifest(
        to.repository, moved.table.name(), moved.table.pack,
        ByteView(moved.bytes).subspan(footer->manifest_offset, footer->manifest_length),
        [&](DomainName) -> Result<Key256> { return to.domain.index_key; });
    ASSERT_TRUE(manifest) << manifest.error().describe();
    ASSERT_EQ(manifest->births.size(), 1U);
    EXPECT_EQ(manifest->births.at(origin.table.pack), keys.key_commitment);
    EXPECT_EQ(manifest->slots[0].birth, origin.table.slots[1].birth);
}

TEST_F(MovedPack, RefusesADamagedBlockAnotherBlockAndOtherLeaves) {
    MovedPackBuilder builder(to, PackKind::Data, id_of<PackId>(30));
    EXPECT_FALSE(move(builder, 1, "three"));
    const DedupKeys dedup = expand(to.domain, to.repository);
    const std::vector<LeafRecord> leaves{leaf_of("two", dedup.leaf)};
    EXPECT_FALSE(
        builder.add(block_of(origin, 1), origin.table.slots[0].birth, leaves, hasher, keys));
    Buffer bad = to_buffer(block_of(origin, 1));
    bad.back() ^= std::byte{1};
    EXPECT_FALSE(builder.add(bad, origin.table.slots[1].birth, leaves, hasher, keys));
    EXPECT_TRUE(builder.empty());
}

}  // namespace
}  // namespace perdure
