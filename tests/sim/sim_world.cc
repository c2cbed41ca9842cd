#include "sim_world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/try.h"
#include "engine/copy.h"
#include "engine/forget.h"
#include "engine/replicate.h"
#include "planted.h"
#include "repo/session_cache.h"

namespace perdure::sim {

namespace {

constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr int kWriters = 2;
const char* const kPassword = "correct horse";

std::string host_of(int writer) { return "h" + std::to_string(writer); }

Result<std::unique_ptr<Repository>> open_by_password(Store& store, Clock& clock, Random& random) {
    Credentials credentials;
    credentials.passphrase = Passphrase(kPassword);
    return Repository::open(store, credentials, clock, random, {});
}

template <class T>
T must(Result<T> result) {
    EXPECT_TRUE(result) << result.error().describe();
    return std::move(*result);
}

std::string points_of(const CopyResult& done) {
    std::string text;
    for (const PointCopy& one : done.points)
        text += short_text(one.from.session()) +
                (one.state == PointCopy::State::Copied ? " copied; " : " not copied; ") +
                one.problem;
    return text;
}

/// difference() tells what is otherwise, or why it could not be told.
bool is_wrong_content(const std::string& difference) {
    for (const char* said : {"\" has other", "\" is missing", "\" is unexpected", "number of roots",
                             "unexpected root"})
        if (difference.find(said) != std::string::npos) return true;
    return false;
}

}  // namespace

Start::Start() {
    RepoFixture main_fixture(kPassword);
    main_fixture.reopen();
    Repository& repository = *main_fixture.repository;
    for (int w = 0; w < kWriters; ++w)
        writers.push_back(must(enrol(repository, host_of(w), perdure::Role::Writer)));
    for (const char* name : {"m0", "m1"})
        maintainers.push_back(must(enrol(repository, name, perdure::Role::Maintainer)));
    MemoryStore replica_store;
    replicator = *must(repository.replicate_keys(replica_store, "replicator", {}));
    RepoFixture copy_fixture(kPassword);
    copy_fixture.reopen();
    copier = must(enrol(*copy_fixture.repository, "copier", perdure::Role::Maintainer));
    main = main_fixture.store.contents();
    replica = replica_store.contents();
    copy = copy_fixture.store.contents();
}

World::World(const Start& start, std::uint64_t seed, const PlantedBug* bug, Totals& totals)
    : start_(start),
      seed_(seed),
      bug_(bug),
      totals_(totals),
      random_(seed),
      bug_random_(seed + 1),
      keys_(seed + 2),
      trees_(kWriters) {
    const auto fill = [&](Place place, const MemoryStore::Contents& contents) {
        for (const auto& [name, bytes] : contents)
            stores_[place].plant(*ObjectName::parse(name), bytes);
    };
    fill(Place::Main, start.main);
    fill(Place::Replica, start.replica);
    fill(Place::Copy, start.copy);
    if (random_.below(2) == 0) caches_ = std::make_unique<TempDir>(TempDir::memory());
    profile_ = static_cast<std::uint32_t>(random_.below(6));
    if (random_.below(4) == 0) connections_ = 8;
}

World::~World() {
    totals_.traffic.operations += traffic_.operations;
    totals_.traffic.attempts += traffic_.attempts;
    totals_.traffic.faults += traffic_.faults;
    totals_.traffic.deaths += traffic_.deaths;
    totals_.traffic.pauses += traffic_.pauses;
}

void World::violated(const std::string& what) {
    trace("VIOLATED " + what);
    if (violation_.empty()) violation_ = what;
}

/// For people who look into a seed: PERDURE_SIM_TRACE=1.
void World::trace(const std::string& text) const {
    static const bool is_on = std::getenv("PERDURE_SIM_TRACE") != nullptr;
    if (is_on) std::fprintf(stderr, "%*s%s\n", 2 * depth_, "", text.c_str());
}

void World::trace_repair(const Result<RepairResult>& done) const {
    trace(std::string("repair: ") + (done ? "done" : done.error().describe()));
    if (!done) return;
    for (const CheckFinding& f : done->before)
        trace("  " + f.object + " " + f.kind + ": " + f.text);
    for (const RepairAction& a : done->actions) trace("  -> " + a.object + ": " + a.text);
}

std::string World::describe(const std::string& what, const Error& error) const {
    return what + " (" + std::string(to_string(error.kind())) + "): " + error.describe();
}

const Maintainer& World::forger() {
    if (!forger_) {
        forger_repository_ = must(open(stores_.at(Place::Main), start_.maintainers[0]));
        forger_.emplace(must(Maintainer::from(*forger_repository_, &start_.maintainers[0])));
    }
    return *forger_;
}

// ------------------------------------------------------------------------------------ one run

Conditions World::weather() {
    Conditions c;
    const std::uint64_t calls = 80;
    if (profile_ == 1) c.unavailable = 60, c.throttled = 40, c.lost = 60;
    if (profile_ == 2) c.unavailable = 150, c.lost = 100, c.failing = 5, c.damaged = 5;
    if (profile_ == 3) c.full = 30, c.failing = 10, c.damaged = 10;
    if (profile_ == 4 && random_.below(3) == 0)
        c.outage_from = random_.below(calls), c.outage_calls = 1 + random_.below(60);
    if (profile_ == 5 && random_.below(2) == 0) c.unavailable = 700, c.lost = 50;
    c.connections = connections_;
    if (random_.below(6) == 0) {
        c.dies_at = random_.below(calls);
        c.dies_done = random_.below(2) == 0;
    }
    if (depth_ < 2)
        for (std::uint64_t i = random_.below(4); i > 0; --i)
            c.pauses.insert(random_.below(random_.below(2) == 0 ? calls / 4 : calls));
    return c;
}

Run World::make_run(Place place, RunKind, Conditions conditions) {
    RetryOptions retries;
    if (bug_ != nullptr && bug_->retries_for_ever)
        retries.attempts = 100, retries.share = 100, retries.reserve = 1e9;
    ++totals_.runs;
    return Run(stores_.at(place), seed_ * 1000 + next_run_++, std::move(conditions),
               [this] { step(); }, {clock_, keys_, traffic_, retries});
}

std::unique_ptr<Store> World::planted(Place place, RunKind kind, Store& inner) {
    std::unique_ptr<Store> store;
    if (bug_ != nullptr && bug_->plant) store = bug_->plant(inner, *this, place, kind);
    if (!store) store = std::make_unique<StoreDecorator>(inner);
    return store;
}

Result<std::unique_ptr<Repository>> World::open(Store& store, const WriterIdentity& identity) {
    Credentials credentials;
    credentials.writer = identity;
    return Repository::open(store, credentials, clock_, keys_, {});
}

Result<std::unique_ptr<Repository>> World::open_as_owner(Store& store, Place) {
    return open_by_password(store, clock_, keys_);
}

// ------------------------------------------------------------------------------------ what runs

void World::step() {
    if (!violation_.empty()) return;
    ++depth_;
    clock_.pass(static_cast<std::int64_t>(random_.below(30)) * kMinute);
    do_anything();
    --depth_;
}

void World::do_anything() {
    std::uint64_t drawn = random_.below(100);
    // To find out what a violation needs: PERDURE_SIM_WITHOUT="80 84 …", lower bounds from below.
    static const char* const without = std::getenv("PERDURE_SIM_WITHOUT");
    if (without != nullptr) {
        static constexpr std::uint64_t kBounds[] = {0, 40, 55, 80, 84, 86, 89, 93, 95, 98};
        const std::uint64_t bound =
            *std::prev(std::upper_bound(std::begin(kBounds), std::end(kBounds), drawn));
        if ((" " + std::string(without) + " ").find(" " + std::to_string(bound) + " ") !=
            std::string::npos)
            return;
    }
    if (drawn < 40) return back_up(static_cast<int>(random_.below(kWriters)), weather(), false);
    if (drawn < 55) return forget(weather());
    if (drawn < 80) return collect(Place::Main, weather(), false);
    if (drawn < 84) return restore_some(weather());
    if (drawn < 86) return check_some(weather());
    if (drawn < 89) return copy(weather());
    if (drawn < 93) return replicate(weather(), false);
    if (drawn < 95) return collect(Place::Replica, weather(), false);
    if (drawn < 98) return jump();
    if (depth_ == 1) return damage_and_repair(weather());
}

void World::jump() {
    static constexpr std::int64_t kJumps[] = {-25 * kHour, 25 * kHour, 400 * 24 * kHour, -kMinute};
    clock_.jump(kJumps[random_.below(4)]);
}

void World::change_tree(int writer) {
    MemoryTree& tree = trees_[static_cast<std::size_t>(writer)];
    tree.tick();
    // Few contents, so that what was condemned is wanted again.
    const auto content = [&](std::uint64_t of) {
        return noise(100 * static_cast<std::uint64_t>(writer % 2 == 0 ? 1 : 2) + of,
                     3000 + 50 * of);
    };
    static const char* const kNames[] = {"a", "b", "d/c", "d/e"};
    tree.put_directory("d");
    for (const char* name : kNames) {
        if (tree.nodes().contains(name) && random_.below(3) != 0) continue;
        tree.put_file(name, content(random_.below(5)));
    }
    tree.put_file("counter", "run " + std::to_string(next_run_));
    // More than a block, so that packs are needed in part; text, as noise takes long to make.
    if (random_.below(24) == 0) {
        std::string lines;
        for (std::uint64_t i = random_.below(1000); lines.size() < 1'150'000; i += 7)
            lines += "line " + std::to_string(i * i) + "\n";
        tree.put_file("big", std::move(lines));
    } else if (random_.below(6) == 0) {
        tree.remove("big");
    }
}

Roots World::roots_of(int writer) const {
    Roots roots{{"/data", trees_[static_cast<std::size_t>(writer)]}};
    if (writer == 1) {
        MemoryTree other;
        other.put_file("conf", "of " + host_of(writer));
        roots.emplace("/etc", other);
    }
    return roots;
}

Result<SessionName> World::try_backup(Store& store, int writer, const Roots& roots) {
    const WriterIdentity& identity = start_.writers[static_cast<std::size_t>(writer)];
    const auto repository = PERDURE_TRY(open(store, identity));
    BackupOptions options;
    options.host = host_of(writer);
    options.workers = 1;
    options.compression.level = 1;
    options.compression.adaptive = false;
    if (random_.below(5) == 0) options.checkpoint_bytes = 1;
    if (random_.below(8) == 0) options.force = true;
    std::vector<BackupRoot> sources;
    for (const auto& [name, tree] : roots) {
        MemoryTree seen = tree;
        if (bug_ != nullptr && bug_->skips_a_file) seen.remove("b");
        sources.push_back({name, seen.source(), EndKind::Files});
    }
    LocalCache cache;
    if (caches_)
        cache = LocalCache(*caches_ / host_of(writer), repository->id(),
                           cache_key(*repository, &identity));
    Reporter reporter;
    const BackupResult done = PERDURE_TRY(
        run_backup(*repository, identity, cache, std::move(sources), options, reporter, {}));
    if (!done.point || done.outcome != Outcome::Success)
        return Error(ErrorKind::Internal, "not SUCCESS, though all of the source could be read");
    return done.point->session();
}

void World::back_up(int writer, const Conditions& conditions, bool must_succeed) {
    if (random_.below(4) != 0) change_tree(writer);
    const Roots roots = roots_of(writer);
    Run run = make_run(Place::Main, RunKind::Backup, conditions);
    Result<SessionName> done = [&] {
        const auto store = planted(Place::Main, RunKind::Backup, run.store());
        return try_backup(*store, writer, roots);
    }();
    ++totals_.backups;
    trace("backup of " + host_of(writer) + ": " +
          (done ? short_text(*done) : done.error().describe()));
    if (done) {
        ++totals_.points_kept;
        all_[*done] = roots;
        if (!taken_.contains(*done)) kept_[*done] = roots;
        return;
    }
    attempts_.push_back({writer, roots});
    if (run.is_disturbed()) return;
    const bool may_be_fenced =
        !conditions.pauses.empty() && done.error().kind() == ErrorKind::Fenced;
    if (must_succeed || !may_be_fenced)
        violated(describe("a backup that nothing disturbed failed", done.error()));
}

Result<void> World::expire_one(const Repository& repository) {
    if (kept_.empty()) return {};
    const FateWriter fates = PERDURE_TRY(FateWriter::open(repository, &start_.maintainers[1]));
    auto at = kept_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(kept_.size())));
    const SessionName told = at->first;
    if (perhaps_protected_.contains(told)) return {};
    SessionName taken = told;
    if (bug_ != nullptr && bug_->expires_another) taken = kept_.rbegin()->first;
    const Point point = PERDURE_TRY(repository.load_point(taken, {}));
    if (protected_.contains(told)) {
        const auto refused = fates.expire(point, "to try", {});
        if (refused) violated("a protected point was expired");
        return {};
    }
    if (random_.below(10) == 0) {
        Fate fate;
        fate.kind = FateKind::Protected;
        perhaps_protected_.insert(told);
        PERDURE_TRY(fates.add(point, fate, {}));
        perhaps_protected_.erase(told);
        protected_.insert(told);
        return {};
    }
    kept_.erase(told);
    perhaps_expired_.insert(told);
    trace("expiring " + short_text(told));
    static_cast<void>(PERDURE_TRY(fates.expire(point, "told to", {})));
    perhaps_expired_.erase(told);
    expired_.insert(told);
    ++totals_.points_expired;
    return {};
}

