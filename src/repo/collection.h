// A whole collection of a repository: what could go, as a plan, and carrying it out.
//
// Lists that were begun by anyone are finished first, then a new one is made; what verdicts drop is
// deleted after its grace period. A run that has to wait for a session ends there: the next one, of
// any maintainer, carries on.
#pragma once

#include <map>
#include <unordered_set>

#include "repo/collector_driver.h"

namespace perdure {

struct CollectionPlan {
    std::size_t points = 0;          // and checkpoints, that keep blocks
    PackAmount stored;               // all packs
    PackAmount condemnable;          // nothing needs them, or all that is needed lies elsewhere too
    PackAmount orphaned;             // of these: of sessions that ended without naming them
    PackAmount listed;               // on lists that are not finished
    PackAmount in_grace;             // dropped by a verdict, not yet to be deleted
    PackAmount due;                  // dropped by a verdict, to be deleted now
    std::uint64_t unused = 0;        // dead bytes in packs that stay, about
    PackAmount partly_dead;          // the packs with them
    std::int64_t grace_ends_ns = 0;  // of the last one in grace
    PackAmount locked;               // would be due, but Object Lock keeps them
    std::int64_t locked_until_ns = 0;       // the last of these
    std::vector<std::uint64_t> unfinished;  // lists
    std::optional<Error> refusal;           // why nothing would be condemned
};

struct CollectionResult {
    PackAmount condemned;  // by the list this run made
    PackAmount deleted;
    PackAmount in_grace;
    std::int64_t grace_ends_ns = 0;
    PackAmount locked;  // dropped by a verdict, and kept by Object Lock: a later run deletes them
    std::int64_t locked_until_ns = 0;  // the last of these
    std::uint64_t list = 0;            // made by this run
    std::uint64_t settled = 0;         // numbers that a closed record states now
    std::uint64_t indexes = 0;         // deleted, of expired points whose packs are all gone
    std::vector<OpenSession> waiting;
    std::vector<SessionName> fenced;
    std::vector<Problem> problems;
};

class Collection {
public:
    Collection(const Maintainer&, const CollectionRules&, std::stop_token);

    /// Changes nothing.
    Result<CollectionPlan> plan();
    /// After plan(): finishes lists that were begun. False if it waits.
    Result<bool> finish_begun(CollectionResult&);
    /// Makes a list of what can go now and carries it as far as can be. False if it waits.
    Result<bool> collect(CollectionResult&);
    /// Deletes what verdicts drop and whose grace period is over.
    Result<void> delete_due(CollectionResult&);
    /// Then the indexes and hints that nothing needs any more.
    Result<void> delete_indexes(CollectionResult&);

    CollectorDriver& driver() { return driver_; }

private:
    struct Dropped {
        std::uint64_t list;
        bool is_due;
        std::int64_t not_before_ns;
        std::vector<PackNumber> packs;  // still stored
    };
    std::vector<Dropped> dropped() const;
    Result<void> delete_list(std::uint64_t k, CollectionResult&);
    Result<void> remove_ahead(const ObeyedList&);
    bool may_remove(const BirthPack&, PackNumber*) const;
    protocol::Answer remove(std::uint64_t k, std::uint64_t place, CollectionResult&);
    Result<std::int64_t> locked_until(PackNumber);
    Result<std::int64_t> ask_lock(const ObjectName&, std::stop_token) const;
    void describe_unused(const std::vector<PackNumber>& condemned, CollectionPlan&) const;

    const Repository& repository_;
    const CollectionRules& rules_;
    const std::stop_token stop_;
    CollectorDriver driver_;
    std::unordered_set<BirthPack, BirthPackHash> deleting_;  // of the list whose verdict is applied
    // What was removed before the machine asked for it: any number of maintainers may, in any
    // order.
    std::unordered_set<BirthPack, BirthPackHash> removed_;
    std::optional<Error> remove_error_;
    std::map<PackNumber, std::int64_t> locked_until_;  // as the store has answered; 0: not locked
};

}  // namespace perdure
