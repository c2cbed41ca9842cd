#include "codec/crc32c.h"

#include <array>

#include "codec/internal/crc32c_kernels.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace perdure {
namespace {

using Table = std::array<std::uint32_t, 256>;

// kTables[n][b]: what byte b adds to the CRC when n more bytes follow it.
constexpr std::array<Table, 8> kTables = [] {
    std::array<Table, 8> tables{};
    for (std::uint32_t b = 0; b < 256; ++b) {
        std::uint32_t crc = b;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) * kCrc32cPolynomial);
        tables[0][b] = crc;
    }
    for (std::size_t n = 1; n < 8; ++n)
        for (std::size_t b = 0; b < 256; ++b) {
            const std::uint32_t before = tables[n - 1][b];
            tables[n][b] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}();

}  // namespace

std::uint32_t crc32c_by_table(std::uint32_t crc, ByteView bytes) {
    while (bytes.size() >= 8) {
        const std::uint64_t word = load_le<std::uint64_t>(bytes.data()) ^ crc;
        crc = 0;
        for (std::size_t i = 0; i < 8; ++i) crc ^= kTables[7 - i][(word >> (8 * i)) & 0xff];
        bytes = bytes.subspan(8);
    }
    for (const std::byte b : bytes)
        crc = (crc >> 8) ^ kTables[0][(crc ^ std::to_integer<std::uint32_t>(b)) & 0xff];
    return crc;
}

#if defined(__x86_64__)
namespace {

// The instruction takes three cycles but can start every cycle, hence three streams of kStream
// bytes. Their CRCs are joined by a CRC's linearity: append_zeros(a) ^ b is the CRC of a's bytes
// then b's.
constexpr std::size_t kStream = 1024;

// a * b modulo the polynomial, bits reflected (x^0 is the highest bit).
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
    std::uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        if ((a & 0x80000000) != 0) product ^= b;
        b = (b >> 1) ^ ((b & 1) * kCrc32cPolynomial);
    }
    return product;
}

// kShift[n][b]: byte n of a CRC, b, after kStream zero bytes.
constexpr std::array<Table, 4> kShift = [] {
    std::uint32_t power = 0x80000000 >> 1;  // x^1, squared up to x^(8 * kStream)
    for (std::size_t bits = 1; bits < 8 * kStream; bits *= 2) power = multiply(power, power);
    std::array<Table, 4> tables{};
    for (std::size_t n = 0; n < 4; ++n)
        for (std::size_t b = 1; b < 256; ++b) {
            const std::size_t lowest = b & (~b + 1);
            tables[n][b] = b == lowest ? multiply(static_cast<std::uint32_t>(b << (8 * n)), power)
                                       : tables[n][b ^ lowest] ^ tables[n][lowest];
        }
    return tables;
}();
static_assert((kStream & (kStream - 1)) == 0, "reached by squaring");

std::uint64_t append_zeros(std::uint64_t crc) {
    return kShift[0][crc & 0xff] ^ kShift[1][(crc >> 8) & 0xff] ^ kShift[2][(crc >> 16) & 0xff] ^
           kShift[3][(crc >> 24) & 0xff];
}

std::uint64_t word_at(const std::byte* place) {
    std::uint64_t word;
    std::memcpy(&word, place, sizeof word);
    return word;
}

}  // namespace

bool has_sse42() {
    static const bool has = __builtin_cpu_supports("sse4.2") != 0;
    return has;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_by_sse42(std::uint32_t crc, ByteView bytes) {
    std::uint64_t a = crc;
    for (; bytes.size() >= 3 * kStream; bytes = bytes.subspan(3 * kStream)) {
        std::uint64_t b = 0, c = 0;
        for (const std::byte* at = bytes.data(); at != bytes.data() + kStream; at += 8) {
            a = _mm_crc32_u64(a, word_at(at));
            b = _mm_crc32_u64(b, word_at(at + kStream));
            c = _mm_crc32_u64(c, word_at(at + 2 * kStream));
        }
        a = append_zeros(append_zeros(a) ^ b) ^ c;
    }
    for (; bytes.size() >= 8; bytes = bytes.subspan(8)) a = _mm_crc32_u64(a, word_at(bytes.data()));
    auto tail = static_cast<std::uint32_t>(a);
    for (const std::byte byte : bytes)
        tail = _mm_crc32_u8(tail, std::to_integer<std::uint8_t>(byte));
    return tail;
}
#endif

std::uint32_t crc32c(ByteView bytes) { return crc32c(0, bytes); }

std::uint32_t crc32c(std::uint32_t before, ByteView bytes) {
#if defined(__x86_64__)
    if (has_sse42()) return ~crc32c_by_sse42(~before, bytes);
#endif
    return ~crc32c_by_table(~before, bytes);
}

}  // namespace perdure
