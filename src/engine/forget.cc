#include "engine/forget.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "base/guarded.h"
#include "base/task_group.h"
#include "base/try.h"
#include "policy/history.h"
#include "repo/ledger.h"
#include "repo/names.h"

namespace perdure {

namespace {

PointFacts facts_of(const Point& point, const Ledger& ledger) {
    PointFacts facts;
    facts.time = {point.header.finished_ns};
    facts.host = point.header.host;
    facts.paths = point.header.sources;
    facts.tags = point.tags;
    facts.is_protected = point.is_protected;
    facts.is_verified = ledger.verified_at(point).has_value();
    return facts;
}

WitnessedPoint witnessed(const Point& point, const EnrolmentList& enrolments) {
    const SessionName session = point.session();
    WitnessedPoint w;
    w.name = short_text(session);
    w.writer = number(session.writer);
    w.number = number(session.session);
    w.started = {point.header.started_ns};
    w.finished = {point.header.finished_ns};
    if (point.stored_ns != 0) w.stored = Time{point.stored_ns};
    const auto enrolled = enrolments.by_number.find(session.writer);
    if (enrolled != enrolments.by_number.end())
        w.enrolled = Time{static_cast<std::int64_t>(enrolled->second.time_ns)};
    w.speaks_for_others =
        point.header.kind == EndKind::Copy || point.header.kind == EndKind::Repaired;
    return w;
}

Result<std::vector<DoubtedPoint>> doubts_of(const Repository& repository,
                                            const std::vector<Point>& all,
                                            const std::vector<Point>& chosen,
                                            std::stop_token stop) {
    const EnrolmentList enrolments = PERDURE_TRY(repository.enrolments(std::move(stop)));
    std::vector<WitnessedPoint> points;
    points.reserve(all.size());
    for (const Point& point : all) points.push_back(witnessed(point, enrolments));
    std::set<SessionName> about;
    for (const Point& point : chosen) about.insert(point.session());
    std::vector<DoubtedPoint> found;
    for (Doubt& doubt : doubts(points, repository.clock().now()))
        if (about.contains(all[doubt.point].session()))
            found.push_back({all[doubt.point].session(), std::move(doubt.text)});
    return found;
}

std::vector<Decision> decide(const ForgetOptions& options, const std::vector<PointFacts>& points,
                             Time now, const TimeZone& zone) {
    if (!options.everything) return perdure::decide(options.policy, points, now, zone);
    std::vector<Decision> decisions;
    for (const PointFacts& point : points)
        decisions.push_back(point.is_protected ? Decision{true, {"protected"}}
                                               : Decision{false, {"everything goes"}});
    return decisions;
}

std::string describe(const ForgetGroup& group) {
    std::string text;
    const auto add = [&](const char* what, const std::vector<std::string>& words) {
        std::string joined;
        for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
        if (!words.empty()) text += (text.empty() ? "" : ", ") + std::string(what) + " " + joined;
    };
    if (!group.host.empty()) add("host", {group.host});
    add("paths", group.paths);
    add("tags", group.tags);
    return text.empty() ? "all points" : text;
}

}  // namespace

bool ForgetGroup::is_emptied() const {
    return std::none_of(points.begin(), points.end(),
                        [](const PlannedPoint& point) { return point.keep; });
}

Result<Time> lock_time(const Repository& repository, std::stop_token stop) {
    if (!repository.locks_objects()) return repository.clock().now();
    return Time{PERDURE_TRY(repository.store().locks()->now_ns(std::move(stop)))};
}

std::int64_t locked_until(const Repository& repository, const Point& point, Time now) {
    const auto until = static_cast<std::int64_t>(point.header.locked_until_ns);
    return repository.locks_objects() && until > now.nanoseconds ? until : 0;
}

Result<ForgetPlan> plan_forget(const Repository& repository, const std::vector<Point>& all,
                               const std::vector<Point>& chosen, const ForgetOptions& options,
                               const TimeZone& zone, std::stop_token stop) {
    ForgetPlan plan;
    plan.doubts = PERDURE_TRY(doubts_of(repository, all, chosen, stop));
    Ledger ledger;
    if (options.policy.verified > 0) ledger = PERDURE_TRY(load_ledger(repository, stop));
    std::vector<PointFacts> facts;
    facts.reserve(chosen.size());
    for (const Point& point : chosen) facts.push_back(facts_of(point, ledger));
    const Time now = repository.clock().now();
    const Time store_now = PERDURE_TRY(lock_time(repository, stop));
    for (const PointGroup& group : group_points(facts, options.group_by)) {
        ForgetGroup planned{group.host, group.paths, group.tags, {}};
        std::vector<PointFacts> members;
        for (const std::size_t i : group.points) members.push_back(facts[i]);
        std::vector<Decision> decisions = decide(options, members, now, zone);
        for (std::size_t i = 0; i < decisions.size(); ++i) {
            const std::int64_t until = locked_until(repository, chosen[group.points[i]], store_now);
            if (!decisions[i].keep && until > 0)
                decisions[i] = {true, {"locked until " + to_iso8601({until})}};
            ++(decisions[i].keep ? plan.kept : plan.going);
            planned.points.push_back(
                {chosen[group.points[i]], decisions[i].keep, std::move(decisions[i].reasons)});
        }
        plan.groups.push_back(std::move(planned));
    }
    return plan;
}

Result<void> refusal(const ForgetPlan& plan, const ForgetAllowances& allowed) {
    if (plan.going == 0) return {};
    if (!plan.doubts.empty() && !allowed.odd_times)
        return Error(
                   ErrorKind::Denied,
                   "the times of these points cannot be right, and they may "
                   "push out true ones: point " +
                       short_text(plan.doubts[0].point) + " " + plan.doubts[0].text +
                       (plan.doubts.size() > 1 ? " (and " + std::to_string(plan.doubts.size() - 1) +
                                                     " more, see --dry-run)"
                                               : ""))
            .with_hint(
                "look at them with `perdure show`; forget false ones by their id, or give "
                "--unsafe-allow-odd-times");
    for (const ForgetGroup& group : plan.groups)
        if (group.is_emptied() && !allowed.remove_all)
            return Error(ErrorKind::Denied,
                         "no point would be left of " + describe(group) + "; nothing was done")
                .with_hint("give --unsafe-allow-remove-all if that is meant");
    if (is_sudden(plan.going, plan.kept + plan.going) && !allowed.sudden_change)
        return Error(ErrorKind::Denied,
                     std::to_string(plan.going) + " of " + std::to_string(plan.kept + plan.going) +
                         " points would go at once, more than half; nothing was done")
            .with_hint("look with --dry-run; give --unsafe-allow-sudden-change if that is meant");
    return {};
}

Result<ForgetResult> forget_points(const Repository& repository, const FateWriter& fates,
                                   const std::vector<Point>& points, const std::string& reason,
                                   std::stop_token stop) {
    const std::size_t threads = record_threads(repository.store().properties(), points.size());
    Guarded<ForgetResult> result;
    std::atomic<std::size_t> next{0};
    TaskGroup group(stop);
    for (std::size_t i = 0; i < threads; ++i)
        group.start([&](std::stop_token group_stop) -> Result<void> {
            for (std::size_t at = next++; at < points.size(); at = next++) {
                const auto expired = fates.expire(points[at], reason, group_stop);
                if (!expired && expired.error().kind() != ErrorKind::Denied) return expired.error();
                result.with([&](ForgetResult& r) {
                    if (!expired)
                        r.kept.push_back({points[at].session(), expired.error().describe()});
                    else
                        ++(*expired ? r.forgotten : r.already);
                });
            }
            return {};
        });
    auto joined = group.join();
    return result.with([&](ForgetResult& r) -> Result<ForgetResult> {
        if (!joined)
            return std::move(joined).error().context(std::to_string(r.forgotten) + " of " +
                                                     std::to_string(points.size()) +
                                                     " points were forgotten, then");
        std::sort(r.kept.begin(), r.kept.end(),
                  [](const auto& a, const auto& b) { return a.point < b.point; });
        return std::move(r);
    });
}

}  // namespace perdure
