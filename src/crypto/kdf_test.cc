#include "crypto/kdf.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/hex.h"
#include "crypto/internal/hkdf.h"

namespace perdure {
namespace {

// `count` bytes: first, first + 1, ...
Buffer counting(unsigned first, std::size_t count) {
    Buffer bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

std::string hkdf_hex(ByteView key, ByteView salt, ByteView info, std::size_t length) {
    Buffer out(length);
    hkdf_sha256(key, salt, info, out);
    return to_hex(out);
}

Key256 some_key() { return Key256::copy_of(counting(1, 32)); }

TEST(Hkdf, MatchesRfc5869) {
    const Buffer short_key(22, std::byte{0x0b});
    EXPECT_EQ(
        hkdf_hex(short_key, counting(0, 13), counting(0xf0, 10), 42),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    EXPECT_EQ(hkdf_hex(counting(0x00, 80), counting(0x60, 80), counting(0xb0, 80), 82),
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
              "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
              "cc30c58179ec3e87c14c01d5c1f3434f1d87");
    EXPECT_EQ(
        hkdf_hex(short_key, {}, {}, 42),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Kdf, DeriveKeyIsHkdfOf32Bytes) {
    const Key256 derived = derive_key(some_key(), as_bytes("salt"), as_bytes("purpose"));
    EXPECT_EQ(to_hex(derived.reveal()),
              hkdf_hex(some_key().reveal(), as_bytes("salt"), as_bytes("purpose"), 32));
}

TEST(Kdf, KeySaltAndInfoAllCount) {
    const Key256 key = some_key();
    const Key256 base = derive_key(key, as_bytes("s"), as_bytes("i"));
    EXPECT_FALSE(
        equal_secret(base.reveal(), derive_key(base, as_bytes("s"), as_bytes("i")).reveal()));
    EXPECT_FALSE(
        equal_secret(base.reveal(), derive_key(key, as_bytes("t"), as_bytes("i")).reveal()));
    EXPECT_FALSE(
        equal_secret(base.reveal(), derive_key(key, as_bytes("s"), as_bytes("j")).reveal()));
    EXPECT_FALSE(equal_secret(base.reveal(), derive_key(key, {}, as_bytes("si")).reveal()));
}

TEST(Kdf, ThreadsDeriveTheSameKeysAtOnce) {
    const std::string expected = to_hex(derive_key(some_key(), {}, as_bytes("x")).reveal());
    std::vector<std::jthread> threads;
    std::array<std::string, 4> got;
    threads.reserve(got.size());
    for (std::string& mine : got)
        threads.emplace_back([&mine] {
            for (int i = 0; i < 200; ++i)
                mine = to_hex(derive_key(some_key(), {}, as_bytes("x")).reveal());
        });
    threads.clear();
    for (const std::string& mine : got) EXPECT_EQ(mine, expected);
}

struct Argon2Case {
    std::string_view passphrase;
    Argon2Cost cost;
    std::string_view key;
};

// Values from the reference implementation (argon2-cffi) and, equal, from libsodium: Argon2id
// version 0x13, p = 1, salt 00 01 ... 0f.
TEST(Argon2, MatchesTheReferenceImplementation) {
    constexpr std::string_view kPhrase = "correct horse battery staple";
    const Argon2Case cases[] = {
        {kPhrase, {1, 8}, "d17ea6341ca93da6079ea2f64dc4aa31dd1aaf9caa67fb42ac4afd0714706f26"},
        {kPhrase, {3, 64}, "bc240e180a205bd2e782cdc64983f247e76aeb8fb2133aec1570b70cccd68bff"},
        {"", {2, 256}, "a25af814078766345e111db549afa95cfaf5b37c393167f4b9fe50eda83f6f87"},
        {kPhrase, {}, "0d1a3c6523c8f06e4e0af9c515aa5b5448cfebd6838f2d52c3d8b6ef8ddc3c2e"},
    };
    for (const Argon2Case& c : cases) {
        const auto key =
            derive_from_passphrase(Passphrase(std::string(c.passphrase)), counting(0, 16), c.cost);
        ASSERT_TRUE(key) << key.error().describe();
        EXPECT_EQ(to_hex(key->reveal()), c.key);
    }
}

TEST(Argon2, CostOutOfRangeIsInvalidInput) {
    const Argon2Cost cases[] = {
        {0, 64}, {kMaxArgon2Passes + 1, 64},   {1, 0},
        {1, 7},  {1, kMaxArgon2MemoryKib + 1}, {0xffffffff, 0xffffffff},
    };
    for (const Argon2Cost& cost : cases) {
        const auto key = derive_from_passphrase(Passphrase("x"), counting(0, 16), cost);
        ASSERT_FALSE(key) << cost.passes << " " << cost.memory_kib;
        EXPECT_EQ(key.error().kind(), ErrorKind::InvalidInput);
    }
}

TEST(Argon2, SaltOfAnotherSizeIsInvalidInput) {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 15, 17}) {
        const auto key = derive_from_passphrase(Passphrase("x"), counting(0, size), {1, 8});
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().kind(), ErrorKind::InvalidInput);
    }
}

TEST(Argon2, ErrorsDoNotHoldThePassphrase) {
    const auto key = derive_from_passphrase(Passphrase("hunter2"), counting(0, 16), {0, 0});
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().describe().find("hunter2"), std::string::npos);
}

TEST(EqualSecret, ComparesSizeAndEveryByte) {
    const Buffer a = counting(0, 40);
    EXPECT_TRUE(equal_secret(a, counting(0, 40)));
    EXPECT_TRUE(equal_secret({}, {}));
    EXPECT_FALSE(equal_secret(a, counting(0, 39)));
    for (std::size_t i = 0; i < a.size(); ++i) {
        Buffer b = a;
        b[i] ^= std::byte{0x80};
        EXPECT_FALSE(equal_secret(a, b)) << "byte " << i;
    }
}

}  // namespace
}  // namespace perdure