Result<void> World::forget_by_policy(const Repository& repository) {
    const auto listed = PERDURE_TRY(repository.list_points({}));
    ForgetOptions options;
    options.policy.last = 1 + random_.below(3);
    const ForgetPlan plan = PERDURE_TRY(
        plan_forget(repository, listed.points, listed.points, options, FixedZone(0), {}));
    if (!refusal(plan, {})) return {};
    const FateWriter fates = PERDURE_TRY(FateWriter::open(repository, &start_.maintainers[1]));
    std::vector<Point> going;
    for (const ForgetGroup& group : plan.groups) {
        std::size_t kept = 0;
        for (const PlannedPoint& planned : group.points) {
            kept += planned.keep ? 1 : 0;
            if (planned.keep) continue;
            going.push_back(planned.point);
        }
        if (kept < std::min<std::size_t>(options.policy.last, group.points.size()))
            violated("a policy that keeps the last points lets them go");
    }
    for (const Point& point : going) {
        taken_.insert(point.session());
        if (kept_.erase(point.session()) != 0) perhaps_expired_.insert(point.session());
    }
    const ForgetResult done = PERDURE_TRY(forget_points(repository, fates, going, "policy", {}));
    std::set<SessionName> spared;
    for (const auto& kept : done.kept) spared.insert(kept.point);
    for (const Point& point : going) {
        if (perhaps_expired_.erase(point.session()) == 0) continue;
        if (spared.contains(point.session())) {
            kept_[point.session()] = all_.at(point.session());
            continue;
        }
        expired_.insert(point.session());
        ++totals_.points_expired;
    }
    return {};
}

