// Which points a policy keeps, and why: a pure function of the points, the policy and now.
//
// The words and what they mean are restic's. Points are grouped (by host and paths unless asked
// otherwise), and each group is judged from its newest point to its oldest:
//  - last n: the n newest; hourly, daily, weekly, monthly, yearly n: the newest of each of the n
//    latest hours, days, weeks, months, years that have a point. Where counts are left over, the
//    oldest point is kept too, as the beginning of what will be the next one.
//  - within a span: all points newer than the newest one less that span; within-hourly and so on:
//    the newest of each hour and so on in it. The newest one is the newest that is not in the
//    future, and those in the future are kept.
//  - tags: all points that have all tags of a list; the empty list means points without tags.
//  - verified n (not in restic): the n newest whose content was read and found whole.
// A point is kept if any word keeps it, or if it is protected.
//
// Hours and days are those of one time zone for all points, the one in which times are shown;
// restic takes for each snapshot the zone of the host that made it.
//
// Properties, each with a test: raising a number, lengthening a span or adding a word never drops a
// point that was kept; last n keeps n where there are n; a word that counts keeps the newest point;
// the order in which the points are given does not matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/calendar.h"

namespace perdure {

/// What retention knows of a point.
struct PointFacts {
    Time time;  // when it was finished
    std::string host;
    std::vector<std::string> paths;
    std::vector<std::string> tags;
    bool is_protected = false;
    bool is_verified = false;
};

constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

struct RetentionPolicy {
    std::uint64_t last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
    std::uint64_t verified = 0;
    CalendarSpan within, within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
    std::vector<std::vector<std::string>> tags;

    /// Says nothing: such a policy keeps everything.
    bool is_empty() const;
};

/// "7", or "unlimited". InvalidInput.
Result<std::uint64_t> parse_count(const std::string& text);

struct Decision {
    bool keep = true;
    std::vector<std::string> reasons;  // "daily snapshot"; why it goes, if it does
};

/// One decision a point, in the order of `points`, which are of one group.
std::vector<Decision> decide(const RetentionPolicy&, const std::vector<PointFacts>& points,
                             Time now, const TimeZone&);

struct GroupBy {
    bool host = true, paths = true, tags = false;
};
/// A list of host, paths and tags, with commas; "" groups nothing. InvalidInput.
Result<GroupBy> parse_group_by(const std::string& text);

struct PointGroup {
    std::string host;                      // empty unless grouped by it
    std::vector<std::string> paths, tags;  // ascending; likewise
    std::vector<std::size_t> points;       // places in the list that was grouped, as they stood
};
/// Groups in the order of their keys; every point is in one.
std::vector<PointGroup> group_points(const std::vector<PointFacts>&, const GroupBy&);

}  // namespace perdure
