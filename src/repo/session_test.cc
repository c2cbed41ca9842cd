#include "repo/session.h"

#include <gtest/gtest.h>

#include "repo/own_leaves.h"
#include "repo/pack_catalog.h"
#include "store/counting_store.h"
#include "store/fault_store.h"
#include "support/repo_fixture.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

/// The fixture's repository seen through a store that can misbehave.
struct SessionTest : ::testing::Test {
    SessionTest() : identity(fixture.enrol("w")), faulty(fixture.store) {
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        auto opened = Repository::open(faulty, credentials, fixture.clock, system_random(), {});
        EXPECT_TRUE(opened);
        repository = std::move(*opened);
    }

    void add_fault(FaultKind kind, StoreVerb verb, const std::string& prefix,
                   std::uint64_t times = 1, ErrorKind error = ErrorKind::Timeout) {
        FaultRule rule;
        rule.fault = {kind, error, 0};
        rule.verb = verb;
        rule.prefix = prefix;
        rule.times = times;
        faulty.add(rule);
    }

    std::size_t listed_points() {
        fixture.reopen();
        const auto list = fixture.repository->list_points({});
        EXPECT_TRUE(list && list->problems.empty());
        return list ? list->points.size() : 0;
    }

    RepoFixture fixture;
    WriterIdentity identity;
    FaultStore faulty;
    std::unique_ptr<Repository> repository;
};

TEST_F(SessionTest, NumbersFollowEachOtherAndChain) {
    std::optional<Digest> previous;
    for (std::uint64_t n = 1; n <= 4; ++n) {
        const auto committed = commit_point(*repository, identity, "h");
        ASSERT_TRUE(committed);
        EXPECT_EQ(committed->session, session_name(1, n));
        Digest digest;
        const auto entry = repository->load_log_entry(committed->session, &digest, {});
        ASSERT_TRUE(entry);
        EXPECT_EQ(entry->previous, previous);
        previous = digest;
    }
    EXPECT_EQ(listed_points(), 4U);
}

TEST_F(SessionTest, TwoSessionsOfOneWriterRunAtOnce) {
    const LocalCache no_cache;
    auto a = WriteSession::begin(*repository, identity, no_cache, {}, {});
    auto b = WriteSession::begin(*repository, identity, no_cache, {}, {});
    ASSERT_TRUE(a && b);
    EXPECT_EQ((*a)->name(), session_name(1, 1));
    EXPECT_EQ((*b)->name(), session_name(1, 2));
    PointHeader header;
    EXPECT_TRUE((*b)->commit(header, PointBody{}, LivenessSummary{}, {}));
    EXPECT_TRUE((*a)->commit(header, PointBody{}, LivenessSummary{}, {}));
    EXPECT_EQ(listed_points(), 2U);
}

TEST_F(SessionTest, LostAnswersOfEveryCreateAreSettled) {
    for (const char* prefix : {"log/", "packs/", "index/", "points/", "hints/"}) {
        faulty.clear();
        add_fault(FaultKind::LoseAnswer, StoreVerb::Create, prefix);
        const auto committed = commit_point(*repository, identity, "h");
        if (std::string_view(prefix) == "packs/") {
            // A pack has a random name: the run fails, and nothing of it counts.
            EXPECT_FALSE(committed);
            continue;
        }
        ASSERT_TRUE(committed) << prefix << ": " << committed.error().describe();
    }
    EXPECT_EQ(listed_points(), 4U);
}

TEST_F(SessionTest, AnOwnExistsAnswerIsSettledByComparingBytes) {
    for (const char* prefix : {"log/", "packs/", "index/", "points/"}) {
        faulty.clear();
        add_fault(FaultKind::OwnExists, StoreVerb::Create, prefix);
        const auto committed = commit_point(*repository, identity, "h");
        ASSERT_TRUE(committed) << prefix << ": " << committed.error().describe();
    }
    EXPECT_EQ(listed_points(), 4U);
}

