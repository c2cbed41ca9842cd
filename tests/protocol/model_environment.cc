#include <algorithm>

#include "base/check.h"
#include "model.h"

namespace perdure::protocol::search {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

Collector::Start fresh(const Scenario& scenario, bool skips) {
    Collector::Start start;
    start.skip_unfinished = skips;
    start.tries = scenario.tries;
    return start;
}

/// Runs `machine` over answers that cannot change, until it asks for `verb`.
template <class Machine>
Action run_to(const Model& model, const Store& store, Machine& machine, Verb verb) {
    Action action = machine.next();
    for (; action.verb == Verb::Load && action.verb != verb; action = machine.next()) {
        Answer answer = model.read(store, action.key, 0);
        if (action.key.type == ObjectType::Verdict) {
            const unsigned drops = store.verdict[static_cast<std::size_t>(action.key.number)];
            answer.record = VerdictRecord{static_cast<std::uint64_t>(__builtin_popcount(drops))};
        }
        machine.on_answer(answer);
    }
    return action;
}

int nth_pack(PackMask packs, std::uint64_t place) {
    for (int pack = 0; pack < kMaxSessions; ++pack)
        if ((packs >> pack & 1) != 0 && place-- == 0) return pack;
    return -1;
}

class Environment {
public:
    Environment(const Model& model, const World& world, Successors& successors)
        : model_(model), world_(world), successors_(successors) {}

    void move() {
        for (std::size_t i = 0; i < kMaxPending; ++i)
            if (world_.pending[i].value != 0) deliver(i);
        for (int s = 0; s < model_.sessions(); ++s) {
            expire(s);
            delete_index(s);
            if (model_.has_bug(Bug::FreedNumbers)) free_number(s);
        }
        for (int k = 1; k <= kMaxLists; ++k) {
            if (world_.store.has_verdict[at(k)] == 0) continue;
            delete_packs(k);
            if (model_.has_bug(Bug::PrunedLists)) prune(k);
        }
        for (int c = 0; c < model_.scenario().collectors; ++c) restart(c);
        enrol();
    }

private:
    void take(World& next, const char* who, int which, const char* what) {
        model_.settle(next);
        successors_.take(next, Label{who, which, what, {}, -1});
    }

    /// A request arrives that its sender gave up on, or repeated.
    void deliver(std::size_t i) {
        World next = world_;
        Pending& pending = next.pending[i];
        const ObjectKey key{pending.type, pending.writer, pending.number, 0};
        model_.create(next.store, {key, pending.value, pending.content});
        pending = Pending();
        take(next, "late request", static_cast<int>(i), "is applied");
    }

    void expire(int session) {
        const Store& store = world_.store;
        if (!model_.plan(session).expirable || store.ending[at(session)] != kReal) return;
        if (store.fate[at(session)] != 0) return;
        World next = world_;
        ExpireStep step(model_.plan(session).writer, model_.number_of(store, session));
        const Action action = run_to(model_, store, step, Verb::Create);
        PERDURE_CHECK(action.verb == Verb::Create);
        step.on_answer(model_.create(next.store, {action.key, 1, 0}));
        PERDURE_CHECK(step.next().verb == Verb::Done);
        take(next, "session", session, "expires");
    }

    /// Any pack of a verdict may go next: maintainers delete side by side, each in its own time.
    void delete_packs(int list) {
        const PackMask drops = world_.store.verdict[at(list)];
        DeleteStep step(static_cast<ListNumber>(list));
        Action action = run_to(model_, world_.store, step, Verb::Remove);
        for (; action.verb == Verb::Remove; action = step.next()) {
            const int pack = nth_pack(drops, action.key.pack);
            step.on_answer(Answer::done());
            if (world_.store.pack[at(pack)] != kPresent) continue;
            World next = world_;
            next.store.pack[at(pack)] = kGone;
            take(next, "pack", pack, "is deleted");
        }
    }

