// Collections that stop anywhere: after any call to the store, answered or not, the next
// collection, backup and restore work, what is kept is whole, and the space is freed in the end.

#include <gtest/gtest.h>

#include <cstdio>

#include "store/fault_store.h"
#include "support/gc_runs.h"

namespace perdure {
namespace {

Roots version(int i) {
    MemoryTree tree;
    for (int t = 0; t < i; ++t) tree.tick();
    tree.put_file("same", noise(1, 40'000));
    tree.put_file("changes", noise(100 + static_cast<std::uint64_t>(i), 30'000));
    tree.put_file("log", "line " + std::to_string(i));
    return {{"/data", tree}};
}

/// Three points, two of them expired: packs to drop, one to repack, and one of a broken-off
/// session.
struct World {
    World() {
        repository = fixture.must_open("correct horse");
        writer = *enrol(*repository, "w", Role::Writer);
        maintainer = *enrol(*repository, "m", Role::Maintainer);
        for (int i = 0; i < 3; ++i) points.push_back(back_up(i));
        for (int i = 0; i < 2; ++i) EXPECT_TRUE(expire(*repository, points[i]));
        kept[points[2]] = version(2);
        const auto broken_off = WriteSession::begin(*repository, writer, LocalCache(), {}, {});
        FinishedPack pack =
            build_pack((*broken_off)->context(), {"left"}, (*broken_off)->new_pack_id());
        EXPECT_TRUE((*broken_off)->publish(pack, {7}, {}));
    }
    SessionName back_up(int i) {
        return perdure::back_up(*repository, writer, "h", version(i)).session;
    }

    RepoFixture fixture;
    std::unique_ptr<Repository> repository;
    WriterIdentity writer;
    WriterIdentity maintainer;
    std::vector<SessionName> points;
    Kept kept;
};

std::uint64_t bytes_of_packs(const MemoryStore::Contents& contents) {
    std::uint64_t bytes = 0;
    for (const auto& [name, object] : contents)
        if (names::parse_pack(name)) bytes += object.size();
    return bytes;
}

void load(MemoryStore& store, const MemoryStore::Contents& contents) {
    for (const auto& [name, bytes] : contents) store.plant(*ObjectName::parse(name), bytes);
}

class GcCrash : public ::testing::TestWithParam<FaultKind> {};

TEST_P(GcCrash, AfterAnyCallTheNextCollectionBackupAndRestoreWork) {
    const World before;
    const MemoryStore::Contents start = before.fixture.store.contents();
    std::uint64_t calls = 0;
    std::uint64_t smallest = ~std::uint64_t{0};
    std::uint64_t tried = 0;
    for (std::uint64_t stop_at = 0; calls == 0 || stop_at < calls; ++stop_at) {
        MemoryStore store;
        load(store, start);
        FaultStore dying(store);
        FixedClock clock;
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        const auto doomed = Repository::open(dying, credentials, clock, system_random(), {});
        ASSERT_TRUE(doomed);
        const std::uint64_t opened = dying.calls();
        if (calls == 0) {  // once to its end, to know how many calls there are
            ASSERT_TRUE(run_gc(**doomed, before.maintainer, gc_options(true)));
            calls = dying.calls() - opened;
            smallest = bytes_of_packs(store.contents());
            stop_at = ~std::uint64_t{0};
            continue;
        }
        FaultRule last;
        last.fault = {GetParam(), ErrorKind::Unavailable, 0};
        last.skip = stop_at;
        last.times = 1;
        FaultRule dead = last;
        dead.fault.kind = FaultKind::FailBefore;
        dead.times = FaultRule::kForever;
        dying.add(last);
        dying.add(dead);
        const auto stopped = run_gc(**doomed, before.maintainer, gc_options(true));
        EXPECT_FALSE(stopped) << "call " << stop_at;

        auto after = Repository::open(store, credentials, clock, system_random(), {});
        ASSERT_TRUE(after);
        const std::string at =
            "after call " + std::to_string(stop_at) + " of " + std::to_string(calls);
        ASSERT_EQ(what_is_lost(**after, before.kept), "") << at;
        const auto again = run_gc(**after, before.maintainer, gc_options(true));
        ASSERT_TRUE(again) << at << ": " << again.error().describe();
        Kept kept = before.kept;
        kept[back_up(**after, before.writer, "h", version(3)).session] = version(3);
        ASSERT_EQ(what_is_lost(**after, kept), "") << at << ", and a collection and a backup";
        ASSERT_TRUE(run_gc(**after, before.maintainer, gc_options(true))) << at;
        ASSERT_EQ(what_is_lost(**after, kept), "") << at << ", and another collection";
        EXPECT_LE(bytes_of_packs(store.contents()), smallest + 60'000) << at;
        ++tried;
    }
    std::printf("COUNT gc_crashes %llu\n", static_cast<unsigned long long>(tried));
    EXPECT_GT(tried, 60U);
}

INSTANTIATE_TEST_SUITE_P(Ways, GcCrash,
                         ::testing::Values(FaultKind::FailBefore, FaultKind::LoseAnswer),
                         [](const auto& info) {
                             return info.param == FaultKind::FailBefore ? "BeforeIt" : "AfterIt";
                         });

TEST(GcDiskFull, ACollectionOnAFullStoreStopsAndLosesNothing) {
    const World before;
    MemoryStore::Contents start = before.fixture.store.contents();
    std::uint64_t used = 0;
    for (const auto& [name, bytes] : start) used += bytes.size();
    for (const std::uint64_t room : {0, 200, 500, 1000, 5000, 40'000}) {
        MemoryStore store(used + room);
        load(store, start);
        FixedClock clock;
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        const auto repository = Repository::open(store, credentials, clock, system_random(), {});
        ASSERT_TRUE(repository);
        const auto result = run_gc(**repository, before.maintainer, gc_options(true));
        if (!result) {
            EXPECT_EQ(result.error().kind(), ErrorKind::NoSpace) << result.error().describe();
        }
        EXPECT_EQ(what_is_lost(**repository, before.kept), "") << room;
    }
}

}  // namespace
}  // namespace perdure
