#include <span>

#include "model.h"

namespace perdure::protocol::search {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }
BlockMask bit_of(int block) { return static_cast<BlockMask>(1u << block); }

void put(Store& store, int pack, int slot, int block) {
    store.pack[at(pack)] = kPresent;
    store.slots[at(pack)][at(slot)] = static_cast<Byte>(block + 1);
}

}  // namespace

/// may_reuse() over every location that any index ever gave, however old the knowledge, against the
/// lists as the session read them.
bool Model::may_use(const World& world, int session, int block) const {
    const SessionProcess& process = world.sessions[at(session)];
    const Store& store = world.store;
    std::array<Location, kMaxSessions> known;
    std::size_t count = 0;
    for (int by = 0; by < sessions(); ++by) {
        if (store.pack[at(by)] == kNever || store.index[at(by)] == kNever) continue;
        for (int slot = 0; slot < kClasses; ++slot) {
            if (held_block(store, by, slot) != block) continue;
            if (!location_counts(store, block, by, by, slot)) continue;
            known[count++] = {static_cast<PackToken>(by), static_cast<std::uint32_t>(slot)};
        }
    }
    const auto is_blocked = [&](const Location& location) {
        const auto pack = static_cast<unsigned>(location.pack);
        for (std::size_t k = 1; k <= process.obeys; ++k) {
            ListOpinion opinion;
            const unsigned place = pack * kClasses + location.slot;
            opinion.condemned = (process.lists >> k & 1) != 0 && (store.list[k] >> place & 1) != 0;
            opinion.has_verdict = (process.verdicts >> k & 1) != 0;
            opinion.dropped = (store.verdict[k] >> pack & 1) != 0;
            if (blocks(opinion)) return true;
        }
        return false;
    };
    return may_reuse(std::span(known.data(), count), is_blocked);
}

namespace {

/// Gathers what a session will commit, content by content, over every choice it has.
class Choices {
public:
    Choices(const Model& model, const World& world, int session, Successors& successors)
        : model_(model), world_(world), session_(session), successors_(successors) {}

    void choose(World next, int content) {
        if (content == kClasses) return commit(next);
        if ((model_.plan(session_).wants >> content & 1) == 0) return choose(next, content + 1);
        bool can_reuse = false;
        for (int other = 0; other < model_.sessions(); ++other) {
            const int block = block_of(other, content);
            if (other == session_ || !is_usable(block)) continue;
            can_reuse = true;
            World reusing = next;
            reusing.store.needs[at(session_)] |= bit_of(block);
            choose(reusing, content + 1);
        }
        if (can_reuse && !model_.scenario().writes_anew) return;
        if (model_.has_bug(Bug::PackNameAgain) && upload_again(next, content)) return;
        write(next, content);
        choose(next, content + 1);
    }

private:
    bool is_usable(int block) const {
        const Store& store = world_.store;
        const int carried = world_.sessions[at(session_)].carried - 1;
        if (model_.has_bug(Bug::CarryWithoutTest) && carried >= 0 &&
            (store.needs[at(carried)] & bit_of(block)) != 0)
            return true;
        const int born = block / kClasses;
        if (model_.has_bug(Bug::AdoptedOrphans) && store.ending[at(born)] == kFenced &&
            held_block(store, born, block % kClasses) == block && store.pack[at(born)] == kPresent)
            return true;
        return model_.may_use(world_, session_, block);
    }

    void write(World& next, int content) const {
        Store& store = next.store;
        const int block = block_of(session_, content);
        put(store, session_, content, block);
        store.needs[at(session_)] |= bit_of(block);
    }

    /// PackNameAgain: what was deleted under a name is put there again.
    bool upload_again(const World& world, int content) {
        for (int pack = 0; pack < model_.sessions(); ++pack) {
            const int block = block_of(pack, content);
            if (world.store.pack[at(pack)] != kGone) continue;
            if (held_block(world.store, pack, content) != block) continue;
            World next = world;
            next.store.pack[at(pack)] = kPresent;
            next.store.needs[at(session_)] |= bit_of(block);
            choose(next, content + 1);
            return true;
        }
        return false;
    }

    void commit(World& next) const {
        const SessionPlan& plan = model_.plan(session_);
        SessionProcess& process = next.sessions[at(session_)];
        EndRecord record{plan.ends, 1, 0};
        const int superseded = next.store.supersedes[at(session_)] - 1;
        if (superseded >= 0) record.supersedes = model_.number_of(next.store, superseded);
        process.machine.emplace<SessionCommit>(plan.writer, process.number, record,
                                               model_.scenario().tries);
        process.phase = Phase::Commit;
        process.obeys = process.lists = process.verdicts = process.carried = 0;
        const int needs = next.store.needs[at(session_)];
        model_.settle(next);
        successors_.take(next, Label{"session", session_, "will commit blocks", {}, needs});
    }

    const Model& model_;
    const World& world_;
    const int session_;
    Successors& successors_;
};

}  // namespace

void Model::choose_blocks(const World& world, int session, Successors& successors) const {
    Choices(*this, world, session, successors).choose(world, 0);
}

/// A repack may take any pack that an index gives, and copies what is live in it just now.
void Model::choose_copies(const World& world, int session, Successors& successors) const {
    BlockMask live = 0;
    for (int s = 0; s < sessions(); ++s)
        if (protects(world.store, s)) live |= world.store.needs[at(s)];
    for (int from = 0; from < sessions(); ++from) {
        if (world.store.pack[at(from)] != kPresent) continue;
        World next = world;
        bool copied = false;
        for (int slot = 0; slot < kClasses; ++slot) {
            const int block = held_block(world.store, from, slot);
            if (block < 0 || (live & bit_of(block)) == 0) continue;
            if (!location_counts(world.store, block, from, from, slot)) continue;
            copied = true;
            put(next.store, session, slot, block);
        }
        if (!copied) continue;
        auto& repack = std::get<RepackStep>(next.sessions[at(session)].machine);
        repack.on_answer(Answer::done(1));
        settle(next);
        successors.take(next, Label{"repack", session, "copies pack", {}, from});
    }
    World next = world;
    std::get<RepackStep>(next.sessions[at(session)].machine)
        .on_answer(Answer::plain(AnswerKind::Refused));
    settle(next);
    successors.take(next, Label{"repack", session, "copies nothing", {}, -1});
}

}  // namespace perdure::protocol::search
