// The two kernels behind crc32c(), and the table they share. Both continue a CRC that is not
// complemented: crc32c() does that at either end.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace perdure {

constexpr std::uint32_t kCrc32cPolynomial = 0x82f63b78;  // reflected

/// Slicing by eight (Kounavis and Berry, 2005): any CPU.
std::uint32_t crc32c_by_table(std::uint32_t crc, ByteView bytes);

#if defined(__x86_64__)
/// The CPU's crc32 instruction, three streams at once. Only where has_sse42().
std::uint32_t crc32c_by_sse42(std::uint32_t crc, ByteView bytes);
bool has_sse42();
#endif

}  // namespace perdure
