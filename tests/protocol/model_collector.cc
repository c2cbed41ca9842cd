#include "base/check.h"
#include "collector_view.h"
#include "model.h"
#include "repo/protocol/judge.h"

namespace perdure::protocol::search {

namespace {

constexpr int kVariants = 2;  // packs are considered from the first, or from the last

CollectorProcess& process_of(World& world, int collector) {
    return world.collectors[static_cast<std::size_t>(collector)];
}

bool is_create(const Action& action, ObjectType type) {
    return action.verb == Verb::Create && action.key.type == type;
}

/// All that is known of which packs verdicts drop: those of a list below it were read on the way.
PackMask dropped_by(const Store& store, Byte verdicts) {
    PackMask mask = 0;
    for (std::size_t k = 1; k <= kMaxLists; ++k)
        if ((verdicts >> k & 1) != 0) mask |= store.verdict[k];
    return mask;
}

Byte standing_verdicts(const Store& store) {
    unsigned mask = 0;
    for (std::size_t k = 1; k <= kMaxLists; ++k) mask |= unsigned{store.has_verdict[k]} << k;
    return static_cast<Byte>(mask);
}

LocationMask condemned_by(const Model& model, const Store& store, const CollectorProcess& process,
                          int variant) {
    const PackMask dropped = dropped_by(store, standing_verdicts(store));
    CollectorView view(model, store, process, dropped, 0, 0);
    LocationMask condemned = 0;
    for (int i = 0; i < model.sessions(); ++i) {
        const int pack = variant == 0 ? i : model.sessions() - 1 - i;
        if (store.pack[static_cast<std::size_t>(pack)] == kNever || (dropped >> pack & 1) != 0)
            continue;
        const bool going = view.is_orphan(pack) ||
                           (view.is_known(pack) && condemnable(view, static_cast<PackToken>(pack)));
        if (!going) continue;
        view.condemn(pack);
        condemned |= locations_in(store, pack);
    }
    return condemned;
}

PackMask judged(const Model& model, const Store& store, const CollectorProcess& process) {
    const LocationMask listed = store.list[process.machine.list()];
    if (model.has_bug(Bug::NoSecondOr)) return packs_of(listed);
    const bool blind = model.has_bug(Bug::MutualRepack);
    const PackMask dropped = blind ? PackMask{0} : dropped_by(store, process.verdicts);
    PackMask leaving = packs_of(listed);
    for (std::size_t k = 1; k <= kMaxLists && !blind; ++k)
        if ((process.lists & ~process.verdicts) >> k & 1) leaving |= packs_of(store.list[k]);
    const CollectorView view(model, store, process, dropped, leaving, listed);
    unsigned drops = 0;
    for (int pack = 0; pack < model.sessions(); ++pack) {
        if ((packs_of(listed) >> pack & 1) == 0) continue;
        const bool goes = view.is_orphan(pack) ||
                          (view.is_known(pack) && may_drop(view, static_cast<PackToken>(pack)));
        if (goes) drops |= 1u << pack;
    }
    return static_cast<PackMask>(drops);
}

void forget_content(CollectorProcess& process) {
    process.has_content = false;
    process.condemns = 0;
    process.drops = 0;
}

void forget_tally(CollectorProcess& process) {
    process.counted = process.indexed = process.orphaned = 0;
    process.lists = process.verdicts = 0;
}

void stop(CollectorProcess& process) { process = CollectorProcess(); }

/// Hands over an answer; what was to be created has then been created, or given up.
void tell(CollectorProcess& process, const Answer& answer) {
    process.machine.on_answer(answer);
    const Action action = process.machine.next();
    const bool creating =
        is_create(action, ObjectType::List) || is_create(action, ObjectType::Verdict);
    if (!creating && !process.deferred) forget_content(process);
    if (action.verb == Verb::Done || action.verb == Verb::Failed) stop(process);
}

void tally(const Model& model, const World& world, CollectorProcess& process,
           const Action& action) {
    const int session = model.session_at(world.store, action.key.writer, action.key.number);
    const auto s = static_cast<std::size_t>(session);
    const auto bit = static_cast<SessionMask>(1u << session);
    const auto& record = std::get<EndRecord>(action.record);
    const bool readable = world.store.index[s] == kPresent;
    if (action.verb == Verb::Tally && !readable)
        return tell(process, Answer::plain(AnswerKind::Invalid));
    if (action.verb == Verb::Tally) process.counted |= bit;
    if (world.store.ending[s] != kOpen) {
        if (record.index == 0) process.orphaned |= bit;
        if (record.index != 0 && readable) process.indexed |= bit;
    }
    tell(process, Answer::done());
}

Model::Request request_of(const CollectorProcess& process, const Action& action) {
    Model::Request request{action.key, 1, 0};
    if (const auto* entry = std::get_if<LogEntry>(&action.record))
        request.value = static_cast<Byte>(kBarrierBit | entry->list);
    if (action.key.type == ObjectType::Ending) request.value = kFenced;
    if (action.key.type == ObjectType::List) request.content = process.condemns;
    if (action.key.type == ObjectType::Verdict) request.content = process.drops;
    return request;
}

Answer load_for(const Model& model, const World& world, CollectorProcess& process,
                const ObjectKey& key) {
    Answer answer = model.read(world.store, key, 0);
    const bool there = answer.kind == AnswerKind::Found;
    if (model.has_bug(Bug::NoWait) && key.type == ObjectType::Ending && !there)
        answer = Answer::found(EndRecord{EndKind::End, 1, 0}, 1, false);
    if (process.machine.pass() == Collector::Pass::SecondOr && there) {
        const auto bit = static_cast<Byte>(1u << key.number);
        if (key.type == ObjectType::List) process.lists |= bit;
        if (key.type == ObjectType::Verdict) process.verdicts |= bit;
    }
    return answer;
}

bool may_begin(const Model& model, const World& world, Writer writer) {
    for (int s = 0; s < model.sessions(); ++s) {
        if (model.plan(s).writer != writer || model.has_begun(world.store, s)) continue;
        if (world.sessions[static_cast<std::size_t>(s)].phase != Phase::Over) return true;
    }
    for (const Pending& pending : world.pending)
        if (pending.value != 0 && pending.type == ObjectType::LogEntry &&
            pending.writer == writer && (pending.value & kBarrierBit) == 0)
            return true;
    return false;
}

/// Whether the answer "not there" is the same whenever it is given. A barrier that may still come
/// to a log or to the enrolments is passed over by the first OR, so it makes no difference.
bool absence_is_final(const Model& model, const World& world, const Action& action) {
    const ObjectKey& key = action.key;
    switch (key.type) {
        case ObjectType::LogEntry: return !may_begin(model, world, key.writer);
        case ObjectType::Enrolment: return !world.enrolling;
        case ObjectType::List: return key.number > static_cast<Number>(model.scenario().lists);
        case ObjectType::Fate:
            return !model.plan(model.session_at(world.store, key.writer, key.number)).expirable;
        default: return false;
    }
}

bool defers(const Model& model, const Action& action) {
    if (model.has_bug(Bug::BarrierBeforeList)) return is_create(action, ObjectType::List);
    return model.has_bug(Bug::LogBarriersFirst) && is_create(action, ObjectType::Enrolment);
}

/// The create that a planted bug put off until the log barriers stood.
Model::Request deferred_request(const Model& model, const World& world,
                                const CollectorProcess& process) {
    const Number list = process.machine.list();
    if (model.has_bug(Bug::BarrierBeforeList))
        return {{ObjectType::List, 0, list, 0}, kListed, process.condemns};
    Number free = kFirstNumber;
    while (world.store.enrolments[free] != 0) ++free;
    return {{ObjectType::Enrolment, 0, free, 0}, static_cast<Byte>(kBarrierBit | list), 0};
}

bool is_due(const CollectorProcess& process) {
    return process.deferred && process.machine.pass() == Collector::Pass::Waiting;
}

/// What a collector is about to create. False if nothing is decided yet: several lists are
/// possible.
bool decide_content(const Model& model, const World& world, CollectorProcess& process,
                    const Action& action) {
    if (action.key.type == ObjectType::Verdict) {
        process.drops = judged(model, world.store, process);
    } else {
        const LocationMask first = condemned_by(model, world.store, process, 0);
        if (first != condemned_by(model, world.store, process, 1)) return false;
        if (first == 0) return stop(process), true;
        process.condemns = first;
    }
    process.has_content = true;
    forget_tally(process);
    return true;
}

}  // namespace

bool Model::settle_collector(World& world, int collector) const {
    CollectorProcess& process = process_of(world, collector);
    if (!process.running || is_due(process)) return false;
    const Action action = process.machine.next();
    switch (action.verb) {
        case Verb::Reset: forget_tally(process), tell(process, Answer::done()); return true;
        case Verb::Tally:
        case Verb::TallyIndex: tally(*this, world, process, action); return true;
        case Verb::Wait:
            if (cell(world.store, action.key) == 0) return false;
            tell(process, Answer::plain(AnswerKind::NotFound));
            return true;
        case Verb::Load: {
            const bool there = cell(world.store, action.key) != 0;
            if (!there && !absence_is_final(*this, world, action)) return false;
            const bool past_last = action.key.type == ObjectType::List && !there &&
                                   process.machine.pass() == Collector::Pass::FirstOr;
            if (past_last) return stop(process), true;
            tell(process, load_for(*this, world, process, action.key));
            return true;
        }
        case Verb::Create: break;
        default: PERDURE_CHECK(false);
    }
    const bool has_set =
        action.key.type == ObjectType::List || action.key.type == ObjectType::Verdict;
    if (has_set && !process.has_content && cell(world.store, action.key) == 0)
        return decide_content(*this, world, process, action);
    if (defers(*this, action) && (!has_set || process.has_content)) {
        process.deferred = true;
        tell(process, Answer::done(action.key.number));
        return true;
    }
    if (cell(world.store, action.key) == 0) return false;
    tell(process, Answer::plain(AnswerKind::Exists));
    return true;
}

void Model::step_collector(const World& world, int collector, Successors& successors) const {
    const CollectorProcess& process = world.collectors[static_cast<std::size_t>(collector)];
    if (!process.running) return;
    Label label{"collector", collector, "", {}, static_cast<int>(process.machine.list())};
    const auto answered = [&](World& to, const Answer& answer) {
        tell(process_of(to, collector), answer);
    };
    if (is_due(process)) {
        World next = world;
        create(next.store, deferred_request(*this, world, process));
        process_of(next, collector).deferred = false;
        forget_content(process_of(next, collector));
        label.what = "does what it put off";
        settle(next);
        return successors.take(next, label);
    }
    Action action = process.machine.next();
    World next = world;
    CollectorProcess& moved = process_of(next, collector);
    if (action.verb == Verb::Wait) {
        moved.machine.on_answer(Answer::done());
        action = moved.machine.next();
    }
    if (action.verb == Verb::Load) {
        label.what = "does not find";
        label.key = action.key;
        tell(moved, load_for(*this, next, moved, action.key));
        settle(next);
        return successors.take(next, label);
    }
    if (is_create(action, ObjectType::List) && !process.has_content) {
        for (int variant = 0; variant < kVariants; ++variant) {
            World chosen = world;
            CollectorProcess& chooser = process_of(chosen, collector);
            chooser.condemns = condemned_by(*this, world.store, process, variant);
            chooser.has_content = true;
            forget_tally(chooser);
            settle(chosen);
            label.what = "chooses what to condemn";
            successors.take(chosen, label);
        }
        return;
    }
    send(next, request_of(moved, action), label, answered, successors);
}

}  // namespace perdure::protocol::search
