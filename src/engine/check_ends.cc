// What ended each session: points, checkpoints, end records, fences; and the fates of points.

#include <algorithm>

#include "base/try.h"
#include "engine/check_state.h"
#include "repo/closed.h"

namespace perdure {

namespace {

void name_point(CheckState& state, CheckFinding& finding, SessionName session) {
    if (state.wants(session)) finding.points.push_back(session);
}

/// Why an end is not believed, as a finding. It names the point only if there was one: somebody who
/// holds the keys made it, or its session did begin and what stands there is rubbish.
void report_end(CheckState& state, SessionName session, const Error& error) {
    const Repository& r = state.repository;
    const ObjectName name = names::point(session);
    const auto object = state.load(name);
    const ByteView bytes = object ? ByteView(*object) : ByteView();
    if (r.lacks_key_of(bytes)) return;
    const bool opens = r.open_sealed(ObjectType::Point, name, bytes).has_value();
    const bool is_signed =
        r.open_by_writer(ObjectType::Point, name, session.writer, bytes).has_value() ||
        r.open_by_maintainer(ObjectType::Point, name, bytes).has_value();
    const auto lost = [&](const ObjectName& what) {
        name_point(
            state,
            state.about(what.text(), "missing", "is missing, but " + name.text() + " needs it"),
            session);
    };
    if (opens && !r.is_enrolled(session.writer, state.stop))
        return lost(names::enrolment(session.writer));
    const bool begun = r.load_log_entry(session, nullptr, state.stop).has_value();
    if (is_signed && !state.inventory.log.contains(session)) return lost(names::log_entry(session));
    if (is_signed && !begun) return;  // its log entry has a finding that names the point
    const bool refused = error.kind() == ErrorKind::Denied || (opens && !is_signed);
    auto& finding = state.add(name.text(), refused ? "refused" : "damaged", error.describe());
    if (!refused && begun) name_point(state, finding, session);
}

/// What an end names must be there too: else something was removed, or put in its place.
class ReferenceCheck {
public:
    explicit ReferenceCheck(CheckState& state) : state_(state) {
        for (const CheckedEnd& end : state.ends) believed_[end.point.session()] = end.point.digest;
    }