void World::forget(const Conditions& conditions) {
    Run run = make_run(Place::Main, RunKind::Expirer, conditions);
    const auto store = planted(Place::Main, RunKind::Expirer, run.store());
    const auto done = [&]() -> Result<void> {
        const auto repository = PERDURE_TRY(open(*store, start_.maintainers[1]));
        return random_.below(3) == 0 ? forget_by_policy(*repository) : expire_one(*repository);
    }();
    trace(std::string("forget: ") + (done ? "done" : done.error().describe()));
    if (!done && !run.is_disturbed() && conditions.pauses.empty())
        violated(describe("a forget that nothing disturbed failed", done.error()));
}

void World::collect(Place place, const Conditions& conditions, bool must_succeed) {
    const WriterIdentity& as =
        place == Place::Replica ? start_.replicator : start_.maintainers[random_.below(2)];
    Run run = make_run(place, RunKind::Collector, conditions);
    GcOptions options = gc_options(must_succeed || random_.below(3) == 0);
    if (!options.rules.now && random_.below(2) == 0) options.rules.grace_ns = 2 * kHour;
    if (!options.rules.now && random_.below(2) == 0) options.rules.idle_ns = 3 * kHour;
    const auto done = [&]() -> Result<GcResult> {
        const auto store = planted(place, RunKind::Collector, run.store());
        const auto repository = PERDURE_TRY(open(*store, as));
        return run_gc(*repository, as, options);
    }();
    trace(std::string(place == Place::Main ? "gc" : "gc of the replica") +
          (options.rules.now ? " now: " : ": ") +
          (done ? std::to_string(done->collection.deleted.packs) + " deleted, " +
                      std::to_string(done->collection.waiting.size()) + " waited for, list " +
                      std::to_string(done->collection.list)
                : done.error().describe()));
    if (done) {
        ++totals_.collections;
        totals_.packs_deleted += done->collection.deleted.packs;
        totals_.repacked_blocks += done->repack.blocks;
        if (must_succeed && !done->collection.waiting.empty())
            violated("a collection of a quiet repository waits");
        return;
    }
    if (run.is_disturbed()) return;
    // Two that collect at once may get into each other's way.
    const ErrorKind kind = done.error().kind();
    const bool may_meet =
        !conditions.pauses.empty() && (kind == ErrorKind::Unavailable || kind == ErrorKind::Fenced);
    if (must_succeed || !may_meet)
        violated(describe("a collection that nothing disturbed failed", done.error()));
}

