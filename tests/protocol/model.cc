#include "model.h"

#include <algorithm>

#include "base/check.h"

namespace perdure::protocol::search {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

const char* type_name(ObjectType type) {
    switch (type) {
        case ObjectType::LogEntry: return "log";
        case ObjectType::Enrolment: return "writers";
        case ObjectType::Ending: return "points";
        case ObjectType::Index: return "index";
        case ObjectType::List: return "gc";
        case ObjectType::Verdict: return "verdict";
        case ObjectType::Fate: return "fate";
        case ObjectType::Closed: return "closed";
        case ObjectType::Pack: return "packs";
    }
    return "?";
}

}  // namespace

std::string to_string(const Label& label) {
    std::string text =
        std::string(label.who) + " " + std::to_string(label.which) + " " + label.what;
    if (label.key.number != 0) {
        text += std::string(" ") + type_name(label.key.type) + "/";
        text += std::to_string(label.key.writer) + "/" + std::to_string(label.key.number);
    }
    if (label.detail >= 0) text += " (" + std::to_string(label.detail) + ")";
    return text;
}

Model::Model(Scenario scenario) : scenario_(std::move(scenario)) {
    PERDURE_CHECK(scenario_.sessions.size() <= kMaxSessions);
    PERDURE_CHECK(scenario_.lists <= kMaxLists && scenario_.collectors <= kMaxCollectors);
    PERDURE_CHECK(scenario_.writers + (scenario_.late_writer ? 1 : 0) <= kMaxWriters);
}

World Model::initial() const {
    World world;
    for (int w = 0; w < scenario_.writers; ++w)
        world.store.enrolments[at(w + 1)] = static_cast<Byte>(w + 1);
    for (int s = 0; s < sessions(); ++s) {
        if (plan(s).role != Role::Initial) continue;
        auto& log = world.store.log[plan(s).writer];
        *std::find(log.begin() + 1, log.end(), Byte{0}) = static_cast<Byte>(s + 1);
        world.store.ending[at(s)] = kReal;
        world.store.index[at(s)] = kPresent;
        world.store.pack[at(s)] = kPresent;
        for (int content = 0; content < kClasses; ++content) {
            if ((plan(s).wants >> content & 1) == 0) continue;
            const int block = block_of(s, content);
            world.store.slots[at(s)][at(content)] = static_cast<Byte>(block + 1);
            world.store.needs[at(s)] |= static_cast<BlockMask>(1u << block);
        }
        world.sessions[at(s)].phase = Phase::Over;
    }
    if (scenario_.late_writer) {
        const auto late = static_cast<Writer>(scenario_.writers);
        world.enrolling = true;
        world.enrolment =
            LogAppend(LogName::of_enrolments(), LogEntry{EntryKind::Certificate, 0, late, 0},
                      LogHead(), 0, scenario_.tries);
    }
    world.faults = static_cast<Byte>(scenario_.faults);
    start_sessions(world);
    settle(world);
    return world;
}

void Model::settle(World& world) const {
    bool moved = true;
    while (moved) {
        moved = settle_enrolment(world);
        for (int s = 0; s < sessions(); ++s)
            while (settle_session(world, s)) moved = true;
        for (int c = 0; c < scenario_.collectors; ++c)
            while (settle_collector(world, c)) moved = true;
    }
    for (Pending& pending : world.pending) {
        const ObjectKey key{pending.type, pending.writer, pending.number, 0};
        if (pending.value != 0 && cell(world.store, key) != 0) pending = Pending();
    }
    std::sort(world.pending.begin(), world.pending.end());
}

void Model::expand(const World& world, Successors& successors) const {
    for (int s = 0; s < sessions(); ++s) step_session(world, s, successors);
    for (int c = 0; c < scenario_.collectors; ++c) step_collector(world, c, successors);
    step_environment(world, successors);
}

namespace {

/// Whether a block can be read: a pack that is there, at a place that an index there states.
bool can_be_read(const Model& model, const Store& store, int block, int own_session) {
    for (int by = 0; by < model.sessions(); ++by) {
        if (store.pack[at(by)] != kPresent) continue;
        for (int slot = 0; slot < kClasses; ++slot) {
            if (held_block(store, by, slot) != block) continue;
            if (by == own_session || model.has_bug(Bug::AdoptedOrphans)) return true;
            if (store.index[at(by)] == kPresent &&
                model.location_counts(store, block, by, by, slot))
                return true;
        }
    }
    return false;
}

bool can_all_be_read(const Model& model, const Store& store, BlockMask needs, int own_session) {
    for (int block = 0; block < kMaxSessions * kClasses; ++block)
        if ((needs >> block & 1) != 0 && !can_be_read(model, store, block, own_session))
            return false;
    return true;
}

}  // namespace

const char* Model::violation(const World& world) const {
    const Store& store = world.store;
    for (int s = 0; s < sessions(); ++s) {
        const SessionProcess& process = world.sessions[at(s)];
        const bool committed = store.ending[at(s)] == kReal;
        if (process.report == Report::Success && !committed)
            return store.ending[at(s)] == kFenced ? "a fenced session reported success"
                                                  : "success reported, nothing committed";
        if (committed && protects(store, s)) {
            if (store.index[at(s)] != kPresent) return "a kept point has lost its index";
            if (!can_all_be_read(*this, store, store.needs[at(s)], -1))
                return "a kept point needs a block that is gone";
        }
        const bool relies = process.phase == Phase::Commit || process.phase == Phase::Reading;
        if (relies && store.ending[at(s)] == kOpen &&
            !can_all_be_read(*this, store, store.needs[at(s)], s))
            return process.phase == Phase::Reading ? "a reader's block is gone"
                                                   : "a running session's block is gone";
    }
    return nullptr;
}

}  // namespace perdure::protocol::search
