// Forgetting points: a plan that says of every point whether it is kept and why, then applying it.
//
// The plan trusts the store's time, the logs' order and the enrolments before what a point says of
// itself (policy/history.h): it names doubts, emptied groups and sudden changes, and refusal() says
// which of them forbid to apply it. Nothing is deleted here: an expired point is no longer listed,
// and a collection frees what only it needed.
#pragma once

#include <string>
#include <vector>

#include "policy/retention.h"
#include "repo/fates.h"
#include "repo/repository.h"

namespace perdure {

struct ForgetOptions {
    RetentionPolicy policy;
    GroupBy group_by;
    /// Every point goes unless it is protected; instead of the policy.
    bool everything = false;
};

struct PlannedPoint {
    Point point;
    bool keep = true;
    std::vector<std::string> reasons;
};

struct ForgetGroup {
    std::string host;  // empty unless grouped by it, as the others
    std::vector<std::string> paths, tags;
    std::vector<PlannedPoint> points;  // by time, oldest first

    bool is_emptied() const;
};

struct DoubtedPoint {
    SessionName point;
    std::string text;
};

struct ForgetPlan {
    std::vector<ForgetGroup> groups;
    std::size_t kept = 0, going = 0;
    /// Among the points that the plan is about.
    std::vector<DoubtedPoint> doubts;
};

/// The clock that locks go by: the store's, where objects are locked.
Result<Time> lock_time(const Repository&, std::stop_token);
/// Until when the point was promised to be locked, if that is still to come and objects are locked
/// here; else 0. Forgetting it before would free no space and hide what is kept.
std::int64_t locked_until(const Repository&, const Point&, Time now);

/// `chosen` are the points the policy is applied to, out of `all` that are listed.
Result<ForgetPlan> plan_forget(const Repository&, const std::vector<Point>& all,
                               const std::vector<Point>& chosen, const ForgetOptions&,
                               const TimeZone&, std::stop_token);

/// What the user has said may be done all the same.
struct ForgetAllowances {
    bool odd_times = false;
    bool sudden_change = false;
    bool remove_all = false;  // of a group
};
/// Denied, naming points and the option that allows it, if the plan is not to be applied.
Result<void> refusal(const ForgetPlan&, const ForgetAllowances&);

struct ForgetResult {
    std::size_t forgotten = 0;
    std::size_t already = 0;  // expired by somebody else meanwhile
    struct Kept {
        SessionName point;
        std::string why;
    };
    std::vector<Kept> kept;  // not allowed any more: protected meanwhile
};

/// Expires `points`, several at a time. Each is durable by itself: after an error some are expired
/// and the others are not, and running it again goes on.
Result<ForgetResult> forget_points(const Repository&, const FateWriter&,
                                   const std::vector<Point>& points, const std::string& reason,
                                   std::stop_token);

}  // namespace perdure
