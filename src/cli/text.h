// Numbers, sizes and tables for people.
#pragma once

#include <cstdint>
#include <string>

namespace perdure {

/// "1.23 GiB", "12 B".
std::string human_bytes(std::uint64_t bytes);
/// "1h02m03s", "12.3s".
std::string human_duration(double seconds);
/// "1 issue", "2 issues".
std::string counted(std::uint64_t count, std::string_view what);
/// "2026-11-21 09:47:23" in local time.
std::string local_time(std::int64_t nanoseconds);
/// A path for a terminal: control characters as \xNN, so that a name cannot play tricks on it.
std::string printable(std::string_view path);

}  // namespace perdure
