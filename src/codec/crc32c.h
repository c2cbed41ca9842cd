// CRC-32C (Castagnoli, reflected, initial and final xor 0xffffffff): RFC 3720 appendix B.4.
// SSE4.2 where the CPU has it, a table elsewhere; both give the same values.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace perdure {

std::uint32_t crc32c(ByteView bytes);
/// Continues: crc32c(crc32c(a), b) == crc32c(a then b).
std::uint32_t crc32c(std::uint32_t before, ByteView bytes);

}  // namespace perdure