TEST_F(SessionTest, ACommitThatCannotBeSettledIsUnknown) {
    add_fault(FaultKind::LoseAnswer, StoreVerb::Create, "points/", FaultRule::kForever);
    add_fault(FaultKind::FailBefore, StoreVerb::Load, "points/", FaultRule::kForever);
    const auto committed = commit_point(*repository, identity, "h");
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().kind(), ErrorKind::Timeout);
    EXPECT_EQ(listed_points(), 1U) << "this time it did get there";
}

TEST_F(SessionTest, AFullStoreFailsAndLeavesNoPoint) {
    for (const char* prefix : {"packs/", "index/", "points/", "log/"}) {
        faulty.clear();
        add_fault(FaultKind::FailBefore, StoreVerb::Create, prefix, FaultRule::kForever,
                  ErrorKind::NoSpace);
        const auto committed = commit_point(*repository, identity, "h");
        ASSERT_FALSE(committed) << prefix;
        EXPECT_NE(committed.error().kind(), ErrorKind::Timeout) << "this is known to have failed";
    }
    EXPECT_EQ(listed_points(), 0U);
    faulty.clear();
    ASSERT_TRUE(commit_point(*repository, identity, "h"));
    EXPECT_EQ(listed_points(), 1U);
}

TEST_F(SessionTest, AFailedHintCostsNothing) {
    add_fault(FaultKind::FailBefore, StoreVerb::Create, "hints/", FaultRule::kForever,
              ErrorKind::Denied);
    ASSERT_TRUE(commit_point(*repository, identity, "h"));
    EXPECT_EQ(listed_points(), 1U);
}

TEST_F(SessionTest, AForeignEndingVoidsTheWork) {
    const LocalCache no_cache;
    auto session = WriteSession::begin(*repository, identity, no_cache, {}, {});
    ASSERT_TRUE(session);
    ASSERT_TRUE(fixture.repository->fence((*session)->name(), {}));
    const auto committed = (*session)->commit(PointHeader{}, PointBody{}, LivenessSummary{}, {});
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().kind(), ErrorKind::Fenced);
    EXPECT_EQ(listed_points(), 0U);
    ASSERT_TRUE(commit_point(*repository, identity, "h")) << "the next number is free";
}

TEST_F(SessionTest, AnInterruptBeforeTheFirstEntryLeavesNothing) {
    std::stop_source stop;
    stop.request_stop();
    const LocalCache no_cache;
    const auto before = fixture.store.contents();
    const auto session = WriteSession::begin(*repository, identity, no_cache, {}, stop.get_token());
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().kind(), ErrorKind::Cancelled);
    EXPECT_EQ(fixture.store.contents(), before);
}

TEST_F(SessionTest, BeginNeedsFewRequestsOnceTheCacheKnowsTheLog) {
    TempDir dir;
    const LocalCache cache(dir / "cache", repository->id(), key_of(1));
    CountingStore counting(fixture.store);
    Credentials credentials;
    credentials.writer = identity;
    std::uint64_t most = 0;
    for (int i = 0; i < 10; ++i) {
        auto opened = Repository::open(counting, credentials, fixture.clock, system_random(), {});
        ASSERT_TRUE(opened);
        ASSERT_TRUE((*opened)->enrolments({}));
        counting.reset();
        auto session = WriteSession::begin(**opened, identity, cache, {}, {});
        ASSERT_TRUE(session);
        if (i > 1) most = std::max(most, counting.counts().requests());
        ASSERT_TRUE((*session)->commit(PointHeader{}, PointBody{}, LivenessSummary{}, {}));
    }
    EXPECT_LE(most, 6U);
}

