#include "repo/block.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

const RepositoryId kRepository = id_of<RepositoryId>(1);
const BirthAddress kBirth{{session_name(1, 2), id_of<PackId>(3)}, 4};

struct Sealed {
    Buffer bytes;
    PackKeys keys;
};

Sealed seal(std::string_view content, const SealPolicy& policy = {},
            Cipher cipher = Cipher::Aes256Gcm) {
    Sealed sealed{{}, derive_pack_keys(kRepository, key_of(7), kBirth.pack)};
    BlockHeader header;
    header.cipher = cipher;
    header.birth = kBirth;
    header.domain = {1, 1};
    header.leaves = digest_of(as_bytes("leaves"));
    Aead aead(cipher, sealed.keys.seal);
    BlockSealer sealer(kRepository);
    EXPECT_TRUE(
        sealer.seal(header, as_bytes(content), aead, sealed.keys.nonce, policy, sealed.bytes));
    return sealed;
}

Result<std::string> open(const Sealed& sealed, const BirthAddress& birth = kBirth,
                         const RepositoryId& repository = kRepository) {
    const auto header = parse_block_header(sealed.bytes, true);
    if (!header) return header.error();
    Aead aead(header->cipher, sealed.keys.seal);
    Buffer raw;
    BlockOpener opener(repository);
    if (auto opened = opener.open(birth, sealed.bytes, aead, raw); !opened)
        return std::move(opened).error();
    if (auto good = opener.authenticate(birth, sealed.bytes, aead); !good)
        return std::move(good).error();
    return std::string(as_text(raw));
}

TEST(Block, OpensToWhatWasSealed) {
    for (const std::string& content : {std::string("x"), std::string(5000, 'a'), noise(1, 5000),
                                       std::string(kMaxBlockRaw, 'b'), noise(2, kMaxBlockRaw)})
        for (const Cipher cipher : {Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305}) {
            const auto opened = open(seal(content, {}, cipher));
            ASSERT_TRUE(opened) << opened.error().describe();
            EXPECT_EQ(*opened, content);
        }
}

TEST(Block, CompressesWhatGainsAndNothingElse) {
    const auto codec_of = [](const Sealed& sealed) {
        return parse_block_header(sealed.bytes, true)->codec;
    };
    EXPECT_EQ(codec_of(seal(std::string(5000, 'a'))), Codec::Zstd);
    EXPECT_EQ(codec_of(seal(noise(1, 5000))), Codec::Raw);
    SealPolicy off;
    off.compress = false;
    EXPECT_EQ(codec_of(seal(std::string(5000, 'a'), off)), Codec::Raw);
}

TEST(Block, HeaderSaysWhatItIs) {
    const Sealed sealed = seal("content");
    const auto header = parse_block_header(sealed.bytes, true);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->birth, kBirth);
    EXPECT_EQ(header->raw_length, 7U);
    EXPECT_EQ(header->sealed_length + kBlockHeaderSize, sealed.bytes.size());
    EXPECT_EQ(header->domain, (DomainName{1, 1}));
}

TEST(Block, EveryFlippedByteIsRefused) {
    const Sealed good = seal(std::string(300, 'a') + noise(1, 50));
    for (std::size_t i = 0; i < good.bytes.size(); ++i) {
        Sealed bad = good;
        bad.bytes[i] ^= std::byte{0x10};
        EXPECT_FALSE(open(bad)) << "byte " << i;
    }
}

TEST(Block, FlippedByteWithARightChecksumIsStillRefused) {
    // Who forges a block can make its CRC right; then the cipher must notice.
    const Sealed good = seal(std::string(300, 'a') + noise(1, 50));
    for (std::size_t i = 0; i < good.bytes.size(); ++i) {
        if (i >= 100 && i < 104) continue;  // the CRC itself
        Sealed bad = good;
        bad.bytes[i] ^= std::byte{0x10};
        Aead aead(Cipher::Aes256Gcm, bad.keys.seal);
        Buffer raw;
        EXPECT_FALSE(BlockOpener(kRepository).open(kBirth, bad.bytes, aead, raw)) << "byte " << i;
    }
}

TEST(Block, EveryTruncationIsRefused) {
    const Sealed good = seal("some content");
    for (std::size_t length = 0; length < good.bytes.size(); ++length) {
        Sealed bad = good;
        bad.bytes.resize(length);
        EXPECT_FALSE(open(bad)) << length;
    }
}

TEST(Block, MayNotTakeAnotherBlocksPlace) {
    const Sealed sealed = seal("content");
    BirthAddress other = kBirth;
    ++other.slot;
    EXPECT_FALSE(open(sealed, other));
    other = kBirth;
    other.pack.pack = id_of<PackId>(9);
    EXPECT_FALSE(open(sealed, other));
    EXPECT_FALSE(open(sealed, kBirth, id_of<RepositoryId>(2)));
}

TEST(Block, HostileHeadersNeverCrash) {
    SeededRandom random(5);
    const Sealed good = seal(std::string(200, 'a'));
    for (int i = 0; i < 20'000; ++i) {
        Sealed bad = good;
        for (int k = 0; k < 4; ++k)
            bad.bytes[random.below(kBlockHeaderSize)] = static_cast<std::byte>(random.next());
        static_cast<void>(parse_block_header(bad.bytes, false).has_value());
        Aead aead(Cipher::Aes256Gcm, bad.keys.seal);
        Buffer raw;
        EXPECT_FALSE(BlockOpener(kRepository).open(kBirth, bad.bytes, aead, raw) &&
                     !equal(bad.bytes, good.bytes));
    }
}

TEST(Block, LeafTableHashTellsLeavesAndLengthsApart) {
    const DomainKeys domain{{1, 1}, key_of(1), key_of(2)};
    LeafTableHasher hasher(kRepository, domain);
    const LeafRecord a{id_of<LeafId>(1), 5}, b{id_of<LeafId>(2), 5}, c{id_of<LeafId>(1), 6};
    const std::vector<LeafRecord> ab{a, b}, ba{b, a}, cb{c, b}, only{a};
    EXPECT_EQ(hasher.hash(ab), hasher.hash(ab));
    EXPECT_NE(hasher.hash(ab), hasher.hash(ba));
    EXPECT_NE(hasher.hash(ab), hasher.hash(cb));
    EXPECT_NE(hasher.hash(ab), hasher.hash(only));
    LeafTableHasher other(kRepository, {{1, 1}, key_of(3), key_of(2)});
    EXPECT_NE(hasher.hash(ab), other.hash(ab));
}

}  // namespace
}  // namespace perdure
