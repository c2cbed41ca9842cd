#include "repo/pack.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

const PackId kId = id_of<PackId>(8);

FinishedPack small_pack(const PackContext& context = pack_context()) {
    return build_pack(context, {"one", std::string(3000, 'b'), noise(4, 500)}, kId);
}

ByteView manifest_of(const FinishedPack& pack) {
    return ByteView(pack.bytes).subspan(pack.table.manifest_offset, pack.table.manifest_length);
}

Result<PackManifest> open(const FinishedPack& pack, ByteView framed) {
    const PackContext context = pack_context();
    return open_manifest(context.repository, pack.table.name(), pack.table.pack, framed,
                         [&](DomainName) -> Result<Key256> { return context.domain.index_key; });
}

TEST(Pack, DescribesItself) {
    const FinishedPack pack = small_pack();
    const PackContext context = pack_context();
    const auto header = parse_pack_header(pack.bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->pack, pack.table.pack);
    EXPECT_EQ(header->repository, context.repository);
    ASSERT_EQ(header->secrets.size(), 1U);
    EXPECT_EQ(header->secrets[0].session, context.session);
    EXPECT_TRUE(equal(header->secrets[0].box, context.sealed_secret));
    const auto footer = parse_pack_footer(pack.bytes, pack.bytes.size());
    ASSERT_TRUE(footer);
    EXPECT_EQ(footer->manifest_offset, pack.table.manifest_offset);
    EXPECT_EQ(footer->manifest_length, pack.table.manifest_length);
    const auto manifest = open(pack, manifest_of(pack));
    ASSERT_TRUE(manifest);
    ASSERT_EQ(manifest->slots.size(), 3U);
    EXPECT_EQ(manifest->leaves.size(), 3U);
    EXPECT_EQ(manifest->slots[0].offset, header->size);
    EXPECT_EQ(manifest->key_commitment,
              derive_pack_keys(context.repository, context.secret, pack.table.pack).commitment);
}

TEST(Pack, EveryBlockLiesWhereItsTableSays) {
    const PackContext context = pack_context();
    const FinishedPack pack = small_pack(context);
    const PackKeys keys = derive_pack_keys(context.repository, context.secret, pack.table.pack);
    Aead aead(preferred_cipher(), keys.seal);
    BlockOpener opener(context.repository);
    const std::vector<std::string> expected{"one", std::string(3000, 'b'), noise(4, 500)};
    for (std::uint32_t i = 0; i < 3; ++i) {
        const SlotEntry& slot = pack.table.slots[i];
        Buffer raw;
        const auto opened = opener.open(
            {pack.table.pack, i},
            ByteView(pack.bytes).subspan(slot.offset, kBlockHeaderSize + slot.sealed_length), aead,
            raw);
        ASSERT_TRUE(opened) << opened.error().describe();
        EXPECT_EQ(as_text(raw), expected[i]);
        EXPECT_EQ(slot.raw_length, expected[i].size());
    }
}

TEST(Pack, TruncatedHeaderIsCorrupt) {
    const FinishedPack pack = small_pack();
    const std::size_t size = parse_pack_header(pack.bytes)->size;
    for (std::size_t length = 0; length < size; ++length)
        EXPECT_FALSE(parse_pack_header(ByteView(pack.bytes).first(length))) << length;
}

TEST(Pack, EveryFlippedByteOfHeaderManifestAndFooterIsRefused) {
    const FinishedPack pack = small_pack();
    const std::size_t header = parse_pack_header(pack.bytes)->size;
    for (std::size_t i = 0; i < header; ++i) {
        Buffer bad = pack.bytes;
        bad[i] ^= std::byte{4};
        EXPECT_FALSE(parse_pack_header(bad)) << i;
    }
    const Buffer manifest = to_buffer(manifest_of(pack));
    for (std::size_t i = 0; i < manifest.size(); ++i) {
        Buffer bad = manifest;
        bad[i] ^= std::byte{4};
        EXPECT_FALSE(open(pack, bad)) << i;
    }
    for (std::size_t i = pack.bytes.size() - kPackFooterSize; i < pack.bytes.size(); ++i) {
        Buffer bad = pack.bytes;
        bad[i] ^= std::byte{4};
        EXPECT_FALSE(parse_pack_footer(bad, bad.size())) << i;
    }
}

