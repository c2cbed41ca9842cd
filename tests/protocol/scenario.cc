#include "scenario.h"

namespace perdure::protocol::search {

namespace {

SessionPlan initial(std::uint8_t writer, std::uint8_t wants, bool expirable) {
    SessionPlan plan;
    plan.role = Role::Initial;
    plan.writer = writer;
    plan.wants = wants;
    plan.expirable = expirable;
    return plan;
}

SessionPlan backup(std::uint8_t writer, std::uint8_t wants) {
    SessionPlan plan;
    plan.writer = writer;
    plan.wants = wants;
    return plan;
}

SessionPlan repack(std::uint8_t writer) {
    SessionPlan plan;
    plan.role = Role::Repack;
    plan.writer = writer;
    plan.ends = EndKind::End;
    return plan;
}

SessionPlan reader(std::uint8_t writer, int of) {
    SessionPlan plan;
    plan.role = Role::Read;
    plan.writer = writer;
    plan.ends = EndKind::End;
    plan.reads = of;
    return plan;
}

}  // namespace

std::string_view to_string(Bug bug) {
    switch (bug) {
        case Bug::None: return "None";
        case Bug::BarrierBeforeList: return "BarrierBeforeList";
        case Bug::NoWait: return "NoWait";
        case Bug::NoSecondOr: return "NoSecondOr";
        case Bug::CommitPastFence: return "CommitPastFence";
        case Bug::PrunedLists: return "PrunedLists";
        case Bug::ListsBeforeNumber: return "ListsBeforeNumber";
        case Bug::AdoptedOrphans: return "AdoptedOrphans";
        case Bug::FreedNumbers: return "FreedNumbers";
        case Bug::MutualRepack: return "MutualRepack";
        case Bug::CarryWithoutTest: return "CarryWithoutTest";
        case Bug::LogBarriersFirst: return "LogBarriersFirst";
        case Bug::FalseLocation: return "FalseLocation";
        case Bug::PackNameAgain: return "PackNameAgain";
        case Bug::RepackIndexDeleted: return "RepackIndexDeleted";
    }
    return "?";
}

std::vector<Bug> all_bugs() {
    std::vector<Bug> bugs;
    for (auto bug = Bug::BarrierBeforeList; bug <= Bug::RepackIndexDeleted;
         bug = static_cast<Bug>(static_cast<std::uint8_t>(bug) + 1))
        bugs.push_back(bug);
    return bugs;
}

Scenario small_scenario() {
    Scenario small;
    small.name = "small";
    small.sessions = {initial(0, 3, true), backup(0, 1), backup(1, 1)};
    small.faults = 2;
    return small;
}

namespace {

/// Writer 0 goes on from a checkpoint, at once or after a crash; the checkpoint may also expire.
void add_chain(Scenario& scenario) {
    const int first = static_cast<int>(scenario.sessions.size());
    SessionPlan checkpoint = backup(0, 1);
    checkpoint.ends = EndKind::Checkpoint;
    SessionPlan next = backup(0, 1);
    next.carries = first;
    scenario.sessions.push_back(checkpoint);
    scenario.sessions.push_back(next);
}

void add_repack(Scenario& scenario) {
    scenario.sessions.push_back(repack(static_cast<std::uint8_t>(scenario.writers)));
    ++scenario.writers;
    scenario.index_deletion = true;
}

}  // namespace

std::vector<Scenario> long_scenarios() {
    std::vector<Scenario> all(6);
    all[0].name = "sessions";
    all[0].sessions = {initial(0, 3, true), backup(0, 1), backup(0, 1), backup(1, 1), backup(1, 1)};
    all[1].name = "repack";
    all[1].sessions = {initial(0, 3, true), backup(0, 1), backup(1, 2)};
    add_repack(all[1]);
    all[2].name = "reader";
    all[2].sessions = {initial(0, 3, true), backup(0, 1), reader(1, 0)};
    all[3].name = "checkpoint";
    all[3].sessions = {initial(0, 1, true)};
    add_chain(all[3]);
    all[3].sessions.push_back(backup(1, 1));
    all[4].name = "enrolment";
    all[4].sessions = {initial(0, 1, true), backup(0, 1), backup(1, 1)};
    all[4].writers = 1;
    all[4].late_writer = true;
    all[5].name = "long";
    all[5].sessions = {initial(0, 3, true)};
    add_chain(all[5]);
    for (const SessionPlan& plan : {backup(1, 1), backup(1, 1), reader(1, 0)})
        all[5].sessions.push_back(plan);
    add_repack(all[5]);
    all[5].faults = 2;
    return all;
}

namespace {

/// One writer's old point, which may expire, and a session that wants the same content.
Scenario tiny(Bug bug) {
    Scenario scenario;
    scenario.name = to_string(bug);
    scenario.bug = bug;
    scenario.writers = 1;
    scenario.collectors = 1;
    scenario.lists = 1;
    scenario.faults = 0;
    scenario.crashes = false;
    scenario.sessions = {initial(0, 1, true), backup(0, 1)};
    return scenario;
}

/// A point that stays, and a repack of its pack.
Scenario tiny_repack(Bug bug) {
    Scenario scenario = tiny(bug);
    scenario.writers = 2;
    scenario.sessions = {initial(0, 1, false), repack(1)};
    return scenario;
}

}  // namespace

Scenario scenario_for(Bug bug) {
    Scenario scenario = tiny(bug);
    switch (bug) {
        case Bug::CommitPastFence: scenario.sessions = {initial(0, 1, true), backup(0, 2)}; break;
        case Bug::AdoptedOrphans:  // the first list fences, the second condemns what was left
            scenario.lists = 2;
            scenario.sessions.push_back(backup(0, 1));
            break;
        case Bug::CarryWithoutTest: {
            SessionPlan next = backup(0, 1);
            next.carries = 1;
            scenario.sessions.push_back(next);
            scenario.sessions[1].ends = EndKind::Checkpoint;
            scenario.sessions[1].expirable = true;
            break;
        }
        case Bug::LogBarriersFirst:
            scenario.late_writer = true;
            scenario.sessions[1] = backup(1, 1);
            break;
        case Bug::FalseLocation:
            scenario = tiny_repack(bug);
            scenario.writers = 3;
            scenario.sessions = {initial(0, 1, false), initial(1, 1, true), repack(2)};
            scenario.sessions[1].claims = 0;
            break;
        case Bug::MutualRepack:
            scenario = tiny_repack(bug);
            scenario.collectors = 2;
            scenario.lists = 2;
            break;
        case Bug::PackNameAgain: scenario.sessions.push_back(backup(0, 1)); break;
        case Bug::RepackIndexDeleted:
            scenario = tiny_repack(bug);
            scenario.index_deletion = true;
            break;
        default: break;
    }
    return scenario;
}

}  // namespace perdure::protocol::search