void World::restore_some(const Conditions& conditions) {
    if (kept_.empty()) return;
    auto at = kept_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(kept_.size())));
    const auto [session, roots] = *at;
    Run run = make_run(Place::Main, RunKind::Reader, conditions);
    const auto store = planted(Place::Main, RunKind::Reader, run.store());
    std::string differs;
    const auto repository = open_as_owner(*store, Place::Main);
    if (!repository) {
        differs = repository.error().describe();
    } else if (const auto point = (*repository)->load_point(session, {}); !point) {
        differs = point.error().describe();
    } else {
        differs = difference(**repository, *point, roots);
    }
    ++totals_.restored;
    // It may have expired, and gone, meanwhile.
    const bool may_fail = run.is_disturbed() || !kept_.contains(session);
    if (!differs.empty() && (!may_fail || is_wrong_content(differs)))
        violated("restoring " + short_text(session) + ": " + differs);
}

void World::check_some(const Conditions& conditions) {
    Run run = make_run(Place::Main, RunKind::Reader, conditions);
    const auto store = planted(Place::Main, RunKind::Reader, run.store());
    const auto repository = open_as_owner(*store, Place::Main);
    if (!repository) {
        if (!run.is_disturbed()) violated(describe("opening to check", repository.error()));
        return;
    }
    CheckOptions options;
    options.workers = 1;
    Reporter reporter;
    const auto checked = run_check(**repository, options, reporter, {});
    ++totals_.checks;
    if (run.is_disturbed()) return;
    if (!checked) return violated(describe("a check that nothing disturbed", checked.error()));
    // Beside others, points that expired meanwhile may be hurt; alone, none may.
    const auto must_be_whole = [&](const SessionName& point) {
        return conditions.pauses.empty() || kept_.contains(point);
    };
    for (const CheckFinding& f : checked->findings)
        if (!f.note && std::any_of(f.points.begin(), f.points.end(), must_be_whole))
            violated("a check finds " + f.object + " " + f.kind + ": " + f.text);
}

