// Stage 1 of the chunker: candidates by a 16-bit gear hash of the last 16 bytes.
//
//     h(i) = T[p[i]] + 2 T[p[i-1]] + ... + 2^15 T[p[i-15]]  (mod 2^16),  T[b] = A[b & 15] ^ B[b >>
//     4]
//
// Position i is a candidate if (h(i) & 0xffc0) == 0, which random data meets once in 1024
// positions. The hash depends on nothing but those 16 bytes, so a span can be scanned from
// anywhere, in parallel lanes. Format-defining: every kernel finds exactly the candidates of this
// formula (gear_test.cc).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "chunk/chunker.h"

namespace perdure {

/// A candidate has this many of the top bits of h clear.
constexpr std::uint32_t kGearBits = 10;
constexpr std::uint32_t kGearMask = 0xffff & ~(0xffffU >> kGearBits);
static_assert(kGearMask == 0xffc0);
/// Bytes a kernel may read before the first position it is asked about.
constexpr std::size_t kGearLead = 16;

/// The secret tables in the forms the kernels read. Wiped when it goes.
struct GearTables {
    GearTables(const std::array<std::uint16_t, 16>& a, const std::array<std::uint16_t, 16>& b);
    ~GearTables();
    GearTables(const GearTables&) = delete;
    GearTables& operator=(const GearTables&) = delete;

    alignas(16) std::array<std::uint8_t, 16> a_low;
    alignas(16) std::array<std::uint8_t, 16> a_high;
    alignas(16) std::array<std::uint8_t, 16> b_low;
    alignas(16) std::array<std::uint8_t, 16> b_high;
    std::array<std::uint16_t, 256> by_byte;  // T
};

/// Finds the candidates in [begin, end) of `data`; reads data[begin - kGearLead, end), so begin is
/// at least kGearLead. Sets bit (i - begin) % 64 of hits[(i - begin) / 64] for a candidate i; the
/// caller cleared them.
using GearKernel = void (*)(const GearTables& tables, const std::byte* data, std::size_t begin,
                            std::size_t end, std::uint64_t* hits);

void scan_scalar(const GearTables& tables, const std::byte* data, std::size_t begin,
                 std::size_t end, std::uint64_t* hits);
#if defined(__x86_64__)
void scan_ssse3(const GearTables& tables, const std::byte* data, std::size_t begin, std::size_t end,
                std::uint64_t* hits);
void scan_avx2(const GearTables& tables, const std::byte* data, std::size_t begin, std::size_t end,
               std::uint64_t* hits);
void scan_avx512(const GearTables& tables, const std::byte* data, std::size_t begin,
                 std::size_t end, std::uint64_t* hits);
#endif

/// The rest of a span that fills no vector: scan_scalar for [from, end) into the bits of a span
/// that starts at `begin`.
void scan_rest(const GearTables& tables, const std::byte* data, std::size_t begin, std::size_t from,
               std::size_t end, std::uint64_t* hits);

/// The kernel's code. It must be one of available_kernels().
GearKernel gear_kernel(ChunkKernel kernel);

/// The one to use when nobody chose: the last of available_kernels(), except that AVX-512 is passed
/// over on CPUs without VBMI2. Those are the generations (Skylake-X to Cooper Lake) that lower
/// their clock for 512-bit code.
ChunkKernel preferred_kernel();

/// Appends the candidates in [begin, end), ascending. begin >= kGearLead.
void append_candidates(GearKernel kernel, const GearTables& tables, ByteView data,
                       std::size_t begin, std::size_t end, std::vector<std::uint32_t>& candidates);

}  // namespace perdure
