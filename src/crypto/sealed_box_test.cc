#include "crypto/sealed_box.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace perdure {
namespace {

Key256 key_from_hex(std::string_view text) {
    Key256 key;
    EXPECT_TRUE(from_hex(text, key.reveal_mutable()));
    return key;
}

OpeningKey some_key() {
    return OpeningKey(
        key_from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
}

TEST(SealedBox, PublicKeyMatchesRfc7748) {
    const OpeningKey alice(
        key_from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    EXPECT_EQ(alice.sealing_key().hex(),
              "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
}

TEST(SealedBox, OpensWhatAnotherProgramSealed) {  // PyNaCl's SealedBox
    Buffer box(73);
    ASSERT_TRUE(
        from_hex("b93557314f26d8696a4e31531b0f7dd834e5d31ef644a608287957202797d1666bc8e00cb"
                 "4482bc9a6275c4ca8f7ea6fac0cbeb7d944fb081a89942b45fdb6693b9cf132b30b499e0a",
                 box));
    EXPECT_EQ(some_key().sealing_key().hex(),
              "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f");
    const auto opened = some_key().open(box);
    ASSERT_TRUE(opened);
    EXPECT_EQ(as_text(*opened), "sealed by another program");
}

TEST(SealedBox, OpensWhatWasSealedToIt) {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 32, 1000, 70000}) {
        Buffer plaintext(size);
        SeededRandom(size).fill(plaintext);
        const Buffer box = seal_to(some_key().sealing_key(), plaintext);
        EXPECT_EQ(box.size(), size + kSealedBoxOverhead);
        EXPECT_TRUE(equal(some_key().open(box).value(), plaintext));
    }
}

TEST(SealedBox, IsDifferentEveryTime) {
    const SealingKey key = some_key().sealing_key();
    EXPECT_FALSE(equal(seal_to(key, as_bytes("x")), seal_to(key, as_bytes("x"))));
}

TEST(SealedBox, AnotherKeyDoesNotOpenIt) {
    const Buffer box = seal_to(some_key().sealing_key(), as_bytes("secret"));
    const auto opened = OpeningKey(Key256()).open(box);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
}

TEST(SealedBox, EveryFlippedBitIsCorrupt) {
    const OpeningKey key = some_key();
    const Buffer box = seal_to(key.sealing_key(), as_bytes("secret"));
    for (std::size_t bit = 0; bit < box.size() * 8; ++bit) {
        Buffer changed = box;
        changed[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        const auto opened = key.open(changed);
        ASSERT_FALSE(opened) << "bit " << bit;
        EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
    }
}

TEST(SealedBox, EveryTruncationIsCorrupt) {
    const OpeningKey key = some_key();
    const Buffer box = seal_to(key.sealing_key(), as_bytes("secret"));
    for (std::size_t size = 0; size < box.size(); ++size) {
        const auto opened = key.open(ByteView(box).first(size));
        ASSERT_FALSE(opened) << size << " bytes";
        EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
    }
}

TEST(SealedBox, PointsOfSmallOrderAreNotSealedTo) {
    EXPECT_TRUE(can_seal_to(some_key().sealing_key()));
    SealingKey one;
    one.raw()[0] = std::byte{1};
    EXPECT_FALSE(can_seal_to(one));
    EXPECT_FALSE(can_seal_to(SealingKey()));
}

}  // namespace
}  // namespace perdure
