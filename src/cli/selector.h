// Which point a command means: a short id ("1-5"), a digest's beginning, "latest", "latest~2",
// "latest@HOST", "latest@HOST:PATH"; with --tag and --before as filters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repo/repository.h"

namespace perdure {

struct PointFilter {
    std::vector<std::string> tags;  // any of these; "a,b" means both
    std::vector<std::string> hosts;
    std::vector<std::string> paths;
    std::string before;  // ISO 8601 date or time, UTC if no offset is given
};

/// A point and the path behind it, from "POINT" or "POINT:PATH".
struct PointSelector {
    std::string point;
    std::optional<std::string> path;
};
PointSelector split_selector(std::string_view text);

/// Nanoseconds since 1970, from an ISO 8601 date or time; UTC. InvalidInput for anything else.
Result<std::int64_t> parse_time(const std::string& text);

Result<bool> matches(const Point&, const PointFilter&);
/// NotFound if nothing matches, or what does has expired; InvalidInput if several do, or it is no
/// selector.
Result<Point> select_point(const PointList&, const std::string& selector, const PointFilter&);

}  // namespace perdure
