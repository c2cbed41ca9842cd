// Runs that stop anywhere, then a collection, a backup and a restore: after any call of a backup, a
// forget, a collection with its repack, a copy or a replication that changes a store, answered or
// not, what is kept is whole, the next runs work, and the space is freed in the end. A run that
// stops at any other call leaves what it leaves that stops before the next change.
//
// And collections of stores that are full.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "engine/copy.h"
#include "engine/forget.h"
#include "engine/repair.h"
#include "engine/replicate.h"
#include "store/fault_store.h"
#include "support/gc_runs.h"

namespace perdure {
namespace {

const char* const kPassword = "correct horse";

Roots version(int i) {
    MemoryTree tree;
    for (int t = 0; t < i; ++t) tree.tick();
    // More than a block, so that a pack is needed in part: what follows lies in the next one.
    std::string lines;
    while (lines.size() < 1'100'000)
        lines += "version " + std::to_string(i) + ", line " + std::to_string(lines.size()) + "\n";
    tree.put_file("changes", std::move(lines));
    tree.put_file("same", noise(1, 40'000));
    tree.put_file("log", "line " + std::to_string(i));
    return {{"/data", tree}};
}

void load(MemoryStore& store, const MemoryStore::Contents& contents) {
    for (const auto& [name, bytes] : contents) store.plant(*ObjectName::parse(name), bytes);
}

std::uint64_t bytes_of_packs(const MemoryStore::Contents& contents) {
    std::uint64_t bytes = 0;
    for (const auto& [name, object] : contents)
        if (names::parse_pack(name)) bytes += object.size();
    return bytes;
}

/// Four points, two of them expired: packs to drop, one to repack, and one of a broken-off
/// session. Beside it a replica, and a repository with other keys, both empty.
struct World {
    World() {
        repository = fixture.must_open(kPassword);
        writer = *enrol(*repository, "w", Role::Writer);
        maintainer = *enrol(*repository, "m", Role::Maintainer);
        for (int i = 0; i < 4; ++i)
            points.push_back(back_up(*repository, writer, "h", version(i)).session);
        for (int i = 0; i < 2; ++i) EXPECT_TRUE(expire(*repository, points[i]));
        for (int i = 2; i < 4; ++i) kept[points[i]] = version(i);
        const auto broken_off = WriteSession::begin(*repository, writer, LocalCache(), {}, {});
        FinishedPack pack =
            build_pack((*broken_off)->context(), {"left"}, (*broken_off)->new_pack_id());
        EXPECT_TRUE((*broken_off)->publish(pack, {7}, {}));
        replicator = **repository->replicate_keys(replica, "replicator", {});
        other.reopen();
        copier = *enrol(*other.repository, "copier", Role::Maintainer);
        start = fixture.store.contents();
    }

    RepoFixture fixture, other;
    std::unique_ptr<Repository> repository;
    WriterIdentity writer, maintainer, replicator, copier;
    std::vector<SessionName> points;
    Kept kept;
    MemoryStore replica;
    MemoryStore::Contents start;
};

const World& world() {
    static const World made;
    return made;
}

/// Stops at a call that changes something, having done it or not, and answers nothing from then on.
/// `shared` counts the calls of all stores of a run.
struct Death {
    std::mutex mutex;
    std::uint64_t last = ~std::uint64_t{0};
    bool done = false;
    std::uint64_t changes = 0, calls = 0;
    bool is_dead = false;
};

class DyingStore final : public Store {
public:
    DyingStore(Store& inner, Death& death) : inner_(inner), death_(death) {}

    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        return change([&] { return inner_.create(name, bytes, stop); });
    }
    Result<void> remove(const ObjectName& name, std::stop_token stop) override {
        return change([&] { return inner_.remove(name, stop); });
    }
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override {
        if (!lives()) return dead();
        return inner_.load(name, range, stop);
    }
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override {
        if (!lives()) return dead();
        return inner_.stat(name, stop);
    }
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override {
        if (!lives()) return dead();
        return inner_.list(prefix, fn, stop);
    }

private:
    static Error dead() { return Error(ErrorKind::Unavailable, "the store is gone"); }
    bool lives() {
        const std::lock_guard lock(death_.mutex);
        ++death_.calls;
        return !death_.is_dead;
    }
    template <class F>
    Result<void> change(F&& f) {
        const std::lock_guard lock(death_.mutex);
        ++death_.calls;
        if (death_.is_dead) return dead();
        if (death_.changes++ != death_.last) return f();
        death_.is_dead = true;
        if (death_.done) static_cast<void>(f().has_value());
        return dead();
    }

    Store& inner_;
    Death& death_;
};

Result<std::unique_ptr<Repository>> open(Store& store, Clock& clock) {
    Credentials credentials;
    credentials.passphrase = Passphrase(kPassword);
    return Repository::open(store, credentials, clock, system_random(), {});
}

enum class Doing { Backup, Forget, Gc, Copy, Replicate };
struct Case {
    Doing doing;
    bool done;  // the last change was made, and its answer lost
};

/// As a maintainer, who has no password.
Result<std::unique_ptr<Repository>> open_as_maintainer(Store& store, Clock& clock) {
    Credentials credentials;
    credentials.writer = world().maintainer;
    return Repository::open(store, credentials, clock, system_random(), {});
}

/// The stores of one case, and what must be in them.
class State {
public:
    State() {
        load(main_, world().start);
        load(copy_, world().other.store.contents());
        load(replica_, world().replica.contents());
        kept_ = world().kept;
    }

    MemoryStore& main() { return main_; }

    /// One run. A point that it acknowledges is kept from then on.
    Result<void> run(Doing doing, Death& death) {
        DyingStore main(main_, death);
        const auto repository =
            PERDURE_TRY(doing == Doing::Gc ? open_as_maintainer(main, clock_) : open(main, clock_));
        switch (doing) {
            case Doing::Backup: return back_up(*repository);
            case Doing::Forget: return forget(*repository);
            case Doing::Gc: return collect(*repository);
            case Doing::Copy: {
                DyingStore to(copy_, death);
                const auto there = PERDURE_TRY(open(to, clock_));
                return copy(*repository, *there);
            }
            case Doing::Replicate: {
                DyingStore to(replica_, death);
                const auto there = PERDURE_TRY(open(to, clock_));
                return replicate(*repository, *there);
            }
        }
        return {};
    }

    Result<void> repair() {
        const auto repository = PERDURE_TRY(open(main_, clock_));
        const auto from = PERDURE_TRY(open(replica_, clock_));
        RepairOptions options;
        options.workers = 1;
        options.from = from.get();
        Reporter reporter;
        const auto done = PERDURE_TRY(
            run_repair(*repository, world().maintainer, LocalCache(), options, reporter, {}));
        EXPECT_EQ(done.actions.empty(), false);
        return {};
    }

    /// "" if all that is kept is there, here and where it was copied to.
    std::string lost() {
        const auto repository = open(main_, clock_);
        if (!repository) return repository.error().describe();
        std::string text = what_is_lost(**repository, kept_);
        if (!text.empty() || copied_.empty()) return text;
        const auto there = open(copied_to_replica_ ? replica_ : copy_, clock_);
        if (!there) return there.error().describe();
        text = what_is_lost(**there, copied_);
        return text.empty() ? text : "where it was copied to: " + text;
    }

private:
    Result<void> back_up(const Repository& repository) {
        const int i = next_version_++;
        std::vector<BackupRoot> sources;
        const Roots roots = version(i);
        sources.push_back({"/data", roots.at("/data").source(), EndKind::Files});
        BackupOptions options;
        options.host = "h";
        options.workers = 1;
        Reporter reporter;
        const auto done = PERDURE_TRY(run_backup(repository, world().writer, LocalCache(),
                                                 std::move(sources), options, reporter, {}));
        EXPECT_EQ(done.outcome, Outcome::Success);
        kept_[done.point->session()] = roots;
        return {};
    }
    /// All but the last point of a host.
    Result<void> forget(const Repository& repository) {
        const auto listed = PERDURE_TRY(repository.list_points({}));
        ForgetOptions options;
        options.policy.last = 1;
        const ForgetPlan plan = PERDURE_TRY(
            plan_forget(repository, listed.points, listed.points, options, FixedZone(0), {}));
        std::vector<Point> going;
        for (const ForgetGroup& group : plan.groups)
            for (const PlannedPoint& planned : group.points)
                if (!planned.keep) going.push_back(planned.point);
        for (const Point& point : going) kept_.erase(point.session());
        const auto fates = PERDURE_TRY(FateWriter::open(repository, &world().maintainer));
        static_cast<void>(PERDURE_TRY(forget_points(repository, fates, going, "policy", {})));
        return {};
    }
    Result<void> collect(const Repository& repository) {
        static_cast<void>(PERDURE_TRY(run_gc(repository, world().maintainer, gc_options(true))));
        return {};
    }
    Result<void> copy(const Repository& from, const Repository& to) {
        const auto listed = PERDURE_TRY(from.list_points({}));
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        const auto done =
            PERDURE_TRY(copy_points(from, listed.points, to, world().copier, LocalCache(), options,
                                    reporter, [](const PointCopy&) {}, {}));
        for (const PointCopy& one : done.points)
            if (one.to) copied_[*one.to] = kept_.at(one.from.session());
        return all_copied(done);
    }
    Result<void> replicate(const Repository& from, Repository& to) {
        const auto listed = PERDURE_TRY(from.list_points({}));
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        const auto done =
            PERDURE_TRY(replicate_points(from, listed.points, to, world().replicator, LocalCache(),
                                         options, reporter, [](const PointCopy&) {}, {}));
        copied_to_replica_ = true;
        for (const PointCopy& one : done.points)
            if (one.to) copied_[*one.to] = kept_.at(one.from.session());
        return all_copied(done);
    }
    static Result<void> all_copied(const CopyResult& done) {
        if (done.outcome == Outcome::Success) return {};
        return Error(ErrorKind::Unavailable, "not all was copied");
    }

    FixedClock clock_;
    MemoryStore main_, copy_, replica_;
    Kept kept_, copied_;
    bool copied_to_replica_ = false;
    int next_version_ = 4;
};

class GcCrash : public ::testing::TestWithParam<Case> {
protected:
    /// Collects, backs up and collects again; after each all that is kept must be there. Then what
    /// was broken off is done once more.
    static void go_on(State& state, const std::string& at) {
        Death never;
        ASSERT_EQ(state.lost(), "") << at;
        for (const Doing doing : {Doing::Gc, Doing::Backup, Doing::Gc, GetParam().doing}) {
            const auto done = state.run(doing, never);
            ASSERT_TRUE(done) << at << ": " << done.error().describe();
            ASSERT_EQ(state.lost(), "") << at << ", and run " << static_cast<int>(doing);
        }
        ASSERT_TRUE(state.run(Doing::Forget, never)) << at;
        ASSERT_TRUE(state.run(Doing::Gc, never)) << at;
        ASSERT_EQ(state.lost(), "") << at << ", at last";
        ASSERT_LT(bytes_of_packs(state.main().contents()), bytes_of_packs(world().start) / 2) << at;
    }
};

TEST_P(GcCrash, AfterAnyChangeTheNextCollectionBackupAndRestoreWork) {
    Death counting;
    {
        State whole;
        const auto done = whole.run(GetParam().doing, counting);
        ASSERT_TRUE(done) << done.error().describe();
        go_on(whole, "undisturbed");
    }
    ASSERT_GT(counting.changes, 0U);
    for (std::uint64_t last = 0; last < counting.changes && !HasFatalFailure(); ++last) {
        const std::string at =
            "change " + std::to_string(last) + " of " + std::to_string(counting.changes);
        State state;
        Death death;
        death.last = last;
        death.done = GetParam().done;
        EXPECT_FALSE(state.run(GetParam().doing, death)) << at;
        EXPECT_TRUE(death.is_dead) << at;
        go_on(state, at);
    }
    std::printf("COUNT gc_crashes %llu\nCOUNT gc_crash_calls %llu\n",
                static_cast<unsigned long long>(counting.changes),
                static_cast<unsigned long long>(counting.calls));
}

std::vector<Case> all_cases() {
    std::vector<Case> cases;
    for (const Doing doing :
         {Doing::Backup, Doing::Forget, Doing::Gc, Doing::Copy, Doing::Replicate})
        for (const bool done : {false, true}) cases.push_back({doing, done});
    return cases;
}

std::string name_of(const ::testing::TestParamInfo<Case>& of) {
    static const char* const kNames[] = {"Backup", "Forget", "Gc", "Copy", "Replication"};
    return std::string(kNames[static_cast<int>(of.param.doing)]) +
           (of.param.done ? "AfterIt" : "BeforeIt");
}

INSTANTIATE_TEST_SUITE_P(Ways, GcCrash, ::testing::ValuesIn(all_cases()), name_of);

// ------------------------------------------------------------------------------ full stores

TEST(GcDiskFull, ACollectionOnAFullStoreStopsAndLosesNothing) {
    std::uint64_t used = 0;
    for (const auto& [name, bytes] : world().start) used += bytes.size();
    for (const std::uint64_t room : {0, 200, 500, 1000, 5000, 40'000, 200'000}) {
        MemoryStore store(used + room);
        load(store, world().start);
        FixedClock clock;
        const auto repository = open(store, clock);
        ASSERT_TRUE(repository);
        const auto result = run_gc(**repository, world().maintainer, gc_options(true));
        if (!result) {
            EXPECT_EQ(result.error().kind(), ErrorKind::NoSpace) << result.error().describe();
        }
        EXPECT_EQ(what_is_lost(**repository, world().kept), "") << room;
    }
}

/// Whichever of its objects finds no room: the error says so, nothing is lost, and with room again
/// the next collection frees what this one could not.
TEST(GcDiskFull, WhateverFindsNoRoomTheNextCollectionFinishes) {
    Death counting;
    State whole;
    ASSERT_TRUE(whole.run(Doing::Gc, counting));
    const std::uint64_t freed = bytes_of_packs(whole.main().contents());
    std::uint64_t refused = 0;
    for (std::uint64_t at = 0; at < counting.changes; ++at) {
        MemoryStore store;
        load(store, world().start);
        FaultStore full(store);
        full.add({{FaultKind::FailBefore, ErrorKind::NoSpace, 0}, StoreVerb::Create, "", at});
        FixedClock clock;
        const auto doomed = open(full, clock);
        ASSERT_TRUE(doomed);
        const auto result = run_gc(**doomed, world().maintainer, gc_options(true));
        if (result) break;  // no further creates: the rest only removes
        ++refused;
        EXPECT_EQ(result.error().kind(), ErrorKind::NoSpace) << result.error().describe();
        const auto repository = open(store, clock);
        ASSERT_TRUE(repository);
        ASSERT_EQ(what_is_lost(**repository, world().kept), "") << at;
        // Of what a broken-off repack wrote the one after the next knows that its session has
        // ended.
        for (int i = 0; i < 2; ++i) {
            const auto again = run_gc(**repository, world().maintainer, gc_options(true));
            ASSERT_TRUE(again) << at << ": " << again.error().describe();
        }
        ASSERT_EQ(what_is_lost(**repository, world().kept), "") << at;
        EXPECT_LE(bytes_of_packs(store.contents()), freed + freed / 10) << at;
    }
    EXPECT_GT(refused, 5U);
    std::printf("COUNT gc_no_room %llu\n", static_cast<unsigned long long>(refused));
}

/// Points whose packs are needed in part by a last one: of each one file, of two blocks or three.
class NeededInPart {
public:
    static constexpr int kPacks = 3;
    static constexpr std::size_t kKept = 1'500'000, kGone = 2'000'000;

    NeededInPart() {
        const auto repository = fixture_.must_open(kPassword);
        const WriterIdentity writer = *enrol(*repository, "w", Role::Writer);
        maintainer = *enrol(*repository, "m", Role::Maintainer);
        MemoryTree last;
        std::vector<SessionName> going;
        for (int i = 0; i < kPacks; ++i) {
            MemoryTree tree;
            tree.put_file("gone" + std::to_string(i), noise(100 + i, kGone));
            for (MemoryTree* with : {&tree, &last})
                with->put_file("kept" + std::to_string(i), noise(i, kKept));
            going.push_back(back_up(*repository, writer, "h", {{"/data", tree}}).session);
        }
        const Roots roots{{"/data", last}};
        kept[back_up(*repository, writer, "h", roots).session] = roots;
        for (const SessionName session : going) EXPECT_TRUE(expire(*repository, session));
        start = fixture_.store.contents();
    }

    WriterIdentity maintainer;
    Kept kept;
    MemoryStore::Contents start;

private:
    RepoFixture fixture_;
};

/// The same store, filled in packs of another size.
class OtherPackSize final : public StoreDecorator {
public:
    OtherPackSize(Store& inner, std::uint64_t size) : StoreDecorator(inner), size_(size) {}

    StoreProperties properties() const override {
        StoreProperties properties = inner_.properties();
        properties.pack_size = size_;
        return properties;
    }

private:
    const std::uint64_t size_;
};

/// A pack that all copies go into does not fit: less is copied. Of packs of a block each some fit:
/// these count. Either way what goes then makes room for the rest.
TEST(GcDiskFull, WhatThereIsRoomForIsCopiedAndMakesRoomForTheRest) {
    const NeededInPart world;
    std::uint64_t used = 0;
    for (const auto& [name, bytes] : world.start) used += bytes.size();
    for (const std::uint64_t pack_size : {32U << 20, 5U << 18}) {
        MemoryStore store(used + NeededInPart::kKept * 5 / 2);
        load(store, world.start);
        OtherPackSize sized(store, pack_size);
        FixedClock clock;
        const auto repository = open(sized, clock);
        ASSERT_TRUE(repository);
        std::uint64_t moved = 0;
        for (int run = 0; run < 3; ++run) {
            const auto done = run_gc(**repository, world.maintainer, gc_options(true));
            ASSERT_TRUE(done) << pack_size << ", run " << run << ": " << done.error().describe();
            ASSERT_EQ(what_is_lost(**repository, world.kept), "") << pack_size << ", run " << run;
            moved += done->repack.from.packs;
            if (run == 0) {
                EXPECT_EQ(done->repack.from.packs, 1U) << pack_size;
                EXPECT_GT(done->collection.deleted.bytes, NeededInPart::kGone) << pack_size;
                EXPECT_EQ(done->repack.problems.size(), 1U) << pack_size;
            }
        }
        EXPECT_EQ(moved, 1U * NeededInPart::kPacks) << pack_size;
        EXPECT_LT(bytes_of_packs(store.contents()), bytes_of_packs(world.start) * 3 / 4)
            << pack_size;
    }
}

// ------------------------------------------------------------------------------ what a run found

/// One damaged answer, of any load, may end a collection. It must not end all later ones: what a
/// barrier binds is what was believed.
TEST(GcDamagedReads, NoneIsWrittenDown) {
    std::uint64_t loads = 0, stopped = 0;
    for (bool is_beyond = false; !is_beyond && !HasFatalFailure(); ++loads) {
        MemoryStore store;
        load(store, world().start);
        FaultStore damaging(store);
        damaging.add({{FaultKind::CorruptBytes}, StoreVerb::Load, "", loads, 1});
        FixedClock clock;
        const auto doomed = open_as_maintainer(damaging, clock);
        if (doomed && !run_gc(**doomed, world().maintainer, gc_options(true))) ++stopped;
        is_beyond = damaging.faults() == 0;
        const auto repository = open(store, clock);
        ASSERT_TRUE(repository);
        const auto done = run_gc(**repository, world().maintainer, gc_options(true));
        ASSERT_TRUE(done) << "load " << loads << ": " << done.error().describe();
        ASSERT_EQ(what_is_lost(**repository, world().kept), "") << "load " << loads;
    }
    EXPECT_GT(stopped, 10U);
    std::printf("COUNT gc_damaged_reads %llu\n", static_cast<unsigned long long>(loads));
}

/// A point that brought no pack leaves nothing to condemn when it expires.
TEST(GcAndCheck, AgreeOnTheIndexOfAPointWithoutPacks) {
    RepoFixture fixture;
    const auto repository = fixture.must_open(kPassword);
    const WriterIdentity writer = *enrol(*repository, "w", Role::Writer);
    const WriterIdentity maintainer = *enrol(*repository, "m", Role::Maintainer);
    Kept kept;
    std::vector<SessionName> same;
    for (int i = 0; i < 3; ++i) {
        same.push_back(back_up(*repository, writer, "h", version(1)).session);
        kept[same.back()] = version(1);
    }
    ASSERT_TRUE(expire(*repository, same[1]));
    kept.erase(same[1]);
    ASSERT_TRUE(run_gc(*repository, maintainer, gc_options(true)));
    EXPECT_EQ(what_is_lost(*fixture.must_open(kPassword), kept), "");
}

/// The place where blocks were born is gone, and no collection may wait for it for ever.
TEST(GcAfterRepair, LetsGoOfWhatWasMovedFromAPackThatWasSetAside) {
    State state;
    Death never;
    ASSERT_TRUE(state.run(Doing::Replicate, never));
    const auto contents = state.main().contents();
    const auto damaged = std::find_if(contents.begin(), contents.end(), [](const auto& object) {
        const auto pack = names::parse_pack(object.first);
        return pack && pack->kind == PackKind::Data && pack->pack.session == world().points[3];
    });
    ASSERT_NE(damaged, contents.end());
    state.main().plant(*ObjectName::parse(damaged->first), as_bytes("damaged"));
    ASSERT_TRUE(state.repair());
    ASSERT_EQ(state.lost(), "");
    for (const Doing doing : {Doing::Backup, Doing::Forget, Doing::Gc, Doing::Gc})
        ASSERT_TRUE(state.run(doing, never));
    const auto before = state.main().contents();
    ASSERT_TRUE(state.run(Doing::Gc, never));
    EXPECT_EQ(state.main().contents(), before) << "there was something left to collect";
    EXPECT_EQ(state.lost(), "");
}

}  // namespace
}  // namespace perdure
