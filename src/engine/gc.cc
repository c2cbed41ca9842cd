#include "engine/gc.h"

#include <map>
#include <optional>
#include <string>

#include "base/try.h"

namespace perdure {

namespace {

/// The view a repack copies by: what goes anyway is no place to leave a block at.
Result<CollectionView> view_of(Collection& collection) {
    CollectionView view = collection.driver().view(0);
    for (const PackNumber n : PERDURE_TRY(collection.driver().condemned())) view.leave(n);
    return view;
}

Result<void> repack(const Repository& repository, const WriterIdentity& identity,
                    Collection& collection, const CollectionView& view, const RepackPlan& plan,
                    const GcOptions& options, RepackResult& result, std::stop_token stop) {
    SessionOptions session;
    session.purpose = SessionPurpose::Repack;
    session.host = options.rules.host;
    session.pack_size = repository.store().properties().pack_size;
    const auto copy = [&](WriteSession& into) {
        return copy_live_blocks(repository, collection.driver().facts(), view, plan, into, result,
                                stop);
    };
    const auto done = WriteSession::repack(repository, identity, LocalCache(), session, copy, stop);
    if (!done) return done.error();
    return {};
}

/// A session a class: a horizon speaks of all packs of a session (lock_horizon.h).
std::map<std::string, RepackPlan> by_class(const CollectionFacts& facts, const RepackPlan& plan) {
    std::map<std::string, RepackPlan> plans;
    for (const PackNumber n : plan.packs) {
        const auto name = names::parse_pack(facts.name_of(n).text());
        plans[name ? name->retention_class : ""].packs.push_back(n);
    }
    return plans;
}

/// A full store has no room for copies, but what goes whole makes some: the run did what it could,
/// and says what is left to do. An error only if it could do nothing.
Result<void> settle_full_store(const Error& no_room, GcResult& result) {
    if (result.collection.deleted.packs == 0 && result.collection.condemned.packs == 0)
        return no_room;
    result.repack.problems.push_back(
        {"packs/", "what is needed in part stays as it is, there was no room to copy it: " +
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
        for (const auto& [name, part] : by_class(collection.driver().facts(), plan.repack)) {
            const RepackResult before = result.repack;
            const auto done = repack(maintainer.repository(), as, collection, view, part, options,
                                     result.repack, stop);
            if (done) continue;
            if (done.error().kind() != ErrorKind::NoSpace) return done.error();
            no_room = done.error();
            result.repack = before;
            break;
        }
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
