#include "chunk/confirm.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/random.h"

namespace perdure {
namespace {

Buffer bytes_of(std::string_view hex) {
    Buffer bytes(hex.size() / 2);
    EXPECT_TRUE(from_hex(hex, bytes));
    return bytes;
}

std::uint64_t value(AesKind kind, const Secret<16>& key, ByteView window) {
    EXPECT_EQ(window.size(), kConfirmWindow);
    const ConfirmKey shared(key, kind);
    return Confirm(shared)(window.data());
}

// SP 800-38A, F.2.1, CBC-AES128: the IV is folded into the first block, as ours is zero.
TEST(Confirm, GivesTheNistCbcVector) {
    const auto key = Secret<16>::copy_of(bytes_of("2b7e151628aed2a6abf7158809cf4f3c"));
    Buffer window = bytes_of(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
    for (std::size_t i = 0; i < 16; ++i) window[i] ^= static_cast<std::byte>(i);
    // The fourth cipher block is 3ff1caa1681fac09120eca307586e1a7.
    for (const auto kind : available_aes())
        EXPECT_EQ(value(kind, key, window), 0x09ac1f68a1caf13fU);
}

// FIPS 197, C.1: AES(P) = C. With blocks P, P^C, P^C, P^C the chain comes back to C four times.
TEST(Confirm, GivesTheFips197Vector) {
    const auto key = Secret<16>::copy_of(bytes_of("000102030405060708090a0b0c0d0e0f"));
    const Buffer plain = bytes_of("00112233445566778899aabbccddeeff");
    const Buffer cipher = bytes_of("69c4e0d86a7b0430d8cdb78070b4c55a");
    Buffer window = plain;
    for (std::size_t i = 16; i < kConfirmWindow; ++i)
        window.push_back(plain[i % 16] ^ cipher[i % 16]);
    for (const auto kind : available_aes())
        EXPECT_EQ(value(kind, key, window), 0x30047b6ad8e0c469U);
}

TEST(Confirm, AllImplementationsAgreeOnOneContextAfterAnother) {
    SeededRandom random(7);
    for (int k = 0; k < 20; ++k) {
        Secret<16> key;
        random.fill(key.reveal_mutable());
        const ConfirmKey openssl_key(key, AesKind::OpenSsl);
        const ConfirmKey best_key(key);
        Confirm openssl(openssl_key);
        Confirm best(best_key);
        for (int i = 0; i < 100; ++i) {
            Buffer window(kConfirmWindow);
            random.fill(window);
            EXPECT_EQ(openssl(window.data()), best(window.data()));
        }
    }
}

TEST(Confirm, EveryByteOfTheWindowCounts) {
    Buffer window(kConfirmWindow);
    SeededRandom(3).fill(window);
    for (const auto kind : available_aes()) {
        const ConfirmKey key(Secret<16>{}, kind);
        Confirm confirm(key);
        const auto before = confirm(window.data());
        for (auto& byte : window) {
            byte ^= std::byte{1};
            EXPECT_NE(confirm(window.data()), before);
            byte ^= std::byte{1};
        }
        EXPECT_EQ(confirm(window.data()), before);
    }
}

}  // namespace
}  // namespace perdure