    void delete_index(int session) {
        const Store& store = world_.store;
        const auto s = at(session);
        if (!model_.scenario().index_deletion || store.index[s] != kPresent) return;
        const bool is_repack = model_.plan(session).role == Role::Repack;
        IndexUse use;
        use.ended = store.ending[s] == kReal;
        use.protects = EndRecord{model_.plan(session).ends, 0, 0}.protects();
        use.expired = use.ended && use.protects && !model_.protects(store, session);
        use.all_packs_deleted = store.pack[s] != kPresent && !model_.has_bug(Bug::PackNameAgain);
        if (model_.has_bug(Bug::RepackIndexDeleted) && is_repack) use.all_packs_deleted = true;
        if (!may_delete_index(use)) return;
        World next = world_;
        next.store.index[s] = kGone;
        take(next, "index", session, "is deleted");
    }

    void free_number(int session) {
        const Store& store = world_.store;
        if (store.ending[at(session)] != kFenced || store.list_cell[1] == kNoList) return;
        for (std::size_t k = 1; k <= kMaxLists; ++k)
            if (store.list_cell[k] != kNoList && store.has_verdict[k] == 0) return;
        World next = world_;
        next.store.ending[at(session)] = kOpen;
        take(next, "fence", session, "is removed");
    }

    void prune(int list) {
        const Store& store = world_.store;
        if (store.list_cell[at(list)] != kListed) return;
        for (int pack = 0; pack < kMaxSessions; ++pack)
            if ((store.verdict[at(list)] >> pack & 1) != 0 && store.pack[at(pack)] == kPresent)
                return;
        World next = world_;
        next.store.list_cell[at(list)] = kPruned;
        take(next, "list", list, "is pruned");
    }

    /// A collector that is idle begins; one that works may crash, and is idle then.
    void restart(int collector) {
        const CollectorProcess& process = world_.collectors[at(collector)];
        World next = world_;
        CollectorProcess& moved = next.collectors[at(collector)];
        if (process.running) {
            if (!model_.scenario().crashes) return;
            moved = CollectorProcess();
            return take(next, "collector", collector, "crashes");
        }
        bool unfinished = false;
        int lists = 0;
        for (std::size_t k = 1; k <= kMaxLists; ++k) {
            if (world_.store.list_cell[k] == kNoList) continue;
            ++lists;
            if (world_.store.has_verdict[k] == 0) unfinished = true;
        }
        const bool more = lists < model_.scenario().lists;
        for (const bool skips : {false, true}) {
            if (skips ? !(unfinished && more) : !(unfinished || more)) continue;
            World begun = world_;
            CollectorProcess& beginner = begun.collectors[at(collector)];
            beginner.running = true;
            beginner.machine = Collector(fresh(model_.scenario(), skips));
            take(begun, "collector", collector, skips ? "begins, skipping" : "begins");
        }
    }

    void enrol() {
        if (!world_.enrolling) return;
        const Action action = world_.enrolment.next();
        if (action.verb != Verb::Create) return;
        World next = world_;
        const auto& entry = std::get<LogEntry>(action.record);
        const auto value = static_cast<Byte>(entry.subject + 1);
        next.enrolment.on_answer(model_.create(next.store, {action.key, value, 0}));
        take(next, "writer", model_.scenario().writers, "enrols");
    }

    const Model& model_;
    const World& world_;
    Successors& successors_;
};

}  // namespace

bool Model::settle_enrolment(World& world) const {
    if (!world.enrolling) return false;
    const Action action = world.enrolment.next();
    const bool there = action.verb != Verb::Done && cell(world.store, action.key) != 0;
    if (action.verb == Verb::Load || (action.verb == Verb::Create && there)) {
        world.enrolment.on_answer(action.verb == Verb::Load ? read(world.store, action.key, 0)
                                                            : Answer::plain(AnswerKind::Exists));
        return true;
    }
    if (action.verb != Verb::Done) return false;
    world.certified[at(scenario_.writers)] = static_cast<Byte>(world.enrolment.head().obeys);
    world.enrolling = false;
    world.enrolment = LogAppend();
    start_sessions(world);
    return true;
}

void Model::step_environment(const World& world, Successors& successors) const {
    Environment(*this, world, successors).move();
}

}  // namespace perdure::protocol::search
