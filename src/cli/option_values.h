// Values of options that are more than a word or a number.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "base/result.h"

namespace perdure {

/// "5%", "0.5%": the share of packs to read, above 0 and at most 1; 1 for "". InvalidInput.
Result<double> parse_subset(const std::string& text);

/// "30d", "12h", "2w", "90m", "10s": nanoseconds. InvalidInput.
Result<std::int64_t> parse_age(const std::string& text);

/// "10G", "512M", "1T", "4096": bytes, in powers of 1024; "GiB" and "GB" too. InvalidInput.
Result<std::uint64_t> parse_size(const std::string& text);

/// A list of paths or patterns, one a line; empty lines and those that begin with # are left out.
std::vector<std::string> parse_lines(std::istream& in);

}  // namespace perdure