// ------------------------------------------------------------------------------------ copies

void World::copy(const Conditions& conditions) {
    Run from_run = make_run(Place::Main, RunKind::Reader, conditions);
    Conditions there = conditions;
    there.pauses.clear();
    Run to_run = make_run(Place::Copy, RunKind::Copier, there);
    const auto done = [&]() -> Result<CopyResult> {
        const auto to_store = planted(Place::Copy, RunKind::Copier, to_run.store());
        const auto from = PERDURE_TRY(open_as_owner(from_run.store(), Place::Main));
        const auto to = PERDURE_TRY(open_as_owner(*to_store, Place::Copy));
        const auto listed = PERDURE_TRY(from->list_points({}));
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        return copy_points(*from, listed.points, *to, start_.copier, LocalCache(), options,
                           reporter, [](const PointCopy&) {}, {});
    }();
    trace(std::string("copy: ") + (done ? points_of(*done) : done.error().describe()));
    const bool calm = !from_run.is_disturbed() && !to_run.is_disturbed();
    if (!done) {
        if (calm && conditions.pauses.empty())
            violated(describe("a copy that nothing disturbed failed", done.error()));
        return;
    }
    for (const PointCopy& one : done->points) {
        const auto original = all_.find(one.from.session());
        if (one.to && original != all_.end()) copied_[*one.to] = original->second;
        totals_.copied += one.state == PointCopy::State::Copied ? 1 : 0;
    }
}

