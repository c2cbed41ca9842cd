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

/// "80%": a share from 0 to 1. InvalidInput.
Result<double> parse_share(const std::string& text);
/// "10G", "1.5 MiB", "4096": bytes, by powers of 1024. InvalidInput.
Result<std::uint64_t> parse_size(const std::string& text);
/// "24h", "90m", "7d", "0": nanoseconds. InvalidInput.
Result<std::int64_t> parse_period(const std::string& text);

/// A list of paths or patterns, one a line; empty lines and those that begin with # are left out.
/// InvalidInput where it holds a NUL, which would cut a path short without a word; Io.
Result<std::vector<std::string>> parse_lines(std::istream& in);

/// A list of paths as they are, a NUL after each, as `find -print0` writes it. InvalidInput where a
/// path is empty; Io.
Result<std::vector<std::string>> parse_names(std::istream& in);

}  // namespace perdure
