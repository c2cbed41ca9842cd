// Where the store keeps versions: what was overwritten or deleted, and is read from an older one.

#include <algorithm>

#include "base/try.h"
#include "engine/check_state.h"

namespace perdure {

namespace {

/// A collection deletes indexes and fates when nothing needs them any more.
std::vector<ObjectName> names_to_keep(const CheckState& state) {
    std::vector<ObjectName> names{names::config()};
    for (const EpochNumber e : state.inventory.epochs) names.push_back(names::epoch(e));
    for (const SlotReference& slot : state.repository.epoch().slots)
        names.push_back(names::key_slot(slot.id));
    for (const WriterNumber w : state.inventory.enrolments) names.push_back(names::enrolment(w));
    for (const SessionName s : state.inventory.log) names.push_back(names::log_entry(s));
    for (const SessionName s : state.inventory.points) names.push_back(names::point(s));
    std::set<SessionName> counting;
    for (const CheckedEnd& end : state.ends) {
        const SessionName session = end.point.session();
        if (end.index_good && end.index_needed) names.push_back(names::index(session));
        if (!end.point.expired) counting.insert(session);
    }
    for (const names::FateName& fate : state.inventory.fates)
        if (counting.contains(fate.point)) names.push_back(names::fate(fate.point, fate.number));
    for (const std::string& text : state.inventory.reserved)
        if (text.starts_with("gc/") || text.starts_with("closed/"))
            if (auto name = ObjectName::parse(text)) names.push_back(std::move(*name));
    return names;
}

Result<void> name_if_covered(CheckState& state, const ObjectName& name) {
    const auto covered = state.repository.store().is_covered(name, state.stop);
    if (!covered && ends_check(covered.error())) return covered.error();
    if (!covered || !*covered) return {};
    const auto& findings = state.result.findings;
    const bool known =
        std::any_of(findings.begin(), findings.end(), [&](const CheckFinding& finding) {
            return finding.object == name.text() && !finding.note;
        });
    if (!known)
        state.add(name.text(), "covered",
                  "was overwritten or deleted by something else than perdure; the store still has "
                  "it as an older version, for as long as it keeps those: `perdure repair` puts "
                  "it back");
    return {};
}

}  // namespace

Result<void> name_covered(CheckState& state) {
    if (state.repository.store().versions() == nullptr) return {};
    for (const ObjectName& name : names_to_keep(state)) PERDURE_TRY(name_if_covered(state, name));
    for (std::uint32_t n = 0; n < state.inventory.packs.size(); ++n)
        if (state.inventory.packs[n].named && !state.has_finding(PackNumber{n}) &&
            !state.lists.is_dropped(state.registry.pack_of(PackNumber{n})))
            PERDURE_TRY(
                name_if_covered(state, state.inventory.name_of(state.registry, PackNumber{n})));
    return {};
}

}  // namespace perdure