void World::replicate(const Conditions& conditions, bool must_succeed) {
    Run from_run = make_run(Place::Main, RunKind::Reader, conditions);
    Conditions there = conditions;
    there.pauses.clear();
    Run to_run = make_run(Place::Replica, RunKind::Copier, there);
    const auto done = [&]() -> Result<CopyResult> {
        const auto to_store = planted(Place::Replica, RunKind::Copier, to_run.store());
        const auto from = PERDURE_TRY(open_as_owner(from_run.store(), Place::Main));
        const auto to = PERDURE_TRY(open_as_owner(*to_store, Place::Replica));
        const auto listed = PERDURE_TRY(from->list_points({}));
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        return replicate_points(*from, listed.points, *to, start_.replicator, LocalCache(), options,
                                reporter, [](const PointCopy&) {}, {});
    }();
    trace(std::string("replication: ") + (done ? points_of(*done) : done.error().describe()));
    const bool calm = !from_run.is_disturbed() && !to_run.is_disturbed();
    if (!done) {
        if (must_succeed || (calm && conditions.pauses.empty()))
            violated(describe("a replication that nothing disturbed failed", done.error()));
        return;
    }
    for (const PointCopy& one : done->points) {
        if (one.state != PointCopy::State::Copied && one.state != PointCopy::State::AlreadyThere)
            continue;
        replicated_.emplace(one.from.session(), one.from.session());
        totals_.replicated += one.state == PointCopy::State::Copied ? 1 : 0;
    }
}

/// Of what a kept point needs and the replica can give back; "" if there is nothing.
std::string World::damage_one() {
    MemoryStore& store = stores_.at(Place::Main);
    std::vector<std::string> names;
    for (const auto& [name, bytes] : store.contents()) {
        const auto pack = names::parse_pack(name);
        const auto point = names::parse_point(name);
        const auto index = names::parse_index(name);
        if ((pack && kept_.contains(pack->pack.session)) || (point && kept_.contains(*point)) ||
            (index && kept_.contains(*index)))
            names.push_back(name);
    }
    if (names.empty()) return "";
    const ObjectName name = *ObjectName::parse(names[random_.below(names.size())]);
    Buffer bytes = *store.load(name, ByteRange::all(), {});
    switch (random_.below(3)) {
        case 0: static_cast<void>(store.remove(name, {}).has_value()); break;
        case 1:
            bytes[random_.below(bytes.size())] ^= std::byte{1};
            store.plant(name, bytes);
            break;
        default:
            bytes.resize(random_.below(bytes.size()));
            store.plant(name, bytes);
            break;
    }
    return name.text();
}

