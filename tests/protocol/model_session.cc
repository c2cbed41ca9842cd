#include "base/check.h"
#include "model.h"

namespace perdure::protocol::search {

namespace {

Action next_of(const SessionProcess& process) {
    return std::visit(
        [](const auto& machine) {
            if constexpr (std::is_same_v<std::decay_t<decltype(machine)>, std::monostate>) {
                return done();
            } else {
                return machine.next();
            }
        },
        process.machine);
}

void tell_machine(SessionProcess& process, const Answer& answer) {
    std::visit(
        [&](auto& machine) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(machine)>, std::monostate>)
                machine.on_answer(answer);
        },
        process.machine);
}

Report report_of(const Action& action) {
    if (action.verb == Verb::Done) return Report::Success;
    if (action.failure == Failure::Fenced) return Report::Fenced;
    return action.failure == Failure::Unknown ? Report::Unknown : Report::Failed;
}

/// Over: nothing of the process matters any more but what it reported.
void finish(SessionProcess& process, Report report) {
    process = SessionProcess();
    process.phase = Phase::Over;
    process.report = report;
}

const SessionBegin* begin_of(const SessionProcess& process) {
    if (const auto* begin = std::get_if<SessionBegin>(&process.machine)) return begin;
    if (const auto* reader = std::get_if<ReadBegin>(&process.machine)) return &reader->session();
    return nullptr;
}

void commit(SessionProcess& process, const SessionPlan& plan, EndRecord record,
            std::uint8_t tries) {
    process.machine.emplace<SessionCommit>(plan.writer, process.number, record, tries);
    process.phase = Phase::Commit;
    process.obeys = process.lists = process.verdicts = process.carried = 0;
}

/// What follows when the machine of a phase has finished.
void advance(const Model& model, World& world, int session) {
    SessionProcess& process = world.sessions[static_cast<std::size_t>(session)];
    const SessionPlan& plan = model.plan(session);
    const Action action = next_of(process);
    if (action.verb != Verb::Done && action.verb != Verb::Failed) return;
    const bool failed = action.verb == Verb::Failed;
    if (process.phase == Phase::Carry) {
        const auto& carry = std::get<CarryStep>(process.machine);
        process.carried = carry.is_carried() ? static_cast<Byte>(plan.carries + 1) : Byte{0};
        if (carry.supersedes() != 0)
            world.store.supersedes[static_cast<std::size_t>(session)] =
                static_cast<Byte>(plan.carries + 1);
    } else if (failed || process.phase == Phase::Commit || plan.role == Role::Repack) {
        return finish(process, report_of(action));
    } else {
        const SessionBegin* begin = begin_of(process);
        PERDURE_CHECK(begin != nullptr && begin->create_if_absent_proven());
        process.number = static_cast<Byte>(begin->number());
        process.obeys = static_cast<Byte>(begin->obeys());
        if (plan.carries >= 0 && model.has_begun(world.store, plan.carries)) {
            const Number carried = model.number_of(world.store, plan.carries);
            process.machine.emplace<CarryStep>(plan.writer, carried, 0, model.scenario().tries);
            process.phase = Phase::Carry;
            return;
        }
    }
    process.machine.emplace<std::monostate>();
    process.phase = Phase::Decide;
}

void tell(const Model& model, World& world, int session, const Answer& answer) {
    tell_machine(world.sessions[static_cast<std::size_t>(session)], answer);
    advance(model, world, session);
}

void note_list(SessionProcess& process, const ObjectKey& key, Byte cell) {
    const auto bit = static_cast<Byte>(1u << key.number);
    if (key.type == ObjectType::List && cell == kListed) process.lists |= bit;
    if (key.type == ObjectType::Verdict && cell != 0) process.verdicts |= bit;
}

/// Reads what stands at `key`, as the planted bugs see it.
Answer load_for(const Model& model, World& world, int session, const ObjectKey& key) {
    SessionProcess& process = world.sessions[static_cast<std::size_t>(session)];
    Byte sent = 0;
    if (key.type == ObjectType::LogEntry) sent = static_cast<Byte>(session + 1);
    if (key.type == ObjectType::Ending && process.phase == Phase::Commit) sent = kReal;
    if (!model.has_bug(Bug::ListsBeforeNumber))
        note_list(process, key, model.cell(world.store, key));
    Answer answer = model.read(world.store, key, sent);
    if (model.has_bug(Bug::CommitPastFence) && process.phase == Phase::Commit)
        answer.identical = answer.kind == AnswerKind::Found;
    if (model.has_bug(Bug::BarrierBeforeList) && key.type == ObjectType::List)
        answer.kind = AnswerKind::Found;
    return answer;
}

bool answer_is_final(const Model& model, const World& world, const Action& action) {
    const ObjectKey& key = action.key;
    if (key.type == ObjectType::Closed) return true;
    const bool there = model.cell(world.store, key) != 0;
    if (model.has_bug(Bug::FreedNumbers) && key.type == ObjectType::Ending) return false;
    if (model.has_bug(Bug::BarrierBeforeList) && key.type == ObjectType::List) return there;
    if (there || action.verb == Verb::Create) {
        // Nobody looks at an index before the ending that binds it.
        return there || key.type == ObjectType::Index;
    }
    if (key.type != ObjectType::Fate) return false;
    return !model.plan(model.session_at(world.store, key.writer, key.number)).expirable;
}

