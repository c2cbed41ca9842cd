// A repository under the real engine for a few days: hosts back up, maintainers forget, collect,
// copy, replicate and repair, one run in the middle of another, over stores that fail as stores
// may; and what was promised meanwhile, which is held against what is there.
//
// A seed decides everything but the order in which the threads of one run call the store: those of
// a backup that store packs, and, in a quarter of the seeds, those that read records.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/gc.h"
#include "engine/repair.h"
#include "repo/maintainer.h"
#include "run_store.h"
#include "store/memory_store.h"
#include "support/gc_runs.h"
#include "support/temp_dir.h"

namespace perdure::sim {

struct PlantedBug;

/// What every seed begins with, made once: a repository with two writers and two maintainers, a
/// replica of it, and a repository with keys of its own.
struct Start {
    Start();

    MemoryStore::Contents main, replica, copy;
    std::vector<WriterIdentity> writers, maintainers;
    WriterIdentity replicator, copier;
};

/// Which of the three stores.
enum class Place { Main, Replica, Copy };
/// Who runs, for planted bugs.
enum class RunKind { Backup, Collector, Expirer, Copier, Repairer, Reader };

struct Totals {
    Traffic traffic;
    std::uint64_t runs = 0, backups = 0, points_kept = 0, points_expired = 0, collections = 0;
    std::uint64_t packs_deleted = 0, repacked_blocks = 0, copied = 0, replicated = 0, repairs = 0;
    std::uint64_t restored = 0, checks = 0;
    std::uint64_t worst_amplification = 0;  // per cent, of a seed
};

class World {
public:
    /// `bug` may be null.
    World(const Start& start, std::uint64_t seed, const PlantedBug* bug, Totals& totals);
    ~World();

    /// "" if every promise was kept, else which one was not.
    std::string run();

    // ---- for planted bugs
    MemoryStore& memory(Place place) { return stores_.at(place); }
    const MemoryStore& memory(Place place) const { return stores_.at(place); }
    SeededRandom& bug_random() { return bug_random_; }
    SimClock& clock() { return clock_; }
    /// Signs as a maintainer of the main repository.
    const Maintainer& forger();

private:
    struct Attempt {
        int writer;
        Roots roots;
    };

    // ---- one run of the program
    Conditions weather();
    Run make_run(Place, RunKind, Conditions);
    std::unique_ptr<Store> planted(Place, RunKind, Store&);
    Result<std::unique_ptr<Repository>> open(Store&, const WriterIdentity&);
    Result<std::unique_ptr<Repository>> open_as_owner(Store&, Place);
    std::string describe(const std::string& what, const Error&) const;

    void step();
    void do_anything();
    void back_up(int writer, const Conditions&, bool must_succeed);
    Result<SessionName> try_backup(Store&, int writer, const Roots&);
    void change_tree(int writer);
    Roots roots_of(int writer) const;
    void forget(const Conditions&);
    Result<void> expire_one(const Repository&);
    Result<void> forget_by_policy(const Repository&);
    void collect(Place, const Conditions&, bool must_succeed);
    void restore_some(const Conditions&);
    void check_some(const Conditions&);
    void copy(const Conditions&);
    void replicate(const Conditions&, bool must_succeed);
    void damage_and_repair(const Conditions&);
    std::string damage_one();
    void jump();

    // ---- the oracle
    void violated(const std::string& what);
    void trace(const std::string& text) const;
    void trace_repair(const Result<RepairResult>&) const;
    /// Against what is in the stores now, through nothing.
    void look(const std::string& when);
    void look_at_main(const std::string& when);
    void look_at_copies(const std::string& when);
    void look_at_unknown(const Repository&, const Point&, const std::string& when);
    void finish();
    void expect_clean_check(Place, const std::string& when);
    void expect_space_is_freed();
    void expect_few_retries();

    const Start& start_;
    const std::uint64_t seed_;
    const PlantedBug* const bug_;
    Totals& totals_;
    Traffic traffic_;
    SeededRandom random_;
    SeededRandom bug_random_;
    SharedRandom keys_;
    SimClock clock_;
    std::map<Place, MemoryStore> stores_;
    std::unique_ptr<TempDir> caches_;
    int depth_ = 0;
    std::uint64_t next_run_ = 0;
    std::uint32_t profile_ = 0;
    std::uint32_t connections_ = 1;
    std::vector<MemoryTree> trees_;
    Kept kept_;                              // acknowledged and not expired
    std::map<SessionName, Roots> all_;       // ever acknowledged, in main
    std::set<SessionName> expired_;          // acknowledged to be
    std::set<SessionName> perhaps_expired_;  // the answer was an error
    std::set<SessionName> taken_;            // by a policy, also before they were acknowledged
    std::set<SessionName> protected_, perhaps_protected_;
    std::map<SessionName, SessionName> replicated_;
    std::map<SessionName, Roots> copied_;  // by the name there
    std::vector<Attempt> attempts_;        // backups that failed, or may have
    std::unique_ptr<Repository> forger_repository_;
    std::optional<Maintainer> forger_;
    std::string violation_;
};

}  // namespace perdure::sim
