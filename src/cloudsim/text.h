// Text as the protocols of AWS write it: times, numbers, lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace perdure::cloudsim {

/// "a,,b" is three parts; "" is one.
std::vector<std::string> split(const std::string& text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string lower_case(std::string_view text);  // ASCII
/// All of the text, decimal, without a sign.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// "2026-11-21T09:47:23.000Z"
std::string iso_time(Time time);
/// "Sat, 21 Nov 2026 09:47:23 GMT"
std::string http_time(Time time);
/// "2026-11-21T09:47:23Z", with or without a fraction or an offset of zero; "2026-11-21".
std::optional<Time> parse_iso_time(std::string_view text);
std::optional<Time> parse_http_time(std::string_view text);

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
inline Time operator+(Time time, std::int64_t nanoseconds) {
    return {time.nanoseconds + nanoseconds};
}

/// '*' any text, '?' any character. Pure; linear in the text for each star.
bool matches_wildcard(std::string_view pattern, std::string_view text);

/// The number of a version, a request: `bytes` random ones in hexadecimal.
std::string random_hex(std::size_t bytes);

}  // namespace perdure::cloudsim
