// Collections that stop anywhere: after any call to the store, answered or not, the next
// collection, backup and restore work, what is kept is whole, and the space is freed in the end.

#include <gtest/gtest.h>

#include <cstdio>

#include "support/gc_runs.h"

namespace perdure {
namespace {

Roots version(int i) {
    MemoryTree tree;
    for (int t = 0; t < i; ++t) tree.tick();
    // More than a block, so that a pack is needed in part: what follows lies in the next one.
    tree.put_file("changes", noise(100 + static_cast<std::uint64_t>(i), 1'100'000));
    tree.put_file("same", noise(1, 40'000));
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

/// Stops at a call that changes something, having done it or not, and answers nothing from then on.
class DyingStore final : public Store {
public:
    DyingStore(Store& inner, std::uint64_t last, bool done)
        : inner_(inner), last_(last), done_(done) {}

    std::uint64_t changes() const { return changes_; }
    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        return change([&] { return inner_.create(name, bytes, stop); });
    }
    Result<void> remove(const ObjectName& name, std::stop_token stop) override {
        return change([&] { return inner_.remove(name, stop); });
    }
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override {
        if (is_dead_) return dead();
        return inner_.load(name, range, stop);
    }
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override {
        if (is_dead_) return dead();
        return inner_.stat(name, stop);
    }
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override {
        if (is_dead_) return dead();
        return inner_.list(prefix, fn, stop);
    }

private:
    static Error dead() { return Error(ErrorKind::Unavailable, "the store is gone"); }
    template <class F>
    Result<void> change(F&& f) {
        if (is_dead_) return dead();
        if (changes_++ != last_) return f();
        is_dead_ = true;
        if (done_) static_cast<void>(f().has_value());
        return dead();
    }

    Store& inner_;
    const std::uint64_t last_;
    const bool done_;
    std::uint64_t changes_ = 0;
    bool is_dead_ = false;
};

constexpr std::uint64_t kNever = ~std::uint64_t{0};

/// Opens the repository in `store` with the password.
Result<std::unique_ptr<Repository>> open(Store& store, Clock& clock) {
    Credentials credentials;
    credentials.passphrase = Passphrase("correct horse");
    return Repository::open(store, credentials, clock, system_random(), {});
}

class GcCrash : public ::testing::TestWithParam<bool> {
protected:
    /// Collects, backs up and collects again; after each all that is kept must be there.
    void go_on(MemoryStore& store, const std::string& at) {
        FixedClock clock;
        const auto repository = open(store, clock);
        ASSERT_TRUE(repository);
        Kept kept = before.kept;
        ASSERT_EQ(what_is_lost(**repository, kept), "") << at;
        const auto again = run_gc(**repository, before.maintainer, gc_options(true));
        ASSERT_TRUE(again) << at << ": " << again.error().describe();
        kept[back_up(**repository, before.writer, "h", version(3)).session] = version(3);
        ASSERT_EQ(what_is_lost(**repository, kept), "") << at << ", a collection and a backup";
        ASSERT_TRUE(run_gc(**repository, before.maintainer, gc_options(true))) << at;
        ASSERT_EQ(what_is_lost(**repository, kept), "") << at << ", and another collection";
    }

    const World before;
};

TEST_P(GcCrash, AfterAnyChangeTheNextCollectionBackupAndRestoreWork) {
    const MemoryStore::Contents start = before.fixture.store.contents();
    FixedClock clock;
    MemoryStore whole;
    load(whole, start);
    DyingStore counting(whole, kNever, false);
    const auto undisturbed = open(counting, clock);
    ASSERT_TRUE(undisturbed);
    const auto done = run_gc(**undisturbed, before.maintainer, gc_options(true));
    ASSERT_TRUE(done) << done.error().describe();
    EXPECT_GT(done->repack.blocks, 0U);
    EXPECT_LT(bytes_of_packs(whole.contents()), bytes_of_packs(start) / 2);
    go_on(whole, "undisturbed");

    const std::uint64_t changes = counting.changes();
    for (std::uint64_t last = 0; last < changes && !HasFatalFailure(); ++last) {
        MemoryStore store;
        load(store, start);
        DyingStore dying(store, last, GetParam());
        const auto doomed = open(dying, clock);
        ASSERT_TRUE(doomed);
        const std::string at = "change " + std::to_string(last) + " of " + std::to_string(changes);
        EXPECT_FALSE(run_gc(**doomed, before.maintainer, gc_options(true))) << at;
        go_on(store, at);
        EXPECT_LT(bytes_of_packs(store.contents()), bytes_of_packs(start)) << at;
    }
    std::printf("COUNT gc_crashes %llu\n", static_cast<unsigned long long>(changes));
}

INSTANTIATE_TEST_SUITE_P(Ways, GcCrash, ::testing::Bool(),
                         [](const auto& way) { return way.param ? "AfterIt" : "BeforeIt"; });

TEST(GcDiskFull, ACollectionOnAFullStoreStopsAndLosesNothing) {
    const World before;
    MemoryStore::Contents start = before.fixture.store.contents();
    std::uint64_t used = 0;
    for (const auto& [name, bytes] : start) used += bytes.size();
    for (const std::uint64_t room : {0, 200, 500, 1000, 5000, 40'000, 200'000}) {
        MemoryStore store(used + room);
        load(store, start);
        FixedClock clock;
        const auto repository = open(store, clock);
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
