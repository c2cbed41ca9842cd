// The moves of the search: which states follow a state, and what must hold in each.
//
// Every process runs a machine of src/repo/protocol; the model is its driver and the store. A step
// is one request and its answer, and between two steps anything else may happen. Two reductions,
// both exact:
//  - An answer that can never change (an object that is there and is never removed, an absence that
//    no one can end) is given at once, for when it is given makes no difference to anyone.
//  - A process that crashes is one that takes no further step. As what must hold must hold in every
//    state, every crash at every step is covered without steps of its own; only collectors also
//    have a step that forgets everything and starts again.
#pragma once

#include <string>

#include "repo/protocol/reuse.h"
#include "scenario.h"
#include "world.h"

namespace perdure::protocol::search {

/// What a step was, for the trace of a violation.
struct Label {
    const char* who = "";
    int which = 0;
    const char* what = "";
    ObjectKey key;
    int detail = -1;
};
std::string to_string(const Label& label);

/// Takes the states that follow; may change them.
class Successors {
public:
    virtual ~Successors() = default;
    virtual void take(World& next, const Label& label) = 0;
};

class Model {
public:
    explicit Model(Scenario scenario);

    const Scenario& scenario() const { return scenario_; }
    World initial() const;
    void expand(const World& world, Successors& successors) const;
    /// What does not hold in this state; nullptr if all does.
    const char* violation(const World& world) const;

    // What follows is for the parts of the model; each part is a file.

    struct Request {
        ObjectKey key;
        Byte value = 0;
        LocationMask content = 0;
    };

    // model_store.cc
    const SessionPlan& plan(int session) const {
        return scenario_.sessions[static_cast<std::size_t>(session)];
    }
    int sessions() const { return static_cast<int>(scenario_.sessions.size()); }
    bool has_bug(Bug bug) const { return scenario_.bug == bug; }
    Byte cell(const Store& store, const ObjectKey& key) const;
    Answer create(Store& store, const Request& request) const;
    Answer read(const Store& store, const ObjectKey& key, Byte sent) const;
    int session_at(const Store& store, Writer writer, Number number) const;
    Number number_of(const Store& store, int session) const;
    bool has_begun(const Store& store, int session) const { return number_of(store, session) != 0; }
    bool protects(const Store& store, int session) const;
    bool is_superseded(const Store& store, int session) const;
    /// Whether the index of session `by` gives a location of `block` that counts at (pack, slot).
    bool location_counts(const Store& store, int block, int by, int pack, int slot) const;

    // model_session.cc
    void start_sessions(World& world) const;
    bool settle_session(World& world, int session) const;
    void step_session(const World& world, int session, Successors& successors) const;

    // model_choices.cc
    bool may_use(const World& world, int session, int block) const;
    void choose_blocks(const World& world, int session, Successors& successors) const;
    void choose_copies(const World& world, int session, Successors& successors) const;

    // model_collector.cc
    bool settle_collector(World& world, int collector) const;
    void step_collector(const World& world, int collector, Successors& successors) const;

    // model_environment.cc
    bool settle_enrolment(World& world) const;
    void step_environment(const World& world, Successors& successors) const;
    /// Sends a create, with every way it can go.
    template <class Tell>
    void send(const World& world, const Request& request, const Label& label, Tell tell,
              Successors& successors) const;

    void settle(World& world) const;

private:
    Scenario scenario_;
};

/// `tell(world, answer)` hands the answer to the process that sent the request.
template <class Tell>
void Model::send(const World& world, const Request& request, const Label& label, Tell tell,
                 Successors& successors) const {
    const auto emit = [&](World next, const Answer& answer, const char* what) {
        tell(next, answer);
        settle(next);
        Label labelled = label;
        labelled.what = what;
        labelled.key = request.key;
        successors.take(next, labelled);
    };
    World next = world;
    const Answer answer = create(next.store, request);
    emit(next, answer, answer.kind == AnswerKind::Done ? "creates" : "finds taken");
    if (world.faults == 0 || answer.kind != AnswerKind::Done) return;
    --next.faults;
    emit(next, Answer::plain(AnswerKind::Unclear), "creates, answer lost:");
    Pending& free = next.pending.front();  // in order, so a free place is the first
    if (free.value != 0) return;
    next.store = world.store;
    free = {request.key.type, static_cast<Byte>(request.key.writer),
            static_cast<Byte>(request.key.number), request.value, request.content};
    emit(next, Answer::plain(AnswerKind::Unclear), "sends, not applied yet:");
}

}  // namespace perdure::protocol::search
