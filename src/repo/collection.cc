#include "repo/collection.h"

#include <algorithm>

#include "base/in_order.h"
#include "base/try.h"
#include "repo/protocol/upkeep.h"

namespace perdure {

Collection::Collection(const Maintainer& maintainer, const CollectionRules& rules,
                       std::stop_token stop)
    : repository_(maintainer.repository()),
      rules_(rules),
      stop_(stop),
      driver_(maintainer, rules, stop) {}

// ------------------------------------------------------------------------------------ the plan

std::vector<Collection::Dropped> Collection::dropped() const {
    std::vector<Dropped> all;
    const std::int64_t now = repository_.clock().now().nanoseconds;
    const CollectionFacts& facts = driver_.facts();
    for (const auto& [k, known] : driver_.lists().lists()) {
        if (!known.verdict) continue;
        const std::int64_t not_before = known.verdict->not_before_ns;
        Dropped dropped{k, rules_.now || now >= not_before, not_before, {}};
        for (const BirthPack& pack : known.verdict->dropped) {
            const auto n = facts.registry().find(pack);
            if (n && number(*n) < facts.packs() && facts.pack(*n).stored)
                dropped.packs.push_back(*n);
        }
        if (!dropped.packs.empty()) all.push_back(std::move(dropped));
    }
    return all;
}

void Collection::describe_unused(const std::vector<PackNumber>& condemned,
                                 CollectionPlan& plan) const {
    const CollectionFacts& facts = driver_.facts();
    CollectionView view = driver_.view(0);
    for (const PackNumber n : condemned) view.leave(n);
    for (std::uint32_t i = 0; i < facts.packs(); ++i) {
        const PackNumber n{i};
        const auto& pack = facts.pack(n);
        if (!pack.stored) continue;
        plan.stored.add(pack.size);
        if (!pack.is_known || pack.slots == 0 || view.is_dropped(n) || view.is_leaving(n)) continue;
        const std::uint32_t dead = pack.slots - std::min(pack.slots, facts.live_blocks_of(n));
        if (dead == 0) continue;
        plan.partly_dead.add(pack.size);
        plan.unused += pack.size * dead / pack.slots;
    }
}

Result<CollectionPlan> Collection::plan() {
    protocol::Collector::Start start;
    start.skip_unfinished = true;
    start.tries = protocol::kDefaultTries;
    protocol::Collector machine(start);
    PERDURE_TRY(driver_.survey(machine));
    CollectionPlan plan;
    const auto condemned = PERDURE_TRY(driver_.condemned());
    const CollectionFacts& facts = driver_.facts();
    for (const PackNumber n : condemned) {
        if (!facts.pack(n).stored) continue;
        plan.condemnable.add(facts.pack(n).size);
        if (facts.is_orphan(n)) plan.orphaned.add(facts.pack(n).size);
    }
    describe_unused(condemned, plan);
    for (const auto& [k, known] : driver_.lists().lists()) {
        if (known.verdict) continue;
        plan.unfinished.push_back(k);
        for (const BirthPack& pack : known.list.packs) {
            const auto n = facts.registry().find(pack);
            if (n && number(*n) < facts.packs() && facts.pack(*n).stored)
                plan.listed.add(facts.pack(*n).size);
        }
    }
    for (const Dropped& dropped : this->dropped()) {
        for (const PackNumber n : dropped.packs) {
            const std::int64_t until = dropped.is_due ? PERDURE_TRY(locked_until(n)) : 0;
            PackAmount& amount = !dropped.is_due ? plan.in_grace
                                 : until > 0     ? plan.locked
                                                 : plan.due;
            amount.add(facts.pack(n).size);
            plan.locked_until_ns = std::max(plan.locked_until_ns, until);
        }
        if (!dropped.is_due)
            plan.grace_ends_ns = std::max(plan.grace_ends_ns, dropped.not_before_ns);
    }
    plan.points = driver_.counted_points();
    if (const auto may = driver_.may_condemn(condemned); !may) plan.refusal = may.error();
    return plan;
}

/// Until when Object Lock keeps an object; 0 if it does not, or there is none. A deletion there
/// would only hide it: in a bucket with versions the locked one stays, and takes the room it took.
Result<std::int64_t> Collection::ask_lock(const ObjectName& name, std::stop_token stop) const {
    if (!repository_.locks_objects()) return 0;
    const auto lock = repository_.store().locks()->lock_of(name, "", std::move(stop));
    const bool is_gone = !lock && lock.error().kind() == ErrorKind::NotFound;
    if (!lock && !is_gone) return lock.error();
    return is_gone || !*lock ? 0 : (*lock)->until_ns;
}

Result<std::int64_t> Collection::locked_until(PackNumber n) {
    const auto known = locked_until_.find(n);
    if (known != locked_until_.end()) return known->second;
    const std::int64_t until = PERDURE_TRY(ask_lock(driver_.facts().name_of(n), stop_));
    locked_until_.emplace(n, until);
    return until;
}

// ------------------------------------------------------------------------------------ carrying out

Result<bool> Collection::finish_begun(CollectionResult& result) {
    const auto is_unfinished = [&] {
        const auto& lists = driver_.lists().lists();
        return std::any_of(lists.begin(), lists.end(),
                           [](const auto& known) { return !known.second.verdict; });
    };
    while (is_unfinished()) {
        protocol::Collector machine(protocol::Collector::Start{});
        const bool complete = PERDURE_TRY(driver_.collect(machine));
        result.waiting = driver_.waiting();
        if (!complete) return false;
    }
    return true;
}

Result<bool> Collection::collect(CollectionResult& result) {
    protocol::Collector machine(protocol::Collector::Start{});
    const bool complete = PERDURE_TRY(driver_.collect(machine));
    result.waiting = driver_.waiting();
    if (driver_.is_empty()) return true;
    result.list = machine.list();
    for (const BirthPack& pack : driver_.lists().find(machine.list())->list.packs) {
        const auto n = driver_.facts().registry().find(pack);
        if (n && number(*n) < driver_.facts().packs() && driver_.facts().pack(*n).stored)
            result.condemned.add(driver_.facts().pack(*n).size);
    }
    return complete;
}

/// A verdict lets go of what its list condemned, and of nothing else.
bool Collection::may_remove(const BirthPack& pack, PackNumber* number_of) const {
    const CollectionFacts& facts = driver_.facts();
    const auto n = facts.registry().find(pack);
    if (!n || number(*n) >= facts.packs() || !facts.pack(*n).stored) return false;
    *number_of = *n;
    return deleting_.contains(pack);
}

/// Several at a time; what fails is tried again by name.
Result<void> Collection::remove_ahead(const ObeyedList& judged) {
    struct Due {
        BirthPack pack;
        PackNumber n;
        std::optional<std::int64_t> locked_until;
    };
    std::vector<Due> due;
    for (const BirthPack& pack : judged.verdict->dropped) {
        PackNumber n{};
        if (!may_remove(pack, &n)) continue;
        const auto known = locked_until_.find(n);
        if (known == locked_until_.end())
            due.push_back({pack, n, std::nullopt});
        else if (known->second == 0)
            due.push_back({pack, n, 0});
    }
    const InOrder order = order_records(repository_.store(), due.size());
    using LockedUntil = Result<std::int64_t>;  // 0: removed
    return make_in_order<LockedUntil>(
        order,
        [&](std::size_t i, std::stop_token stop) -> Result<LockedUntil> {
            const ObjectName& name = driver_.facts().name_of(due[i].n);
            const LockedUntil until =
                due[i].locked_until ? LockedUntil(*due[i].locked_until) : ask_lock(name, stop);
            if (!until || *until > 0) return until;
            const auto removed = repository_.store().remove(name, std::move(stop));
            return removed ? until : LockedUntil(removed.error());
        },
        [&](std::size_t i, const LockedUntil& until) -> Result<void> {
            if (!until) return {};
            locked_until_.emplace(due[i].n, *until);
            if (*until == 0) removed_.insert(due[i].pack);
            return {};
        },
        stop_);
}

/// Done also if it is not there: any number of maintainers may delete, any number of times.
protocol::Answer Collection::remove(std::uint64_t k, std::uint64_t place,
                                    CollectionResult& result) {
    const BirthPack& pack = driver_.lists().find(k)->verdict->dropped[place];
    PackNumber n{};
    if (!may_remove(pack, &n)) return protocol::Answer::done();
    const auto refuse = [&](const Error& error) {
        remove_error_ = error;
        return protocol::Answer::plain(answer_kind_of(error));
    };
    const auto until = locked_until(n);
    if (!until) return refuse(until.error());
    if (*until > 0) {
        result.locked.add(driver_.facts().pack(n).size);
        result.locked_until_ns = std::max(result.locked_until_ns, *until);
        return protocol::Answer::done();
    }
    if (!removed_.contains(pack)) {
        const auto removed = repository_.store().remove(driver_.facts().name_of(n), stop_);
        if (!removed) return refuse(removed.error());
    }
    result.deleted.add(driver_.facts().pack(n).size);
    driver_.note_removed(n);
    return protocol::Answer::done();
}

Result<void> Collection::delete_list(std::uint64_t k, CollectionResult& result) {
    const auto& listed = driver_.lists().find(k)->list.packs;
    deleting_ = {listed.begin(), listed.end()};
    removed_.clear();
    PERDURE_TRY(remove_ahead(*driver_.lists().find(k)));
    protocol::DeleteStep machine(k);
    while (true) {
        const protocol::Action step = machine.next();
        if (step.verb == protocol::Verb::Done) return {};
        if (step.verb == protocol::Verb::Failed)
            return remove_error_.value_or(Error(ErrorKind::Unavailable, "no clear answer"))
                .context("deleting what " + names::verdict(k).text() + " drops");
        if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        if (step.verb == protocol::Verb::Remove) {
            machine.on_answer(remove(k, step.key.pack, result));
        } else {
            const protocol::VerdictRecord record{driver_.lists().find(k)->verdict->dropped.size()};
            machine.on_answer(protocol::Answer::found(record, 1, false));
        }
    }
}

Result<void> Collection::delete_due(CollectionResult& result) {
    result.in_grace = result.locked = {};
    for (const Dropped& dropped : this->dropped()) {
        if (dropped.is_due) {
            PERDURE_TRY(delete_list(dropped.list, result));
            continue;
        }
        for (const PackNumber n : dropped.packs) result.in_grace.add(driver_.facts().pack(n).size);
        result.grace_ends_ns = std::max(result.grace_ends_ns, dropped.not_before_ns);
    }
    result.fenced = driver_.fenced();
    result.problems = driver_.problems();
    return {};
}

Result<void> Collection::delete_indexes(CollectionResult& result) {
    // Where nothing was ever condemned, a check takes a missing index for damage.
    if (driver_.lists().lists().empty()) return {};
    const std::vector<SessionName> needless = driver_.needless_indexes();
    const InOrder order = order_records(repository_.store(), needless.size());
    return make_in_order<bool>(
        order,
        [&](std::size_t i, std::stop_token stop) -> Result<bool> {
            const ObjectName name = names::index(needless[i]);
            if (PERDURE_TRY(ask_lock(name, stop)) > 0) return false;
            PERDURE_TRY(repository_.store().remove(names::hints(needless[i]), stop));
            PERDURE_TRY(repository_.store().remove(name, stop));
            repository_.forget_record(name);
            return true;
        },
        [&](std::size_t, bool deleted) -> Result<void> {
            if (deleted) ++result.indexes;
            return {};
        },
        stop_);
}

}  // namespace perdure
