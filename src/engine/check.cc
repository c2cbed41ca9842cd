#include "engine/check.h"

#include <algorithm>

#include "base/try.h"
#include "engine/check_state.h"
#include "engine/tree_inspector.h"

namespace perdure {

Result<CheckLevel> parse_check_level(std::string_view text) {
    if (text == "structure") return CheckLevel::Structure;
    if (text == "aead") return CheckLevel::Aead;
    if (text == "deep") return CheckLevel::Deep;
    return Error(ErrorKind::InvalidInput, "\"" + std::string(text) + "\" is no level of a check")
        .with_hint("use structure, aead or deep");
}

namespace {

Result<void> run_parts(CheckState& state) {
    state.inventory =
        PERDURE_TRY(take_inventory(state.repository.store(), state.registry, state.stop));
    state.result.objects = state.inventory.objects;
    state.lists = PERDURE_TRY(ObeyedLists::load_all(state.repository, state.stop));
    // What a verdict lets go may be deleted at any moment; nothing is needed from there.
    for (std::uint32_t n = 0; n < state.inventory.packs.size(); ++n)
        if (state.lists.is_dropped(state.registry.pack_of(PackNumber{n})))
            state.inventory.packs[n].listed = false;
    state.repository.forget_enrolments();  // older than the listing
    PERDURE_TRY(check_owner_records(state));
    PERDURE_TRY(check_logs(state));
    PERDURE_TRY(check_ends(state));
    PERDURE_TRY(check_indexes(state));
    PERDURE_TRY(check_loose_objects(state));
    TreeInspector inspector(state);
    PERDURE_TRY(check_trees(state, inspector));
    PERDURE_TRY(check_packs(state));
    PERDURE_TRY(find_affected(state, inspector));
    PERDURE_TRY(name_covered(state));
    state.excuse_replaced_packs();
    find_whole(state);
    return {};
}

Outcome outcome_of(const std::vector<CheckFinding>& findings) {
    const auto hurts = [](const CheckFinding& f) { return !f.points.empty(); };
    if (std::any_of(findings.begin(), findings.end(), hurts)) return Outcome::Failed;
    const auto wrong = [](const CheckFinding& f) { return !f.note; };
    return std::any_of(findings.begin(), findings.end(), wrong) ? Outcome::Partial
                                                                : Outcome::Success;
}

}  // namespace

Result<void> record_check(const Repository& repository, const CheckResult& result, CheckLevel level,
                          std::stop_token stop) {
    LedgerRecord record;
    record.level = level == CheckLevel::Deep   ? LedgerLevel::Deep
                   : level == CheckLevel::Aead ? LedgerLevel::Aead
                                               : LedgerLevel::Structure;
    record.packs = result.whole_packs;
    record.sessions = result.whole_points;
    record.text = to_string(result.outcome);
    PERDURE_TRY(append_to_ledger(repository, record, stop));
    if (level != CheckLevel::Deep || record.sessions.empty()) return {};
    record.kind = LedgerKind::Verified;
    record.packs.clear();
    return append_to_ledger(repository, std::move(record), stop);
}

Result<CheckResult> run_check(const Repository& repository, const CheckOptions& options,
                              Reporter& reporter, std::stop_token stop) {
    constexpr int kMostTries = 5;
    Clock& clock = repository.clock();
    const std::uint64_t begun = clock.monotonic_nanoseconds();
    std::unique_ptr<CheckState> state;
    for (int tries = 1;; ++tries) {
        state = std::make_unique<CheckState>(repository, options, reporter, stop);
        state->result.with_owner_keys = repository.is_owner();
        PERDURE_TRY(run_parts(*state));
        PERDURE_TRY(excuse_what_went(*state));
        state->result.outcome = outcome_of(state->result.findings);
        const bool all_well = state->result.outcome == Outcome::Success;
        if (all_well || !PERDURE_TRY(has_moved_on(*state))) break;
        if (tries < kMostTries) continue;
        excuse_what_came(*state);
        state->result.outcome = outcome_of(state->result.findings);
        break;
    }
    CheckResult& result = state->result;
    for (CheckFinding& finding : result.findings) {
        std::sort(finding.points.begin(), finding.points.end());
        std::sort(finding.blocks.begin(), finding.blocks.end());
    }
    result.seconds = static_cast<double>(clock.monotonic_nanoseconds() - begun) / 1e9;
    return std::move(result);
}

}  // namespace perdure
