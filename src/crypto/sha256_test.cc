#include "crypto/sha256.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/hex.h"

namespace perdure {
namespace {

Buffer repeated(unsigned value, std::size_t count) {
    return Buffer(count, static_cast<std::byte>(value));
}

Buffer bytes_of(std::string_view hex) {
    Buffer bytes(hex.size() / 2);
    EXPECT_TRUE(from_hex(hex, bytes)) << hex;
    return bytes;
}

// FIPS 180-2 appendix B, and of NIST's SHA256ShortMsg.rsp the lengths 0 and 8.
TEST(Sha256, MatchesTheVectorsOfNist) {
    EXPECT_EQ(sha256_of({}).hex(),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_of(as_bytes("abc")).hex(),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_of(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex(),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_of(repeated('a', 1000000)).hex(),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    EXPECT_EQ(sha256_of(bytes_of("d3")).hex(),
              "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
}

struct HmacCase {
    Buffer key;
    Buffer text;
    std::string_view tag;
};

Buffer text_bytes(std::string_view text) { return to_buffer(as_bytes(text)); }

std::vector<HmacCase> rfc4231() {
    return {
        {repeated(0x0b, 20), text_bytes("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {text_bytes("Jefe"), text_bytes("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {repeated(0xaa, 20), repeated(0xdd, 50),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {bytes_of("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeated(0xcd, 50),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {repeated(0xaa, 131), text_bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {repeated(0xaa, 131),
         text_bytes("This is a test using a larger than block-size key and a larger than "
                    "block-size data. The key needs to be hashed before being used by the HMAC "
                    "algorithm."),
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
}

TEST(HmacSha256, MatchesRfc4231) {
    for (const HmacCase& c : rfc4231()) EXPECT_EQ(hmac_sha256(c.key, c.text).hex(), c.tag);
    // Case 5 gives the first half of its tag alone.
    EXPECT_EQ(hmac_sha256(repeated(0x0c, 20), as_bytes("Test With Truncation")).hex().substr(0, 32),
              "a3b6167473100ee06e0c796c2955552b");
}

TEST(HmacSha256, TakesAnEmptyKeyAndAnEmptyText) {
    EXPECT_EQ(hmac_sha256({}, {}).hex(),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(HmacSha256, KeyOfANextStepIsTheSameValue) {
    for (const HmacCase& c : rfc4231())
        EXPECT_EQ(to_hex(hmac_sha256_key(c.key, c.text).reveal()), c.tag);
}

TEST(HmacSha256, ThreadsGetTheirOwnTags) {
    std::vector<std::jthread> threads;
    std::array<bool, 4> right{};
    for (std::size_t i = 0; i < right.size(); ++i)
        threads.emplace_back([&right, i] {
            right[i] = true;
            for (int round = 0; round < 200; ++round) {
                const HmacCase c = rfc4231()[i];
                right[i] = right[i] && hmac_sha256(c.key, c.text).hex() == c.tag;
            }
        });
    threads.clear();
    EXPECT_EQ(right, (std::array<bool, 4>{true, true, true, true}));
}

}  // namespace
}  // namespace perdure