void World::damage_and_repair(const Conditions& conditions) {
    look("before damage");
    replicate({}, true);
    look("before damage, replicated");
    if (!violation_.empty()) return;
    const std::string name = damage_one();
    trace("damaged " + name);
    const auto repair = [&](const Conditions& with) -> Result<RepairResult> {
        Run run = make_run(Place::Main, RunKind::Repairer, with);
        const auto store = planted(Place::Main, RunKind::Repairer, run.store());
        const auto repository = PERDURE_TRY(open_as_owner(*store, Place::Main));
        const auto from = PERDURE_TRY(open_as_owner(stores_.at(Place::Replica), Place::Replica));
        RepairOptions options;
        options.workers = 1;
        options.from = from.get();
        Reporter reporter;
        return run_repair(*repository, start_.maintainers[0], LocalCache(), options, reporter, {});
    };
    Conditions first = conditions;
    first.pauses.clear();
    const auto tried = repair(first);
    trace_repair(tried);
    const auto done = repair({});
    trace_repair(done);
    ++totals_.repairs;
    if (!done) return violated(describe("repairing " + name, done.error()));
    look("after repairing " + name);
}

// ------------------------------------------------------------------------------------ the oracle

void World::look(const std::string& when) {
    if (!violation_.empty()) return;
    look_at_main(when);
    look_at_copies(when);
}

void World::look_at_unknown(const Repository& repository, const Point& point,
                            const std::string& when) {
    std::string differs = "no backup made it";
    for (const Attempt& attempt : attempts_) {
        if (host_of(attempt.writer) != point.header.host) continue;
        differs = difference(repository, point, attempt.roots);
        if (differs.empty()) return;
    }
    violated(when + ": listed point " + short_text(point.session()) + ": " + differs);
}

void World::look_at_main(const std::string& when) {
    const auto repository = open_as_owner(stores_.at(Place::Main), Place::Main);
    if (!repository) return violated(describe(when + ": opening", repository.error()));
    const auto list = (*repository)->list_points({});
    if (!list) return violated(describe(when + ": listing", list.error()));
    std::set<SessionName> found;
    for (const Point& point : list->points) {
        const SessionName session =
            point.header.repaired ? point.header.repaired->session : point.session();
        found.insert(session);
        // What a repair made to stand for it is a point of its own.
        if (!point.header.repaired && expired_.contains(session))
            return violated(when + ": expired point " + short_text(session) + " is listed");
        const auto made = all_.find(session);
        if (made == all_.end()) {
            look_at_unknown(**repository, point, when);
            continue;
        }
        const std::string differs = difference(**repository, point, made->second);
        ++totals_.restored;
        if (!differs.empty())
            return violated(when + ": point " + short_text(session) + ": " + differs);
    }
    for (const auto& [session, roots] : kept_)
        if (!found.contains(session))
            return violated(when + ": point " + short_text(session) + " is not listed");
}