    void look(const SessionDigest& at, const ObjectName& by, bool is_point) {
        const auto there = believed_.find(at.session);
        const bool same = there != believed_.end() && there->second == at.digest;
        const bool reported =
            there == believed_.end() && state_.inventory.points.contains(at.session);
        if (same || reported || !told_.insert(at.session).second) return;
        const bool missing = there == believed_.end();
        auto& finding = state_.add(names::point(at.session).text(), missing ? "missing" : "order",
                                   (missing ? "is missing, but " : "is not the one that ") +
                                       by.text() + (missing ? " names it" : " names"));
        if (is_point) name_point(state_, finding, at.session);
    }

private:
    CheckState& state_;
    std::map<SessionName, Digest> believed_;
    std::set<SessionName> told_;
};

/// Names that hold for good, as closed records state: of records that cannot be believed the check
/// of all that is signed by maintainers tells.
Result<void> check_settled(CheckState& state, ReferenceCheck& check) {
    std::vector<Problem> told_elsewhere;
    const auto settled =
        SettledNumbers::load(state.repository, std::nullopt, told_elsewhere, state.stop);
    if (!settled && ends_check(settled.error())) return settled.error();
    if (!settled) {
        state.add(
            "closed/", "unreadable",
            "could not be read, so what it states was not compared: " + settled.error().describe());
        return {};
    }
    for (const auto& [session, stated] : settled->numbers())
        if (const auto newest = settled->newest_of(session.writer); stated.end && newest)
            check.look({session, *stated.end}, names::closed(newest->session), !stated.expired);
    return {};
}

Result<void> check_references(CheckState& state) {
    ReferenceCheck check(state);
    const std::vector<CheckedEnd>& ends = state.ends;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        const PointHeader& h = ends[i].point.header;
        // Not all of where a replica was copied from need be there.
        if (ends[i].imported) continue;
        const ObjectName by = names::point(h.session);
        if (h.previous) check.look(*h.previous, by, true);
        for (const SessionDigest& checkpoint : h.supersedes) check.look(checkpoint, by, false);
        if (h.repaired) check.look(*h.repaired, by, true);
    }
    return check_settled(state, check);
}

// ------------------------------------------------------------------------------------ fates

Result<Fate> read_fate(CheckState& state, const names::FateName& at, const Point& point) {
    const ObjectName name = names::fate(at.point, at.number);
    const Buffer object = PERDURE_TRY(state.load(name));
    const auto opened =
        PERDURE_TRY(state.repository.open_by_maintainer(ObjectType::Fate, name, object));
    Fate fate = PERDURE_TRY(decode_fate(opened.body).context(name.text()));
    if (fate.point != SessionDigest{at.point, point.digest} || fate.number != at.number)
        return Error(ErrorKind::Corrupt, name.text() + ": is about another point");
    return fate;
}

Result<void> check_fates(CheckState& state) {
    std::map<SessionName, CheckedEnd*> by_session;
    for (CheckedEnd& end : state.ends) by_session[end.point.session()] = &end;
    std::set<std::pair<SessionName, std::uint32_t>> listed;
    for (const auto& f : state.inventory.fates) listed.emplace(f.point, f.number);
    for (const auto& f : state.inventory.fates) {
        const std::string name = names::fate(f.point, f.number).text();
        const auto end = by_session.find(f.point);
        if (end == by_session.end()) {
            if (!state.inventory.points.contains(f.point))
                state.add(name, "stray", "is about a point that is not there");
            continue;
        }
        const auto fate = read_fate(state, f, end->second->point);
        if (!fate && ends_check(fate.error())) return fate.error();
        if (!fate)
            state.add(name, finding_kind(fate.error()), fate.error().describe());
        else if (fate->kind == FateKind::Expired)
            end->second->point.expired = true;
        if (fate && f.number > 1 && !listed.contains({f.point, f.number - 1}))
            state.add(names::fate(f.point, f.number - 1).text(), "missing",
                      "is missing, but there are later ones");
    }
    return {};
}

/// A copy that only lists points expires when all of them have.
void expire_copies(CheckState& state) {
    std::set<SessionDigest> expired;
    for (const CheckedEnd& end : state.ends)
        if (end.point.expired) expired.insert({end.point.session(), end.point.digest});
    for (CheckedEnd& end : state.ends)
        if (lists_points_only(end.point.header))
            end.point.expired |=
                std::all_of(end.point.header.copied.begin(), end.point.header.copied.end(),
                            [&](const SessionDigest& point) { return expired.contains(point); });
}

/// A point of a replica counts while a copy that is not expired lists it, and one that another
/// stands for no longer.
void check_copies(CheckState& state) {
    std::set<SessionDigest> bound, replaced;
    for (const CheckedEnd& end : state.ends) {
        const PointHeader& h = end.point.header;
        if (end.point.expired) continue;
        bound.insert(h.copied.begin(), h.copied.end());
        if (h.kind == EndKind::Repaired && h.repaired) replaced.insert(*h.repaired);
    }
    for (CheckedEnd& end : state.ends) {
        const SessionDigest name{end.point.session(), end.point.digest};
        if (replaced.contains(name)) end.selected = false;
        if (!end.imported || bound.contains(name)) continue;
        end.selected = false;
        if (!end.point.expired)
            state.note(names::point(name.session).text(), "unbound",
                       "came from elsewhere, and no copy lists it: the copy was interrupted, or "
                       "has expired");
    }
}

}  // namespace

Result<void> check_ends(CheckState& state) {
    for (const SessionName session : state.inventory.points) {
        auto point = state.repository.load_point(session, state.stop);
        if (!point && ends_check(point.error())) return std::move(point).error();
        if (!point) {
            report_end(state, session, point.error());
            continue;
        }
        const bool is_one = is_point(point->header.kind);
        const bool imported = PERDURE_TRY(state.repository.is_imported(session.writer, state.stop));
        state.ends.push_back(
            {std::move(*point), is_one && state.wants(session), false, {}, imported});
    }
    PERDURE_TRY(check_references(state));
    PERDURE_TRY(check_fates(state));
    expire_copies(state);
    check_copies(state);
    for (CheckedEnd& end : state.ends) {
        end.selected = end.selected && !end.point.expired;
        state.result.points += end.selected && !lists_points_only(end.point.header) ? 1 : 0;
    }
    return {};
}

}  // namespace perdure