TEST_F(SessionTest, ADamagedCacheDoesNotLeadAstray) {
    TempDir dir;
    const LocalCache cache(dir / "cache", repository->id(), key_of(1));
    for (const std::string& junk : {std::string(), std::string("x"), noise(1, 200)}) {
        cache.save("head", as_bytes(junk));
        cache.save("leaves", as_bytes(junk));
        auto session = WriteSession::begin(*repository, identity, cache, {}, {});
        ASSERT_TRUE(session) << session.error().describe();
        PackRegistry registry;
        LeafIndex leaves(
            registry, [&](const PackTable& table) { return load_manifest(*repository, table, {}); },
            {});
        load_leaf_index(*repository, cache, **session, leaves, {});
        ASSERT_TRUE((*session)->commit(PointHeader{}, PointBody{}, LivenessSummary{}, {}));
    }
    EXPECT_EQ(listed_points(), 3U);
}

TEST_F(SessionTest, ACacheFromBeforeARollbackIsNoticed) {
    TempDir dir;
    const LocalCache cache(dir / "cache", repository->id(), key_of(1));
    const auto before = fixture.store.contents();
    for (int i = 0; i < 3; ++i) {
        auto session = WriteSession::begin(*repository, identity, cache, {}, {});
        ASSERT_TRUE(session);
        ASSERT_TRUE((*session)->commit(PointHeader{}, PointBody{}, LivenessSummary{}, {}));
    }
    for (const auto& [name, bytes] : fixture.store.contents())
        if (!before.contains(name)) {
            ASSERT_TRUE(fixture.store.remove(*ObjectName::parse(name), {}));
        }
    const auto session = WriteSession::begin(*repository, identity, cache, {}, {});
    EXPECT_FALSE(session) << "who has seen the head does not take an older repository for it";
}

TEST_F(SessionTest, ReusesLeavesOfItsOwnCommittedSessionsOnly) {
    const WriterIdentity other = fixture.enrol("other");
    ASSERT_TRUE(commit_point(*repository, identity, "h", EndKind::Files, {"mine"}));
    ASSERT_TRUE(commit_point(*repository, other, "h", EndKind::Files, {"theirs"}));
    const LocalCache no_cache;
    {
        auto open_one = WriteSession::begin(*repository, identity, no_cache, {}, {});
        ASSERT_TRUE(open_one);
        FinishedPack pack =
            build_pack((*open_one)->context(), {"never committed"}, (*open_one)->new_pack_id());
        ASSERT_TRUE((*open_one)->publish(pack, {1}, {}));
    }
    auto session = WriteSession::begin(*repository, identity, no_cache, {}, {});
    ASSERT_TRUE(session);
    EXPECT_TRUE(bound_index(*repository, session_name(1, 1), {}));
    EXPECT_FALSE(bound_index(*repository, session_name(1, 2), {})) << "it never ended";
    PackRegistry registry;
    LeafIndex leaves(registry,
                     [&](const PackTable& t) { return load_manifest(*repository, t, {}); }, {});
    load_leaf_index(*repository, no_cache, **session, leaves, {});
    EXPECT_EQ(leaves.leaves(), bound_index(*repository, session_name(1, 1), {})->packs.size());
}

TEST_F(SessionTest, AStoreThatOverwritesIsRefused) {
    /// Accepts every create, as a bucket without conditional writes does.
    class Overwriting final : public StoreDecorator {
    public:
        explicit Overwriting(MemoryStore& memory) : StoreDecorator(memory), memory_(memory) {}
        Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token) override {
            memory_.plant(name, bytes);
            return {};
        }

    private:
        MemoryStore& memory_;
    } overwriting(fixture.store);
    Credentials credentials;
    credentials.writer = identity;
    auto opened = Repository::open(overwriting, credentials, fixture.clock, system_random(), {});
    ASSERT_TRUE(opened);
    const LocalCache no_cache;
    const auto session = WriteSession::begin(**opened, identity, no_cache, {}, {});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().kind(), ErrorKind::Unsupported);
}

}  // namespace
}  // namespace perdure
