#include "crypto/sign.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

struct Vector {
    std::string_view seed;
    std::string_view verify_key;
    std::string_view message;
    std::string_view signature;
};

// RFC 8032, section 7.1: TEST 1, 2, 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

Buffer unhex(std::string_view text) {
    Buffer bytes(text.size() / 2);
    EXPECT_TRUE(from_hex(text, bytes)) << text;
    return bytes;
}

SigningKey key_of(const Vector& v) { return SigningKey(Key256::copy_of(unhex(v.seed))); }

TEST(Sign, MatchesRfc8032) {
    for (const Vector& v : kVectors) {
        EXPECT_EQ(key_of(v).verify_key().hex(), v.verify_key);
        EXPECT_EQ(key_of(v).sign(unhex(v.message)).hex(), v.signature);
        EXPECT_TRUE(verify(key_of(v).verify_key(), unhex(v.message),
                           Signature::from_hex(v.signature).value()));
    }
}

TEST(Sign, EveryFlippedBitOfAnythingFails) {
    const SigningKey key = key_of(kVectors[2]);
    const Buffer message = unhex("af82");
    const Signature signature = key.sign(message);
    for (std::size_t bit = 0; bit < 512; ++bit) {
        Signature changed = signature;
        changed.raw()[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_FALSE(verify(key.verify_key(), message, changed)) << "signature, bit " << bit;
    }
    for (std::size_t bit = 0; bit < 256; ++bit) {
        VerifyKey changed = key.verify_key();
        changed.raw()[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_FALSE(verify(changed, message, signature)) << "key, bit " << bit;
    }
    for (std::size_t bit = 0; bit < 16; ++bit) {
        Buffer changed = message;
        changed[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        EXPECT_FALSE(verify(key.verify_key(), changed, signature)) << "message, bit " << bit;
    }
}

TEST(Sign, LongerAndShorterMessagesFail) {
    const SigningKey key = key_of(kVectors[0]);
    const Signature signature = key.sign(as_bytes("point"));
    EXPECT_TRUE(verify(key.verify_key(), as_bytes("point"), signature));
    EXPECT_FALSE(verify(key.verify_key(), as_bytes("points"), signature));
    EXPECT_FALSE(verify(key.verify_key(), as_bytes("poin"), signature));
    EXPECT_FALSE(verify(key.verify_key(), {}, signature));
}

// With a key of small order a fixed signature would verify many messages.
TEST(Sign, KeysOfSmallOrderVerifyNothing) {
    VerifyKey identity;
    identity.raw()[0] = std::byte{1};
    Signature signature;
    signature.raw()[0] = std::byte{1};
    EXPECT_FALSE(verify(identity, as_bytes("anything"), signature));
    EXPECT_FALSE(verify(VerifyKey(), as_bytes("anything"), Signature()));
}

}  // namespace
}  // namespace perdure
