#include "repo/lock_horizon.h"

#include <gtest/gtest.h>

#include "repo/ledger.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

/// A repository whose objects are locked for ten days and windows of four.
struct LockHorizonTest : ::testing::Test {
    LockHorizonTest() : identity(fixture.enrol("w")), other(fixture.enrol("o")) {
        at_day(0);
        EXPECT_TRUE(set("std", "governance:10:4"));
    }

    Result<void> set(const char* name, const char* lock, std::uint32_t longest = 0) {
        return repository().set_retention_class(parse_retention_class(name, lock).value(), longest,
                                                {});
    }
    Repository& repository() { return *fixture.repository; }
    ObjectLocks& locks() { return *fixture.store.locks(); }
    /// The store's clock; this machine's stands still, which must not matter.
    void at_day(std::int64_t day) { fixture.store.set_lock_time(kStart + day * kDayNs); }
    static std::int64_t day(std::int64_t n) { return kStart + n * kDayNs; }

    BirthPack pack_of(const WriterIdentity& writer) {
        const auto committed = commit_point(repository(), writer, "h");
        EXPECT_TRUE(committed) << committed.error().describe();
        const auto index = repository().load_index(committed->session, committed->index, {});
        EXPECT_TRUE(index);
        return (*index)->packs.at(0).pack;
    }
    /// Whether a session that begins now builds on it.
    bool is_reused(const BirthPack& pack, const char* retention_class = "std") {
        SessionOptions options;
        options.retention_class = retention_class;
        const auto session = WriteSession::begin(repository(), identity, LocalCache(), options, {});
        EXPECT_TRUE(session) << session.error().describe();
        return (*session)->may_reuse(pack);
    }
    void sign(std::int64_t until_day, std::vector<SessionName> sessions,
              const char* retention_class = "std", LockMode mode = LockMode::Governance) {
        LedgerRecord record;
        record.kind = LedgerKind::LockHorizon;
        record.retention_class = retention_class;
        record.lock_mode = mode;
        record.locked_until_ns = day(until_day);
        record.locked = std::move(sessions);
        EXPECT_TRUE(append_to_ledger(repository(), record, {}));
    }

    static constexpr std::int64_t kStart = 1'800'000'000'000'000'000;
    RepoFixture fixture;
    WriterIdentity identity, other;
};

TEST_F(LockHorizonTest, WhatIsCreatedIsLockedByTheStoresClock) {
    const BirthPack pack = pack_of(identity);
    const auto point = repository().load_point(pack.session, {});
    ASSERT_TRUE(point);
    EXPECT_EQ(point->header.locked_until_ns, static_cast<std::uint64_t>(day(10)));
    EXPECT_EQ(point->header.new_locked_until_ns, static_cast<std::uint64_t>(day(14)));
    const ObjectName stored[] = {names::pack("std", PackKind::Data, pack.session, pack.pack),
                                 names::point(pack.session), names::index(pack.session),
                                 names::log_entry(pack.session), names::epoch(EpochNumber{2})};
    for (const ObjectName& name : stored) {
        const auto lock = locks().lock_of(name, "", {});
        ASSERT_TRUE(lock && *lock) << name.text();
        EXPECT_EQ((*lock)->until_ns, day(14)) << name.text();
        EXPECT_FALSE(fixture.store.remove(name, {})) << name.text();
    }
}

TEST_F(LockHorizonTest, OwnPacksAreBuiltOnWhileTheirLocksReachFarEnough) {
    const BirthPack pack = pack_of(identity);
    EXPECT_TRUE(is_reused(pack));
    at_day(4);
    EXPECT_TRUE(is_reused(pack)) << "locked until day 14, needed until day 14";
    at_day(5);
    EXPECT_FALSE(is_reused(pack));
}

TEST_F(LockHorizonTest, ASignedHorizonCoversTheSessionsThatItNames) {
    const BirthPack pack = pack_of(identity), second = pack_of(identity), foreign = pack_of(other);
    at_day(5);
    EXPECT_FALSE(is_reused(foreign));
    sign(19, {pack.session, foreign.session});
    EXPECT_TRUE(is_reused(pack));
    EXPECT_TRUE(is_reused(foreign));
    EXPECT_FALSE(is_reused(second)) << "no part of it";
    at_day(9);
    EXPECT_TRUE(is_reused(pack));
    at_day(10);
    EXPECT_FALSE(is_reused(pack));
    sign(24, {second.session});
    EXPECT_FALSE(is_reused(pack)) << "the newest record counts alone";
    EXPECT_TRUE(is_reused(second));
}

