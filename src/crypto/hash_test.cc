#include "crypto/hash.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace perdure {
namespace {

// The vectors of the BLAKE3 repository (test_vectors.json): input bytes 0, 1, ... 250, 0, 1, ...;
// values for more lengths are the reference implementation's.
constexpr std::string_view kVectorKey = "whats the Elvish word for friend";

struct Vector {
    std::size_t length;
    std::string_view plain;
    std::string_view keyed;
};
constexpr Vector kVectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
     "bb1eb5d4afa793c1ebdd9fb08def6c36d10096986ae0cfe148cd101170ce37ae"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
     "ba8ced36f327700d213f120b1a207a3b8c04330528586f414d09f2f7d9ccb7e6"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
     "c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
     "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
     "879cf1fa2ea0e79126cb1063617a05b6ad9d0b696d0d757cf053439f60a99dd1"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2",
     "044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969",
     "befc660aea2f1718884cd8deb9902811d332f4fc4a38cf7c7300d597a081bfc0"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b",
     "954a2a75420c8d6547e3ba5b98d963e6fa6491addc8c023189cc519821b4a1f5"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4",
     "9e9fc4eb7cf081ea7c47d1807790ed211bfec56aa25bb7037784c13c4b707b0d"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
     "efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
     "1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7"},
};

Buffer vector_input(std::size_t length) {
    Buffer bytes(length);
    for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i % 251);
    return bytes;
}

Key256 vector_key() { return Key256::copy_of(as_bytes(kVectorKey)); }

Buffer random_bytes(std::uint64_t seed, std::size_t length) {
    Buffer bytes(length);
    SeededRandom(seed).fill(bytes);
    return bytes;
}

TEST(Hash, DigestMatchesTheOfficialVectors) {
    for (const Vector& v : kVectors)
        EXPECT_EQ(digest_of(vector_input(v.length)).hex(), v.plain) << v.length << " bytes";
}

TEST(Hash, KeyedHashMatchesTheOfficialVectors) {
    for (const Vector& v : kVectors)
        EXPECT_EQ(keyed_hash(vector_key(), vector_input(v.length)).hex(), v.keyed)
            << v.length << " bytes";
}

TEST(Hash, PartsGiveTheHashOfTheWhole) {
    const Buffer bytes = random_bytes(1, 70000);
    SeededRandom random(2);
    const Digest whole = keyed_hash(vector_key(), bytes);
    for (int round = 0; round < 50; ++round) {
        KeyedHasher hasher(vector_key());
        ByteView rest = bytes;
        while (!rest.empty()) {
            const std::size_t count = std::min<std::size_t>(rest.size(), random.below(5000));
            hasher.update(rest.first(count));
            rest = rest.subspan(count);
        }
        ASSERT_EQ(hasher.finish(), whole) << "round " << round;
    }
}

TEST(Hash, ResetKeepsTheKeyAndForgetsTheInput) {
    KeyedHasher hasher(vector_key());
    hasher.update(as_bytes("something else")).finish();
    hasher.reset();
    EXPECT_EQ(hasher.update(vector_input(1025)).finish(),
              keyed_hash(vector_key(), vector_input(1025)));
}

TEST(Hash, FinishLeavesTheStateForMoreInput) {
    KeyedHasher hasher(vector_key());
    const Digest first = hasher.update(as_bytes("one")).finish();
    EXPECT_EQ(hasher.finish(), first);
    EXPECT_EQ(hasher.update(as_bytes("two")).finish(),
              keyed_hash(vector_key(), as_bytes("onetwo")));
}

TEST(Hash, NumbersAreEightLittleEndianBytes) {
    const Digest digest = KeyedHasher(vector_key()).update_u64(0x0102030405060708).finish();
    EXPECT_EQ(digest, keyed_hash(vector_key(), as_bytes("\x08\x07\x06\x05\x04\x03\x02\x01")));
}

TEST(Hash, EveryBitOfTheKeyCounts) {
    const Digest right = keyed_hash(vector_key(), as_bytes("leaf"));
    for (std::size_t bit = 0; bit < 256; ++bit) {
        Key256 other = vector_key();
        other.reveal_mutable()[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_NE(keyed_hash(other, as_bytes("leaf")), right) << "bit " << bit;
    }
}

TEST(Hash, KeyedAndPlainDiffer) {
    EXPECT_NE(keyed_hash(Key256(), as_bytes("leaf")), digest_of(as_bytes("leaf")));
}

}  // namespace
}  // namespace perdure