void World::look_at_copies(const std::string& when) {
    const auto look_at = [&](Place place, const Kept& kept, const std::string& name) {
        if (kept.empty()) return;
        const auto repository = open_as_owner(stores_.at(place), place);
        if (!repository) return violated(describe(when + ": opening " + name, repository.error()));
        const auto list = (*repository)->list_points({});
        if (!list) return violated(describe(when + ": listing " + name, list.error()));
        std::set<SessionName> found;
        for (const Point& point : list->points) {
            // What stands for a point after a repair may be what was copied.
            const auto at =
                kept.find(point.header.repaired ? point.header.repaired->session : point.session());
            if (at == kept.end()) continue;
            found.insert(at->first);
            const std::string differs = difference(**repository, point, at->second);
            ++totals_.restored;
            if (!differs.empty())
                violated(when + ": " + name + " of " + short_text(point.session()) + ": " +
                         differs);
        }
        for (const auto& [session, roots] : kept)
            if (!found.contains(session))
                violated(when + ": " + name + " of " + short_text(session) + " is not listed");
    };
    Kept replicated;
    for (const auto& [session, there] : replicated_)
        if (const auto made = all_.find(session); made != all_.end())
            replicated[there] = made->second;
    look_at(Place::Replica, replicated, "the replica");
    look_at(Place::Copy, copied_, "the copy");
}

void World::expect_clean_check(Place place, const std::string& when) {
    const auto repository = open_as_owner(stores_.at(place), place);
    if (!repository) return violated(describe(when + ": opening", repository.error()));
    CheckOptions options;
    options.level = CheckLevel::Aead;
    options.workers = 1;
    Reporter reporter;
    const auto checked = run_check(**repository, options, reporter, {});
    if (!checked) return violated(describe(when + ": check", checked.error()));
    for (const CheckFinding& f : checked->findings)
        if (!f.note) violated(when + ": check: " + f.object + " " + f.kind + ": " + f.text);
}

void World::expect_space_is_freed() {
    const auto repository = open(stores_.at(Place::Main), start_.maintainers[0]);
    if (!repository) return violated(describe("opening to plan", repository.error()));
    const auto maintainer = Maintainer::from(**repository, &start_.maintainers[0]);
    const GcOptions options = gc_options(true);
    Collection collection(*maintainer, options.rules, {});
    const auto plan = collection.plan();
    if (!plan) return violated(describe("planning at last", plan.error()));
    if (plan->condemnable.packs != 0 || plan->listed.packs != 0 || plan->due.packs != 0 ||
        plan->in_grace.packs != 0 || plan->partly_dead.packs != 0)
        violated("space is not freed: " + std::to_string(plan->condemnable.packs) +
                 " packs could go, " + std::to_string(plan->listed.packs) + " are listed, " +
                 std::to_string(plan->due.packs) + " due, " +
                 std::to_string(plan->partly_dead.packs) + " needed in part");
}

void World::expect_few_retries() {
    const std::uint64_t operations = traffic_.operations;
    const std::uint64_t attempts = traffic_.attempts;
    totals_.worst_amplification = std::max(totals_.worst_amplification,
                                           attempts * 100 / std::max<std::uint64_t>(operations, 1));
    if (traffic_.over_budget != 0) violated("a run retried more than its budget allows");
    if (attempts > 3 * operations)
        violated(std::to_string(attempts) + " attempts of " + std::to_string(operations) +
                 " operations");
}

/// No faults any more: everything works again, and nothing was lost on the way.
void World::finish() {
    expect_few_retries();
    look("when the faults stop");
    for (int w = 0; w < kWriters && violation_.empty(); ++w) back_up(w, {}, true);
    for (int i = 0; i < 3 && violation_.empty(); ++i) collect(Place::Main, {}, true);
    if (!replicated_.empty() && violation_.empty()) collect(Place::Replica, {}, true);
    if (violation_.empty()) expect_space_is_freed();
    if (violation_.empty()) expect_clean_check(Place::Main, "at last");
    if (!replicated_.empty() && violation_.empty()) expect_clean_check(Place::Replica, "replica");
    look("at last");
}

std::string World::run() {
    back_up(0, {}, true);
    back_up(1, {}, true);
    const std::uint64_t steps = 4 + random_.below(8);
    for (std::uint64_t i = 0; i < steps && violation_.empty(); ++i) {
        step();
        if (random_.below(6) == 0) look("after step " + std::to_string(i));
    }
    if (violation_.empty()) finish();
    return violation_;
}

}  // namespace perdure::sim