TEST_F(LockHorizonTest, WeakerLocksAndClassesWithoutThemAreNotBuiltOn) {
    ASSERT_TRUE(set("hard", "compliance:10:4"));
    ASSERT_TRUE(set("loose", "none"));
    const BirthPack pack = pack_of(identity);
    EXPECT_FALSE(is_reused(pack, "hard"));
    EXPECT_TRUE(is_reused(pack, "loose")) << "needs no lock";
    sign(30, {pack.session});
    EXPECT_FALSE(is_reused(pack, "hard"));
    sign(30, {pack.session}, "hard", LockMode::Compliance);
    EXPECT_TRUE(is_reused(pack, "hard"));
    at_day(15);
    sign(29, {}, "std");
    EXPECT_TRUE(is_reused(pack)) << "the stronger lock will do";
}

TEST_F(LockHorizonTest, AWritersOwnWordIsNoHorizon) {
    const BirthPack foreign = pack_of(other);
    at_day(5);
    // Sealed with the same key, signed by a writer.
    const auto opened = fixture.open(other);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(append_to_ledger(**opened, LedgerRecord(), {}));
    EXPECT_FALSE(Maintainer::from(**opened, &other));
    EXPECT_FALSE(is_reused(foreign));
}

TEST_F(LockHorizonTest, LaterSessionsOfARunPromiseWhatItsFirstOneDid) {
    const BirthPack pack = pack_of(identity);
    at_day(4);
    SessionOptions options;
    auto first = WriteSession::begin(repository(), identity, LocalCache(), options, {});
    ASSERT_TRUE(first && (*first)->may_reuse(pack));
    options.locked_until_ns = (*first)->locked_until_ns();
    EXPECT_EQ(options.locked_until_ns, day(14));
    at_day(5);
    auto later = WriteSession::begin(repository(), identity, LocalCache(), options, {});
    ASSERT_TRUE(later);
    EXPECT_TRUE((*later)->may_reuse(pack)) << "a long run keeps what it has taken over";
    EXPECT_EQ((*later)->locked_until_ns(), day(14));
}

TEST_F(LockHorizonTest, ClassesAreNotWeakenedAndKeepWithinTheCap) {
    EXPECT_FALSE(set("std", "none"));
    EXPECT_FALSE(set("std", "compliance:10:4"));
    EXPECT_TRUE(set("std", "governance:20:4", 30));
    EXPECT_FALSE(set("year", "governance:365"));
    EXPECT_TRUE(set("year", "governance:365", 1000));
    EXPECT_FALSE(set("week", "governance:7:1", 20)) << "the others would be above it";
    const auto& features = repository().epoch().features;
    EXPECT_EQ(features.write, std::vector<std::string>{std::string(kObjectLockFeature)});
    EXPECT_EQ(features.collect, features.write);
    EXPECT_TRUE(features.read.empty()) << "restores need none of it";
    EXPECT_FALSE(repository().retention_class("unknown")) << "only std is there without being made";
    fixture.reopen();
    EXPECT_TRUE(repository().locks_objects());
    EXPECT_EQ(repository().retention_class("year")->lock_days, 365U);
}

TEST(LockHorizon, AStoreWithoutLocksIsToldFromOneThatIsOnlyRead) {
    RepoFixture fixture;
    const WriterIdentity identity = fixture.enrol("w");
    const auto refused = fixture.repository->set_retention_class(
        parse_retention_class("std", "governance:10").value(), 0, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Unsupported);
    EXPECT_TRUE(commit_point(*fixture.repository, identity, "h")) << "nothing was changed";
}

TEST(LockHorizon, RecordsSurviveEncoding) {
    LedgerRecord record;
    record.kind = LedgerKind::LockHorizon;
    record.retention_class = "year";
    record.lock_mode = LockMode::Compliance;
    record.locked_until_ns = 77;
    record.locked = {session_name(1, 2), session_name(3, 4)};
    const auto back = decode_ledger_record(encode_ledger_record(record));
    ASSERT_TRUE(back) << back.error().describe();
    EXPECT_EQ(back->kind, record.kind);
    EXPECT_EQ(back->retention_class, "year");
    EXPECT_EQ(back->lock_mode, LockMode::Compliance);
    EXPECT_EQ(back->locked_until_ns, 77);
    EXPECT_EQ(back->locked, record.locked);
}

}  // namespace
}  // namespace perdure
