// A check beside others that write, expire and collect: what went while it ran is no problem.

#include <algorithm>
#include <set>

#include "base/try.h"
#include "engine/check_state.h"

namespace perdure {

namespace {

/// Whether what the finding names is gone because nobody needs it any more.
bool went_rightly(const CheckFinding& finding, const ObeyedLists& lists,
                  const std::set<SessionName>& living) {
    // For speed only: listed, and deleted before it was read.
    const bool for_speed =
        names::parse_hints(finding.object) || names::parse_merged(finding.object);
    if (for_speed) return finding.kind == "missing";
    if (finding.kind != "missing" && finding.kind != "damaged" && finding.kind != "liveness")
        return false;
    if (const auto pack = names::parse_pack(finding.object)) return lists.is_dropped(pack->pack);
    const auto index = names::parse_index(finding.object);
    return index && !living.contains(*index) && !lists.lists().empty();
}

}  // namespace

Result<void> excuse_what_went(CheckState& state) {
    auto& findings = state.result.findings;
    if (std::all_of(findings.begin(), findings.end(), [](const auto& f) { return f.note; }))
        return {};
    const ObeyedLists lists = PERDURE_TRY(ObeyedLists::load_all(state.repository, state.stop));
    std::set<SessionName> living;
    const PointList list = PERDURE_TRY(state.repository.list_points(state.stop));
    for (const Point& point : list.points) living.insert(point.session());
    std::set<SessionName> expired;
    for (const Point& point : list.expired) expired.insert(point.session());
    for (CheckFinding& finding : findings)
        std::erase_if(finding.points,
                      [&](SessionName session) { return expired.contains(session); });
    std::erase_if(findings, [&](const CheckFinding& finding) {
        return !finding.note && finding.points.empty() && went_rightly(finding, lists, living);
    });
    return {};
}

namespace {

/// A listing is not of one moment: it may show an object and not one that was made before it.
bool is_there_after_all(const CheckState& state, const CheckFinding& finding) {
    const auto name = ObjectName::parse(finding.object);
    return finding.kind == "missing" && name &&
           state.repository.store().stat(*name, state.stop).has_value();
}

}  // namespace

void excuse_what_came(CheckState& state) {
    std::erase_if(state.result.findings,
                  [&](const CheckFinding& finding) { return is_there_after_all(state, finding); });
}

Result<bool> has_moved_on(const CheckState& state) {
    for (const CheckFinding& finding : state.result.findings)
        if (is_there_after_all(state, finding)) return true;
    const ObeyedLists now = PERDURE_TRY(ObeyedLists::load_all(state.repository, state.stop));
    const auto verdicts = [](const ObeyedLists& lists) {
        return std::count_if(lists.lists().begin(), lists.lists().end(),
                             [](const auto& list) { return list.second.verdict.has_value(); });
    };
    if (verdicts(now) != verdicts(state.lists)) return true;
    std::size_t fates = 0;
    PERDURE_TRY(state.repository.store().list(
        "fate/",
        [&](std::string_view, const ObjectStat&) {
            ++fates;
            return true;
        },
        state.stop));
    return fates != state.inventory.fates.size();
}

}  // namespace perdure
