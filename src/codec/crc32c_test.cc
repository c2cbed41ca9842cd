#include "codec/crc32c.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/random.h"
#include "codec/internal/crc32c_kernels.h"

namespace perdure {
namespace {

// The definition, one bit at a time.
std::uint32_t crc32c_by_definition(ByteView bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const std::byte byte : bytes) {
        crc ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) * kCrc32cPolynomial);
    }
    return ~crc;
}

Buffer random_bytes(std::uint64_t seed, std::size_t length) {
    Buffer bytes(length);
    SeededRandom(seed).fill(bytes);
    return bytes;
}

struct Vector {
    Buffer input;
    std::uint32_t crc;
};

// RFC 3720, appendix B.4, and the usual check value.
std::vector<Vector> vectors() {
    Buffer ascending(32), descending(32), read_pdu(48);
    for (std::size_t i = 0; i < 32; ++i) {
        ascending[i] = static_cast<std::byte>(i);
        descending[i] = static_cast<std::byte>(31 - i);
    }
    EXPECT_TRUE(
        from_hex("01c00000000000000000000000000000140000000000040000000014"
                 "0000001828000000000000000200000000000000",
                 read_pdu));
    return {
        {Buffer(32, std::byte{0x00}), 0x8a9136aa},
        {Buffer(32, std::byte{0xff}), 0x62a8ab43},
        {ascending, 0x46dd794e},
        {descending, 0x113fdb5c},
        {read_pdu, 0xd9963a56},
        {to_buffer(as_bytes("123456789")), 0xe3069283},
        {{}, 0},
    };
}

TEST(Crc32c, MatchesRfc3720) {
    for (const Vector& v : vectors()) EXPECT_EQ(crc32c(v.input), v.crc) << to_hex(v.input);
}

TEST(Crc32c, TableKernelMatchesRfc3720) {
    for (const Vector& v : vectors())
        EXPECT_EQ(~crc32c_by_table(0xffffffff, v.input), v.crc) << to_hex(v.input);
}

TEST(Crc32c, TableKernelMatchesTheDefinitionAtEveryLengthAndOffset) {
    const Buffer bytes = random_bytes(1, 400);
    for (std::size_t offset = 0; offset < 9; ++offset)
        for (std::size_t length = 0; length + offset <= 300; ++length) {
            const ByteView part = ByteView(bytes).subspan(offset, length);
            ASSERT_EQ(~crc32c_by_table(0xffffffff, part), crc32c_by_definition(part))
                << "offset " << offset << ", length " << length;
        }
}

#if defined(__x86_64__)
TEST(Crc32c, KernelsAgreeAtOddLengthsAndOffsets) {
    if (!has_sse42()) GTEST_SKIP() << "this CPU has no SSE4.2";
    const Buffer bytes = random_bytes(2, 70000);
    SeededRandom random(3);
    // Around the three streams of 1 KiB, then anywhere.
    for (std::size_t length = 3060; length < 3090; ++length)
        for (std::size_t offset = 0; offset < 9; ++offset) {
            const ByteView part = ByteView(bytes).subspan(offset, length);
            ASSERT_EQ(crc32c_by_sse42(7, part), crc32c_by_table(7, part))
                << "offset " << offset << ", length " << length;
        }
    for (int round = 0; round < 2000; ++round) {
        const std::size_t offset = random.below(64);
        const std::size_t length = random.below(round % 10 == 0 ? 60000 : 4000);
        const auto before = static_cast<std::uint32_t>(random.next());
        const ByteView part = ByteView(bytes).subspan(offset, length);
        ASSERT_EQ(crc32c_by_sse42(before, part), crc32c_by_table(before, part))
            << "offset " << offset << ", length " << length;
    }
}
#endif

TEST(Crc32c, ContinuesOverParts) {
    const Buffer bytes = random_bytes(4, 10000);
    const std::uint32_t whole = crc32c(bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 37) {
        const ByteView view = bytes;
        ASSERT_EQ(crc32c(crc32c(view.first(cut)), view.subspan(cut)), whole) << "cut at " << cut;
    }
}

TEST(Crc32c, EveryFlippedBitShows) {
    Buffer bytes = random_bytes(5, 4000);
    const std::uint32_t right = crc32c(bytes);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        ASSERT_NE(crc32c(bytes), right) << "bit " << bit;
        bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    }
}

}  // namespace
}  // namespace perdure
