// Spans as text: "2y5m7d3h", the words of restic's --keep-within.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/calendar.h"

namespace perdure {

/// Numbers, each with one of y (years), m (months), d (days) and h (hours) behind it, each unit
/// once, in any order; nothing between them. A span of nothing ("", "0d") is InvalidInput too, as
/// is a number above 99999.
Result<CalendarSpan> parse_span(std::string_view text);

/// The shortest text that parse_span() takes for it: "2y7d".
std::string to_text(const CalendarSpan&);

}  // namespace perdure
