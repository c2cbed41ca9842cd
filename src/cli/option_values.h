// Values of options that are more than a word or a number.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "base/result.h"

namespace perdure {

/// "5%", "0.5%": the share of packs to read, above 0 and at most 1; 1 for "". InvalidInput.
Result<double> parse_subset(const std::string& text);

/// A list of paths or patterns, one a line; empty lines and those that begin with # are left out.
std::vector<std::string> parse_lines(std::istream& in);

}  // namespace perdure
