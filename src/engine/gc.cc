#include "engine/gc.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/try.h"

namespace perdure {

namespace {

/// The view a repack copies by: what goes anyway is no place to leave a block at.
Result<CollectionView> view_of(Collection& collection) {
    CollectionView view = collection.driver().view(0);
    for (const PackNumber n : PERDURE_TRY(collection.driver().condemned())) view.leave(n);
    return view;
}

// A repack and the list after it write about ten records, each at least a block of the disk: on a
// full store a pack that frees less than this is no gain.
constexpr std::uint64_t kLeastGain = 64U << 10;

/// A session a class: a horizon speaks of all packs of a session (lock_horizon.h).
std::map<std::string, RepackPlan> by_class(const CollectionFacts& facts, const RepackPlan& plan) {
    std::map<std::string, RepackPlan> plans;
    for (const RepackSource& source : plan.packs) {
        const auto name = names::parse_pack(facts.name_of(source.pack).text());
        plans[name ? name->retention_class : ""].packs.push_back(source);
    }
    return plans;
}

/// Of what is worth it on a full store as many packs as make `most_live` bytes, those first that
/// take the least room; one of them in any case.
RepackPlan part_of(const RepackPlan& plan, std::uint64_t most_live) {
    std::vector<RepackSource> sources = plan.packs;
    std::erase_if(sources, [](const RepackSource& s) { return s.dead < kLeastGain; });
    std::sort(sources.begin(), sources.end(), [](const RepackSource& a, const RepackSource& b) {
        return std::tuple(a.live, a.pack) < std::tuple(b.live, b.pack);
    });
    RepackPlan part;
    for (const RepackSource& source : sources) {
        if (!part.packs.empty() && part.live_bytes + source.live > most_live) break;
        part.packs.push_back(source);
        part.live_bytes += source.live;
    }
    return part;
}

/// Copies out of packs that are needed in part. On a store that fills up meanwhile what was
/// published counts: packs that were copied whole can go, and make room for the rest.
class Repacker {
public:
    Repacker(const Repository& repository, const CollectionFacts& facts, const CollectionView& view,
             const GcOptions& options, RepackResult& result, std::stop_token stop)
        : repository_(repository),
          facts_(facts),
          view_(view),
          options_(options),
          result_(result),
          stop_(std::move(stop)) {}

    Result<void> run(const WriterIdentity&, RepackPlan);
    /// Why not all of it was copied, if it is the store that is full.
    const std::optional<Error>& no_room() const { return no_room_; }

private:
    /// False if there was no room for all of it.
    Result<bool> copy(const WriterIdentity&, const RepackPlan&);
    Result<bool> copy_class(const WriterIdentity&, const RepackPlan&);
    std::uint64_t pack_size() const { return repository_.store().properties().pack_size; }

    const Repository& repository_;
    const CollectionFacts& facts_;
    const CollectionView& view_;
    const GcOptions& options_;
    RepackResult& result_;
    const std::stop_token stop_;
    std::optional<Error> no_room_;
};

/// What does not fit would not fit at the next run either, so until something was copied each try
/// is for a quarter as much. Not for half: each takes a number, and records of the room there is.
Result<void> Repacker::run(const WriterIdentity& identity, RepackPlan plan) {
    bool fits = PERDURE_TRY(copy(identity, plan));
    while (!fits && result_.bytes == 0) {
        RepackPlan part = part_of(plan, std::min(plan.live_bytes, pack_size()) / 4);
        if (part.packs.empty() || part.packs.size() == plan.packs.size()) break;
        plan = std::move(part);
        fits = PERDURE_TRY(copy(identity, plan));
    }
    return {};
}

Result<bool> Repacker::copy(const WriterIdentity& identity, const RepackPlan& plan) {
    for (const auto& [name, part] : by_class(facts_, plan))
        if (!PERDURE_TRY(copy_class(identity, part))) return false;
    return true;
}

Result<bool> Repacker::copy_class(const WriterIdentity& identity, const RepackPlan& plan) {
    SessionOptions session;
    session.purpose = SessionPurpose::Repack;
    session.host = options_.rules.host;
    session.pack_size = pack_size();
    const RepackResult before = result_;
    bool fits = true;
    const auto copy_into = [&](WriteSession& into) -> Result<void> {
        auto copied = copy_live_blocks(repository_, facts_, view_, plan, into, result_, stop_);
        if (copied || copied.error().kind() != ErrorKind::NoSpace) return copied;
        if (into.bytes_published() == 0) return copied;
        no_room_ = std::move(copied).error();
        fits = false;
        return {};
    };
    const auto done =
        WriteSession::repack(repository_, identity, LocalCache(), session, copy_into, stop_);
    if (done) return fits;
    if (done.error().kind() != ErrorKind::NoSpace) return done.error();
    result_ = before;
    no_room_ = done.error();
    return false;
}

/// A full store has no room for copies, but what goes makes some: the run did what it could, and
/// says what is left to do. An error only if it could do nothing.
Result<void> settle_full_store(const Error& no_room, GcResult& result) {
    if (result.collection.deleted.packs == 0 && result.collection.condemned.packs == 0)
        return no_room;
    result.repack.problems.push_back(
        {"packs/", "what is needed in part stays where there was no room to copy it: " +
                       no_room.describe() + "; run gc again"});
    return {};
}

}  // namespace

Result<GcResult> run_gc(const Maintainer& maintainer, const RepackIdentity& identity,
                        const GcOptions& options, const std::function<void(const GcPlan&)>& on_plan,
                        std::stop_token stop) {
    Collection collection(maintainer, options.rules, stop);
    GcPlan plan;
    plan.collection = PERDURE_TRY(collection.plan());
    CollectionView view = PERDURE_TRY(view_of(collection));
    if (!plan.collection.refusal)
        plan.repack = plan_repack(collection.driver().facts(), view, options.repack);
    on_plan(plan);
    GcResult result;
    if (options.dry_run) return result;
    PERDURE_TRY(collection.delete_due(result.collection));
    const bool finished = PERDURE_TRY(collection.finish_begun(result.collection));
    if (!finished) {
        PERDURE_TRY(collection.delete_due(result.collection));
        return result;
    }
    if (plan.collection.refusal) return *plan.collection.refusal;
    std::optional<Error> no_room;
    if (!plan.repack.packs.empty()) {
        const WriterIdentity as = PERDURE_TRY(identity());
        Repacker repacker(maintainer.repository(), collection.driver().facts(), view, options,
                          result.repack, stop);
        PERDURE_TRY(repacker.run(as, plan.repack));
        no_room = repacker.no_room();
    }
    PERDURE_TRY(collection.collect(result.collection));
    PERDURE_TRY(collection.delete_due(result.collection));
    PERDURE_TRY(collection.delete_indexes(result.collection));
    if (no_room) {
        PERDURE_TRY(settle_full_store(*no_room, result));
        return result;
    }
    result.collection.settled = PERDURE_TRY(collection.driver().settle());
    result.merged = PERDURE_TRY(write_merges(maintainer, options.merges, stop));
    return result;
}

}  // namespace perdure