Model::Request request_of(const Action& action, int session) {
    Model::Request request{action.key, kPresent, 0};
    if (action.key.type == ObjectType::LogEntry) request.value = static_cast<Byte>(session + 1);
    if (action.key.type == ObjectType::Ending) request.value = kReal;
    return request;
}

/// A fenced session's plans bear on nothing once it knows.
bool forget_void_work(const Model& model, World& world, int session) {
    const auto s = static_cast<std::size_t>(session);
    Store& store = world.store;
    const bool is_void = world.sessions[s].phase == Phase::Over && store.ending[s] == kFenced;
    if (!is_void || model.has_bug(Bug::FreedNumbers)) return false;
    if (store.needs[s] == 0 && store.supersedes[s] == 0) return false;
    store.needs[s] = 0;
    store.supersedes[s] = 0;
    return true;
}

}  // namespace

void Model::start_sessions(World& world) const {
    for (int s = 0; s < sessions(); ++s) {
        SessionProcess& process = world.sessions[static_cast<std::size_t>(s)];
        const SessionPlan& planned = plan(s);
        const bool enrolled = planned.writer < scenario_.writers || !world.enrolling;
        if (process.phase != Phase::Idle || planned.role == Role::Initial || !enrolled) continue;
        if (has_bug(Bug::ListsBeforeNumber) && process.number == 0) {
            process.phase = Phase::Early;
            continue;
        }
        SessionBegin::Start start;
        start.writer = planned.writer;
        start.head.obeys = world.certified[planned.writer];
        start.tries = scenario_.tries;
        process.phase = Phase::Begin;
        if (planned.role == Role::Read) {
            const Number number = number_of(world.store, planned.reads);
            process.machine.emplace<ReadBegin>(start, plan(planned.reads).writer, number);
        } else if (planned.role == Role::Repack) {
            process.machine.emplace<RepackStep>(start);
        } else {
            process.machine.emplace<SessionBegin>(start);
        }
    }
}

bool Model::settle_session(World& world, int session) const {
    if (plan(session).role == Role::Initial) return false;
    const SessionProcess& process = world.sessions[static_cast<std::size_t>(session)];
    if (process.phase == Phase::Over) return forget_void_work(*this, world, session);
    if (process.machine.index() == 0) return false;
    const Action action = next_of(process);
    if (action.verb != Verb::Create && action.verb != Verb::Load) return false;
    if (!answer_is_final(*this, world, action)) return false;
    const Answer answer = action.verb == Verb::Create
                              ? create(world.store, request_of(action, session))
                              : load_for(*this, world, session, action.key);
    tell(*this, world, session, answer);
    return true;
}

void Model::step_session(const World& world, int session, Successors& successors) const {
    const SessionProcess& process = world.sessions[static_cast<std::size_t>(session)];
    Label label{"session", session, "", {}, -1};
    World next = world;
    SessionProcess& moved = next.sessions[static_cast<std::size_t>(session)];
    switch (process.phase) {
        case Phase::Idle:
        case Phase::Over: return;
        case Phase::Decide:
            if (plan(session).role != Role::Read) return choose_blocks(world, session, successors);
            for (int block = 0; block < kMaxSessions * kClasses; ++block) {
                const auto bit = static_cast<BlockMask>(1u << block);
                const auto from = static_cast<std::size_t>(plan(session).reads);
                if ((world.store.needs[from] & bit) != 0 && may_use(world, session, block))
                    next.store.needs[static_cast<std::size_t>(session)] |= bit;
            }
            moved.phase = Phase::Reading;
            label.what = "reads under its number";
            break;
        case Phase::Reading:
            commit(moved, plan(session), EndRecord{EndKind::End, 0, 0}, scenario_.tries);
            label.what = "has read";
            break;
        case Phase::Early:
            for (std::size_t k = 1; k <= kMaxLists; ++k) {
                const auto bit = static_cast<Byte>(1u << k);
                if (world.store.list_cell[k] != 0) moved.lists |= bit;
                if (world.store.has_verdict[k] != 0) moved.verdicts |= bit;
            }
            moved.phase = Phase::Idle;
            moved.number = 1;
            start_sessions(next);
            label.what = "reads the lists";
            break;
        default: {
            const Action action = next_of(process);
            if (action.verb == Verb::Copy) return choose_copies(world, session, successors);
            if (action.verb == Verb::Create) {
                const auto answered = [&](World& to, const Answer& answer) {
                    tell(*this, to, session, answer);
                };
                return send(world, request_of(action, session), label, answered, successors);
            }
            label.what = "loads";
            label.key = action.key;
            tell(*this, next, session, load_for(*this, next, session, action.key));
        }
    }
    settle(next);
    successors.take(next, label);
}

}  // namespace perdure::protocol::search
