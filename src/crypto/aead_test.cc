#include "crypto/aead.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"
#include "base/random.h"
#include "crypto/hash.h"

namespace perdure {
namespace {

Buffer unhex(std::string_view text) {
    Buffer bytes(text.size() / 2);
    EXPECT_TRUE(from_hex(text, bytes)) << text;
    return bytes;
}

Key256 key_from_hex(std::string_view text) { return Key256::copy_of(unhex(text)); }

Nonce nonce_from_hex(std::string_view text) {
    Nonce nonce{};
    EXPECT_TRUE(from_hex(text, nonce)) << text;
    return nonce;
}

Buffer seal(Aead& aead, const Nonce& nonce, ByteView aad, ByteView plaintext) {
    Buffer out(plaintext.size() + kTagSize);
    aead.seal(nonce, aad, plaintext, out);
    return out;
}

struct Vector {
    Cipher cipher;
    std::string_view key, nonce, aad, plaintext, sealed;
};

constexpr std::string_view kGcmKey =
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kZeroKey =
    "0000000000000000000000000000000000000000000000000000000000000000";

const Vector kVectors[] = {
    // "The Galois/Counter Mode of Operation" (McGrew, Viega; submitted to NIST), test cases 13
    // to 16.
    {Cipher::Aes256Gcm, kZeroKey, "000000000000000000000000", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {Cipher::Aes256Gcm, kZeroKey, "000000000000000000000000", "",
     "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {Cipher::Aes256Gcm, kGcmKey, "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {Cipher::Aes256Gcm, kGcmKey, "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    // RFC 8439, section 2.8.2.
    {Cipher::ChaCha20Poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060"
     "0691"},
};

TEST(Aead, SealsAsThePublishedVectors) {
    for (const Vector& v : kVectors) {
        Aead aead(v.cipher, key_from_hex(v.key));
        EXPECT_EQ(to_hex(seal(aead, nonce_from_hex(v.nonce), unhex(v.aad), unhex(v.plaintext))),
                  v.sealed);
    }
}

TEST(Aead, OpensThePublishedVectors) {
    for (const Vector& v : kVectors) {
        Aead aead(v.cipher, key_from_hex(v.key));
        const Buffer sealed = unhex(v.sealed);
        Buffer out(sealed.size() - kTagSize);
        ASSERT_TRUE(aead.open(nonce_from_hex(v.nonce), unhex(v.aad), sealed, out));
        EXPECT_EQ(to_hex(out), v.plaintext);
    }
}

class EachCipher : public testing::TestWithParam<Cipher> {
protected:
    EachCipher() { SeededRandom(7).fill(key_.reveal_mutable()); }

    // Corrupt, and nothing of the plaintext left in the output.
    static void expect_corrupt(Aead& aead, const Nonce& nonce, ByteView aad, ByteView sealed,
                               const std::string& what) {
        Buffer out(sealed.size() - kTagSize, std::byte{0x55});
        const auto opened = aead.open(nonce, aad, sealed, out);
        ASSERT_FALSE(opened) << what;
        EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt) << what;
        EXPECT_TRUE(std::ranges::all_of(out, [](std::byte b) { return b == std::byte{0}; }))
            << what;
    }

    Key256 key_;
    const Nonce nonce_ = nonce_from_hex("0102030405060708090a0b0c");
};

TEST_P(EachCipher, OneKeySealsAndOpensManyMessages) {
    Aead aead(GetParam(), key_);
    SeededRandom random(1);
    for (const std::size_t size :
         std::initializer_list<std::size_t>{0, 1, 15, 16, 17, 4095, 65536, 1 << 20, 3}) {
        Buffer plaintext(size), aad(random.below(100));
        Nonce nonce;
        random.fill(plaintext);
        random.fill(aad);
        random.fill(nonce);
        const Buffer sealed = seal(aead, nonce, aad, plaintext);
        EXPECT_TRUE(equal(sealed, seal(aead, nonce, aad, plaintext))) << "not deterministic";
        Buffer out(size);
        ASSERT_TRUE(aead.open(nonce, aad, sealed, out)) << size << " bytes";
        EXPECT_TRUE(equal(out, plaintext)) << size << " bytes";
    }
}

TEST_P(EachCipher, EveryFlippedBitIsCorrupt) {
    Aead aead(GetParam(), key_);
    const Buffer aad = to_buffer(as_bytes("packs/data/1"));
    const Buffer sealed = seal(aead, nonce_, aad, as_bytes("thirty-three bytes of a plaintext"));
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Buffer changed = sealed;
        changed[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        expect_corrupt(aead, nonce_, aad, changed, "sealed, bit " + std::to_string(bit));
    }
    for (std::size_t bit = 0; bit < aad.size() * 8; ++bit) {
        Buffer changed = aad;
        changed[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        expect_corrupt(aead, nonce_, changed, sealed, "AAD, bit " + std::to_string(bit));
    }
    for (std::size_t bit = 0; bit < nonce_.size() * 8; ++bit) {
        Nonce changed = nonce_;
        changed[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        expect_corrupt(aead, changed, aad, sealed, "nonce, bit " + std::to_string(bit));
    }
    for (std::size_t bit = 0; bit < 256; ++bit) {
        Key256 changed = key_;
        changed.reveal_mutable()[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        Aead other(GetParam(), changed);
        expect_corrupt(other, nonce_, aad, sealed, "key, bit " + std::to_string(bit));
    }
}

TEST_P(EachCipher, EveryTruncationIsCorrupt) {
    Aead aead(GetParam(), key_);
    const Buffer sealed = seal(aead, nonce_, {}, as_bytes("plaintext"));
    for (std::size_t size = kTagSize; size < sealed.size(); ++size)
        expect_corrupt(aead, nonce_, {}, ByteView(sealed).first(size), std::to_string(size));
    for (std::size_t size = 0; size < kTagSize; ++size) {
        const auto opened = aead.open(nonce_, {}, ByteView(sealed).first(size), {});
        ASSERT_FALSE(opened) << size;
        EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
    }
}

TEST_P(EachCipher, AadAndPlaintextDoNotRunTogether) {
    Aead aead(GetParam(), key_);
    const Buffer sealed = seal(aead, nonce_, as_bytes("ab"), as_bytes("c"));
    expect_corrupt(aead, nonce_, as_bytes("a"), sealed, "shorter AAD");
    expect_corrupt(aead, nonce_, as_bytes("abc"), sealed, "longer AAD");
    expect_corrupt(aead, nonce_, {}, sealed, "no AAD");
}

TEST_P(EachCipher, AFailedOpenDoesNotSpoilTheNext) {
    Aead aead(GetParam(), key_);
    const Buffer sealed = seal(aead, nonce_, as_bytes("aad"), as_bytes("plaintext"));
    expect_corrupt(aead, nonce_, as_bytes("other"), sealed, "wrong AAD");
    Buffer out(9);
    ASSERT_TRUE(aead.open(nonce_, as_bytes("aad"), sealed, out));
    EXPECT_EQ(as_text(out), "plaintext");
}

TEST_P(EachCipher, MovedKeysStillWork) {
    Aead first(GetParam(), key_);
    const Buffer sealed = seal(first, nonce_, {}, as_bytes("plaintext"));
    Aead second(std::move(first));
    Aead third(GetParam(), Key256());
    third = std::move(second);
    EXPECT_TRUE(equal(seal(third, nonce_, {}, as_bytes("plaintext")), sealed));
}

std::string cipher_name(const testing::TestParamInfo<Cipher>& tested) {
    return tested.param == Cipher::Aes256Gcm ? "Aes256Gcm" : "ChaCha20Poly1305";
}
INSTANTIATE_TEST_SUITE_P(Aead, EachCipher,
                         testing::Values(Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305), cipher_name);

TEST(Aead, TheTwoCiphersDoNotOpenEachOther) {
    Aead aes(Cipher::Aes256Gcm, Key256());
    Aead chacha(Cipher::ChaCha20Poly1305, Key256());
    const Buffer sealed = seal(aes, Nonce{}, {}, as_bytes("plaintext"));
    Buffer out(9);
    EXPECT_FALSE(chacha.open(Nonce{}, {}, sealed, out));
}

TEST(Aead, PreferredCipherIsAlwaysTheSame) { EXPECT_EQ(preferred_cipher(), preferred_cipher()); }

TEST(SyntheticNonce, IsTheStatedHash) {
    const Key256 key = key_from_hex(kGcmKey);
    Buffer input(8);
    store_le<std::uint64_t>(input.data(), 3);
    append(input, as_bytes("aadplaintext"));
    const Nonce nonce = synthetic_nonce(key, as_bytes("aad"), as_bytes("plaintext"));
    EXPECT_TRUE(equal(nonce, keyed_hash(key, input).view().first(12)));
}

TEST(SyntheticNonce, DependsOnKeyAadPlaintextAndTheirBorder) {
    const Key256 key = key_from_hex(kGcmKey);
    const Nonce nonce = synthetic_nonce(key, as_bytes("aad"), as_bytes("plaintext"));
    EXPECT_EQ(nonce, synthetic_nonce(key, as_bytes("aad"), as_bytes("plaintext")));
    EXPECT_NE(nonce, synthetic_nonce(Key256(), as_bytes("aad"), as_bytes("plaintext")));
    EXPECT_NE(nonce, synthetic_nonce(key, as_bytes("aae"), as_bytes("plaintext")));
    EXPECT_NE(nonce, synthetic_nonce(key, as_bytes("aad"), as_bytes("plaintexu")));
    EXPECT_NE(nonce, synthetic_nonce(key, as_bytes("aa"), as_bytes("dplaintext")));
    EXPECT_NE(nonce, synthetic_nonce(key, as_bytes("aadp"), as_bytes("laintext")));
}

}  // namespace
}  // namespace perdure
