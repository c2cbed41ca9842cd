// Lower-case hexadecimal, the only text form of ids and numbers in object names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace perdure {

std::string to_hex(ByteView bytes);

/// `value` as exactly `digits` digits; the value must fit.
std::string to_hex(std::uint64_t value, int digits);

/// Nothing if `text` has another character than 0-9a-f or not exactly out.size() bytes.
bool from_hex(std::string_view text, MutableByteView out);

/// Nothing unless `text` is exactly `digits` lower-case hexadecimal digits.
std::optional<std::uint64_t> number_from_hex(std::string_view text, int digits);

}  // namespace perdure