TEST(Pack, FooterMayNotPointOutside) {
    const FinishedPack pack = small_pack();
    EXPECT_FALSE(parse_pack_footer(pack.bytes, pack.table.manifest_offset));
    EXPECT_FALSE(parse_pack_footer(ByteView(pack.bytes).first(kPackFooterSize - 1), 1000));
}

TEST(Pack, ManifestOfAnotherPackIsRefused) {
    const FinishedPack pack = small_pack();
    const PackContext context = pack_context();
    const FinishedPack other = build_pack(context, {"x"}, id_of<PackId>(9));
    EXPECT_FALSE(open(pack, manifest_of(other)));
    EXPECT_FALSE(open(other, manifest_of(pack)));
}

TEST(SlotTable, RoundTripsWithCopiedBlocks) {
    SeededRandom random(6);
    const BirthPack own{session_name(1, 1), kId};
    for (int round = 0; round < 200; ++round) {
        std::vector<SlotEntry> slots;
        std::uint64_t end = random.below(300);
        for (std::uint64_t i = random.below(40); i > 0; --i) {
            SlotEntry slot;
            slot.offset = end + random.below(3) * 7;
            slot.sealed_length = static_cast<std::uint32_t>(16 + random.below(1 << 20));
            slot.raw_length = static_cast<std::uint32_t>(1 + random.below(1 << 20));
            slot.leaf_count = static_cast<std::uint32_t>(random.below(300));
            slot.birth = {own, static_cast<std::uint32_t>(slots.size())};
            if (random.below(3) == 0)
                slot.birth = {{session_name(2, random.below(3)), id_of<PackId>(random.below(3))},
                              static_cast<std::uint32_t>(random.below(100))};
            end = slot.offset + kBlockHeaderSize + slot.sealed_length;
            slots.push_back(slot);
        }
        std::vector<BirthPack> births;
        const Buffer bytes = encode_slots(slots, own, births);
        const auto back = decode_slots(bytes, own, births);
        ASSERT_TRUE(back) << back.error().describe();
        ASSERT_EQ(back->size(), slots.size());
        for (std::size_t i = 0; i < slots.size(); ++i) {
            EXPECT_EQ((*back)[i].offset, slots[i].offset);
            EXPECT_EQ((*back)[i].sealed_length, slots[i].sealed_length);
            EXPECT_EQ((*back)[i].raw_length, slots[i].raw_length);
            EXPECT_EQ((*back)[i].leaf_count, slots[i].leaf_count);
            EXPECT_EQ((*back)[i].birth, slots[i].birth);
        }
    }
}

TEST(SlotTable, HostileBytesNeverCrash) {
    SeededRandom random(7);
    const FinishedPack pack = small_pack();
    std::vector<BirthPack> births;
    const Buffer good = encode_slots(pack.table.slots, pack.table.pack, births);
    for (int i = 0; i < 20'000; ++i) {
        Buffer bad = good;
        for (int k = 0; k < 3; ++k)
            bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        bad.resize(random.below(bad.size() + 1));
        static_cast<void>(decode_slots(bad, pack.table.pack, births).has_value());
    }
}

TEST(Pack, NameBindsClassKindSessionAndId) {
    const FinishedPack pack = small_pack();
    const auto parsed = names::parse_pack(pack.table.name().text());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->pack, pack.table.pack);
    EXPECT_EQ(parsed->kind, PackKind::Data);
    EXPECT_EQ(parsed->retention_class, kDefaultRetentionClass);
}

}  // namespace
}  // namespace perdure
