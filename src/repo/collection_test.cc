#include "repo/collection.h"

#include <gtest/gtest.h>

#include "repo/block_reader.h"
#include "repo/repack.h"
#include "store/fault_store.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

constexpr std::int64_t kHour = 3600 * kSecond;

struct Made {
    SessionName session;
    BirthPack pack;
    std::vector<std::string> blocks;
};

/// One writer, one maintainer, and points of packs with a block a text.
class CollectionTest : public ::testing::Test {
protected:
    CollectionTest() : writer(fixture.enrol("w")) {
        rules.grace_ns = 0;
        rules.max_drop = 1;
    }

    Made commit(const std::vector<std::string>& blocks, const LivenessSummary& besides = {},
                EndKind kind = EndKind::Files, std::vector<SessionDigest> supersedes = {}) {
        auto session = begin();
        Made made = publish(*session, blocks);
        LivenessSummary liveness = besides;
        liveness.packs.push_back({made.pack, {(std::uint64_t{1} << blocks.size()) - 1}});
        PointHeader header;
        header.kind = kind;
        header.host = "h";
        header.supersedes = std::move(supersedes);
        const auto body = is_point(kind) ? std::optional(PointBody()) : std::nullopt;
        const auto done = session->commit(header, body, liveness, {});
        EXPECT_TRUE(done) << done.error().describe();
        return made;
    }
    std::unique_ptr<WriteSession> begin() {
        auto session = WriteSession::begin(repository(), writer, LocalCache(), {}, {});
        EXPECT_TRUE(session) << session.error().describe();
        return std::move(*session);
    }
    Made publish(WriteSession& session, const std::vector<std::string>& blocks) {
        FinishedPack pack = build_pack(session.context(), blocks, session.new_pack_id());
        EXPECT_TRUE(session.publish(pack, std::vector<std::uint64_t>(blocks.size(), 7), {}));
        return {session.name(), pack.table.pack, blocks};
    }
    void expire(SessionName session) {
        const auto point = repository().load_point(session, {});
        ASSERT_TRUE(point) << point.error().describe();
        Fate fate;
        fate.kind = FateKind::Expired;
        ASSERT_TRUE(fixture.repository->add_fate(*point, fate, {}));
    }

    /// The end of `session` is not there when it is looked for the first `times` times.
    Result<CollectionResult> gc_while_missing(SessionName session, std::uint64_t times) {
        FaultStore store(fixture.store);
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        const auto opened =
            Repository::open(store, credentials, fixture.clock, system_random(), {});
        if (!opened) return opened.error();
        store.add({{FaultKind::FailBefore, ErrorKind::NotFound},
                   StoreVerb::Load,
                   names::point(session).text(),
                   0,
                   times});
        return gc_of(Maintainer::from(**opened, nullptr));
    }
    Result<CollectionResult> gc() { return gc_of(Maintainer::from(repository(), nullptr)); }
    Result<CollectionResult> gc_of(Result<Maintainer> maintainer) {
        if (!maintainer) return maintainer.error();
        Collection collection(*maintainer, rules, {});
        CollectionResult result;
        const auto planned = collection.plan();
        if (!planned) return planned.error();
        if (const auto deleted = collection.delete_due(result); !deleted) return deleted.error();
        const auto finished = collection.finish_begun(result);
        if (!finished) return finished.error();
        if (*finished) {
            const auto collected = collection.collect(result);
            if (!collected) return collected.error();
        }
        if (const auto deleted = collection.delete_due(result); !deleted) return deleted.error();
        if (const auto done = collection.delete_indexes(result); !done) return done.error();
        return result;
    }
    CollectionResult must_gc() {
        auto result = gc();
        EXPECT_TRUE(result) << result.error().describe();
        return result ? *result : CollectionResult();
    }

    bool is_stored(const BirthPack& pack) {
        return fixture.store
            .stat(names::pack(kDefaultRetentionClass, PackKind::Data, pack.session, pack.pack), {})
            .has_value();
    }
    void expect_readable(const Made& made, const std::vector<std::uint32_t>& slots) {
        PackRegistry registry;
        PackCatalog catalog(repository(), registry);
        BlockReader reader(repository(), catalog, 1 << 20);
        for (const std::uint32_t slot : slots) {
            const auto block = reader.read(registry.number_of(made.pack), slot, {});
            ASSERT_TRUE(block) << block.error().describe();
            EXPECT_EQ(as_text(**block), made.blocks[slot]);
        }
    }
    const Repository& repository() { return *fixture.repository; }

    RepoFixture fixture;
    WriterIdentity writer;
    CollectionRules rules;
};

TEST_F(CollectionTest, WhatOnlyAnExpiredPointNeededIsDeletedAndTheRestStays) {
    const Made gone = commit({"one", "two"});
    const Made kept = commit({"three"});
    expire(gone.session);
    const CollectionResult result = must_gc();
    EXPECT_EQ(result.deleted.packs, 1U);
    EXPECT_GT(result.deleted.bytes, 0U);
    EXPECT_FALSE(is_stored(gone.pack));
    expect_readable(kept, {0});
    EXPECT_EQ(must_gc().deleted.packs, 0U) << "a second run finds nothing";
}

TEST_F(CollectionTest, APointThatIsNamedMustBeThereButMayComeWhileTheWalkPasses) {
    const Made first = commit({"one"});
    const auto previous = repository().load_point(first.session, {});
    ASSERT_TRUE(previous);
    const Made gone = commit({"two"});
    expire(gone.session);
    auto session = begin();
    publish(*session, {"three"});
    PointHeader header;
    header.host = "h";
    header.previous = {previous->session(), previous->digest};
    ASSERT_TRUE(session->commit(header, PointBody(), LivenessSummary(), {}));
    const auto lost = gc_while_missing(first.session, FaultRule::kForever);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind(), ErrorKind::Corrupt);
    EXPECT_TRUE(is_stored(gone.pack));
    const auto came = gc_while_missing(first.session, 1);
    ASSERT_TRUE(came) << came.error().describe();
    EXPECT_FALSE(is_stored(gone.pack));
    expect_readable(first, {0});
}

TEST_F(CollectionTest, AnIndexGoesOnceItsPointExpiredAndItsPacksAreGone) {
    const Made gone = commit({"one"});
    const Made partly = commit({"two", "three"});
    commit({"four"}, {{}, 0, {{partly.pack, {1}}}});
    expire(gone.session);
    expire(partly.session);
    const auto has_index = [&](const Made& made) {
        return fixture.store.stat(names::index(made.session), {}).has_value();
    };
    EXPECT_EQ(must_gc().indexes, 1U);
    EXPECT_FALSE(has_index(gone));
    EXPECT_TRUE(has_index(partly)) << "it says where live blocks lie";
    EXPECT_EQ(must_gc().indexes, 0U);
    expect_readable(partly, {0});
}

TEST_F(CollectionTest, NothingIsMadeWhereNothingCanGo) {
    const Made kept = commit({"one"});
    const auto before = fixture.store.contents();
    const CollectionResult result = must_gc();
    EXPECT_EQ(result.list, 0U);
    EXPECT_EQ(fixture.store.contents(), before);
}

TEST_F(CollectionTest, APlanChangesNothing) {
    expire(commit({"one"}).session);
    const auto before = fixture.store.contents();
    const auto maintainer = Maintainer::from(repository(), nullptr);
    Collection collection(*maintainer, rules, {});
    const auto plan = collection.plan();
    ASSERT_TRUE(plan) << plan.error().describe();
    EXPECT_EQ(plan->condemnable.packs, 1U);
    EXPECT_EQ(fixture.store.contents(), before);
}

TEST_F(CollectionTest, ABlockThatALaterPointReusesStays) {
    const Made first = commit({"one", "two"});
    const Made second = commit({"three"}, {{}, 0, {{first.pack, {2}}}});
    expire(first.session);
    EXPECT_EQ(must_gc().deleted.packs, 0U);
    expect_readable(first, {1});
    expire(second.session);
    EXPECT_EQ(must_gc().deleted.packs, 2U);
}

TEST_F(CollectionTest, ASessionThatStillRunsIsWaitedForAndItsWordCounts) {
    const Made gone = commit({"one"});
    expire(gone.session);
    auto running = begin();  // knows of no list: it may build on anything
    const CollectionResult waits = must_gc();
    ASSERT_EQ(waits.waiting.size(), 1U);
    EXPECT_EQ(waits.waiting[0].session, running->name());
    EXPECT_TRUE(is_stored(gone.pack));
    PointHeader header;
    header.host = "h";
    ASSERT_TRUE(
        running->commit(header, PointBody(), LivenessSummary{{}, 0, {{gone.pack, {1}}}}, {}));
    const CollectionResult after = must_gc();
    EXPECT_EQ(after.deleted.packs, 0U) << "the recount saw what it built on";
    expect_readable(gone, {0});
}

TEST_F(CollectionTest, ADeadSessionIsFencedOnceNothingCameFromItForLong) {
    const Made gone = commit({"one"});
    expire(gone.session);
    auto dead = begin();
    const Made left = publish(*dead, {"left"});
    EXPECT_EQ(must_gc().waiting.size(), 1U);
    fixture.clock.now_ns += 25 * kHour;
    const CollectionResult result = must_gc();
    EXPECT_EQ(result.fenced, std::vector{dead->name()});
    EXPECT_FALSE(is_stored(gone.pack));
    EXPECT_FALSE(is_stored(left.pack)) << "an orphan of the fenced session";
    const auto late = dead->commit(PointHeader(), PointBody(), LivenessSummary(), {});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind(), ErrorKind::Fenced);
}

TEST_F(CollectionTest, NowFencesAtOnce) {
    expire(commit({"one"}).session);
    auto running = begin();
    rules.now = true;
    const CollectionResult result = must_gc();
    EXPECT_EQ(result.fenced.size(), 1U);
    EXPECT_EQ(result.deleted.packs, 1U);
}

TEST_F(CollectionTest, ASessionAboveTheBarrierReusesNothingCondemnedUntilTheVerdictReleasesIt) {
    const Made old = commit({"one", "two"});
    expire(old.session);
    auto running = begin();
    ASSERT_EQ(must_gc().waiting.size(), 1U);
    auto above = begin();
    EXPECT_FALSE(above->may_reuse(old.pack));
    PointHeader header;
    header.host = "h";
    ASSERT_TRUE(
        running->commit(header, PointBody(), LivenessSummary{{}, 0, {{old.pack, {1}}}}, {}));
    must_gc();
    ASSERT_TRUE(above->commit(header, PointBody(), LivenessSummary(), {}));
    EXPECT_TRUE(begin()->may_reuse(old.pack)) << "the verdict keeps it";
}

TEST_F(CollectionTest, AWriterEnrolledAfterTheListObeysIt) {
    const Made old = commit({"one"});
    expire(old.session);
    auto running = begin();
    must_gc();
    const WriterIdentity late = fixture.enrol("late");
    EXPECT_EQ(late.obeys, 1U);
    auto session = WriteSession::begin(repository(), late, LocalCache(), {}, {});
    ASSERT_TRUE(session) << session.error().describe();
    EXPECT_FALSE((*session)->may_reuse(old.pack));
}

TEST_F(CollectionTest, TheGracePeriodIsKept) {
    const Made gone = commit({"one"});
    expire(gone.session);
    rules.grace_ns = 24 * kHour;
    const CollectionResult first = must_gc();
    EXPECT_EQ(first.deleted.packs, 0U);
    EXPECT_EQ(first.in_grace.packs, 1U);
    fixture.clock.now_ns += 23 * kHour;
    EXPECT_EQ(must_gc().deleted.packs, 0U);
    fixture.clock.now_ns += 2 * kHour;
    EXPECT_EQ(must_gc().deleted.packs, 1U);
    EXPECT_FALSE(is_stored(gone.pack));
}

TEST_F(CollectionTest, ASupersededCheckpointKeepsNothingAndOneThatIsNotDoes) {
    const Made first = commit({"one"}, {}, EndKind::Checkpoint);
    const Made other = commit({"two"}, {}, EndKind::Checkpoint);
    const auto end = repository().load_point(first.session, {});
    ASSERT_TRUE(end);
    commit({"three"}, {}, EndKind::Files, {{first.session, end->digest}});
    EXPECT_EQ(must_gc().deleted.packs, 1U);
    EXPECT_FALSE(is_stored(first.pack));
    expect_readable(other, {0});
}

TEST_F(CollectionTest, ASupersededCheckpointWhoseIndexIsGoneStopsNoCollection) {
    const Made first = commit({"one"}, {}, EndKind::Checkpoint);
    const auto end = repository().load_point(first.session, {});
    ASSERT_TRUE(end);
    commit({"two"}, {}, EndKind::Files, {{first.session, end->digest}});
    const ObjectName index = names::index(first.session);
    must_gc();
    must_gc();
    ASSERT_FALSE(fixture.store.stat(index, {})) << "nothing needs it any more";
    const Made gone = commit({"three"});
    expire(gone.session);
    EXPECT_EQ(must_gc().deleted.packs, 1U);
}

TEST_F(CollectionTest, ACheckpointThatCountsAndWhoseIndexIsGoneStopsACollection) {
    const Made first = commit({"one"}, {}, EndKind::Checkpoint);
    expire(commit({"two"}).session);
    const ObjectName index = names::index(first.session);
    ASSERT_TRUE(fixture.store.remove(index, {}));
    const auto stopped = gc();
    ASSERT_FALSE(stopped);
    EXPECT_NE(stopped.error().describe().find(index.text()), std::string::npos);
}

TEST_F(CollectionTest, AMissingOrDamagedIndexOfALivePointStopsAndIsNamed) {
    const Made kept = commit({"one"});
    expire(commit({"two"}).session);
    const ObjectName index = names::index(kept.session);
    const Buffer whole = *fixture.store.load(index, ByteRange::all(), {});
    Buffer damaged = whole;
    damaged[40] ^= std::byte{1};
    fixture.store.plant(index, damaged);
    const auto stopped = gc();
    ASSERT_FALSE(stopped);
    EXPECT_NE(stopped.error().describe().find(index.text()), std::string::npos);
    ASSERT_TRUE(fixture.store.remove(index, {}));
    const auto missing = gc();
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().describe().find(index.text()), std::string::npos);
    fixture.store.plant(index, whole);
    EXPECT_EQ(must_gc().deleted.packs, 1U);
}

TEST_F(CollectionTest, ALostLogEntryOrEnrolmentStops) {
    commit({"one"});
    expire(commit({"two"}).session);
    commit({"three"});
    fixture.enrol("second");
    for (const ObjectName& name :
         {names::log_entry(session_name(1, 2)), names::enrolment(WriterNumber{1})}) {
        const Buffer whole = *fixture.store.load(name, ByteRange::all(), {});
        ASSERT_TRUE(fixture.store.remove(name, {}));
        fixture.reopen();
        const auto stopped = gc();
        ASSERT_FALSE(stopped) << name.text();
        EXPECT_NE(stopped.error().describe().find(name.text()), std::string::npos)
            << stopped.error().describe();
        fixture.store.plant(name, whole);
    }
    fixture.reopen();
    EXPECT_EQ(must_gc().deleted.packs, 1U);
}

TEST_F(CollectionTest, AnEndThatCannotBeBelievedStops) {
    commit({"one"});
    const Made gone = commit({"two"});
    expire(gone.session);
    auto open = begin();
    fixture.store.plant(names::point(open->name()), as_bytes("no record"));
    const auto stopped = gc();
    ASSERT_FALSE(stopped);
    EXPECT_NE(stopped.error().describe().find(names::point(open->name()).text()),
              std::string::npos);
    EXPECT_TRUE(is_stored(gone.pack));
}

TEST_F(CollectionTest, APointThatWasCountedAndIsGoneStops) {
    const Made kept = commit({"one"});
    expire(commit({"two"}).session);
    must_gc();
    const Made later = commit({"three"});
    expire(later.session);
    const ObjectName name = names::point(kept.session);
    const Buffer whole = *fixture.store.load(name, ByteRange::all(), {});
    ASSERT_TRUE(fixture.store.remove(name, {}));
    rules.now = true;
    const auto stopped = gc();
    ASSERT_FALSE(stopped);
    EXPECT_NE(stopped.error().describe().find(name.text()), std::string::npos);
    EXPECT_TRUE(is_stored(kept.pack));
    EXPECT_TRUE(is_stored(later.pack));
    fixture.store.plant(name, whole);
    EXPECT_EQ(must_gc().deleted.packs, 1U);
    expect_readable(kept, {0});
}

TEST_F(CollectionTest, MoreThanASetShareDoesNotGoUnasked) {
    expire(commit({noise(1, 20000)}).session);
    commit({"small"});
    rules.max_drop = 0.8;
    const auto refused = gc();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Denied);
    rules.force = true;
    EXPECT_EQ(must_gc().deleted.packs, 1U);
}

TEST_F(CollectionTest, AWritersClaimToHoldABlockOfAnotherIsNoPlaceOfIt) {
    const WriterIdentity other = fixture.enrol("other");
    const Made mine = commit({"one"});
    auto liar = WriteSession::begin(repository(), other, LocalCache(), {}, {});
    ASSERT_TRUE(liar);
    FinishedPack pack = build_pack((*liar)->context(), {"false"}, (*liar)->new_pack_id());
    pack.table.slots[0].birth = {mine.pack, 0};
    ASSERT_TRUE((*liar)->publish(pack, {7}, {}));
    PointHeader header;
    header.host = "h";
    ASSERT_TRUE((*liar)->commit(header, PointBody(), LivenessSummary(), {}));
    must_gc();
    expect_readable(mine, {0});
}

TEST_F(CollectionTest, OnlyTheOwnerOrAMaintainerCollects) {
    const auto by_writer = fixture.open(writer);
    ASSERT_TRUE(by_writer);
    const auto denied = Maintainer::from(**by_writer, &writer);
    ASSERT_FALSE(denied);
    EXPECT_EQ(denied.error().kind(), ErrorKind::Denied);
}

TEST_F(CollectionTest, AMaintainerCollectsWithoutThePassword) {
    Certificate certificate;
    certificate.role = Role::Maintainer;
    certificate.name = "m";
    const auto identity = fixture.repository->enrol(certificate, {});
    ASSERT_TRUE(identity);
    const Made gone = commit({"one"});
    const Made kept = commit({"two"});
    expire(gone.session);
    const auto opened = fixture.open(*identity);
    ASSERT_TRUE(opened);
    const auto result = gc_of(Maintainer::from(**opened, &*identity));
    ASSERT_TRUE(result) << result.error().describe();
    EXPECT_EQ(result->deleted.packs, 1U);
    EXPECT_FALSE(is_stored(gone.pack));
    expect_readable(kept, {0});
    EXPECT_TRUE(begin()) << "its barrier is believed";
}

TEST_F(CollectionTest, ALogOfARevokedWriterEndsAtItsLastNumber) {
    const Made kept = commit({"one"});
    const Made gone = commit({"two"});
    expire(gone.session);
    ASSERT_TRUE(fixture.repository->revoke(writer.enrolment, gone.session.session, "lost", {}));
    EXPECT_EQ(must_gc().deleted.packs, 1U);
    EXPECT_FALSE(is_stored(gone.pack));
    expect_readable(kept, {0});
}

// ------------------------------------------------------------------------------------ repack

class RepackTest : public CollectionTest {
protected:
    RepackTest() {
        Certificate certificate;
        certificate.role = Role::Maintainer;
        certificate.name = "m";
        auto made = fixture.repository->enrol(certificate, {});
        EXPECT_TRUE(made);
        maintainer = *made;
    }

    RepackResult repack(double max_unused = 0) {
        const auto as = Maintainer::from(repository(), nullptr);
        Collection collection(*as, rules, {});
        EXPECT_TRUE(collection.plan());
        CollectionView view = collection.driver().view(0);
        const auto condemned = collection.driver().condemned();
        EXPECT_TRUE(condemned);
        for (const PackNumber n : *condemned) view.leave(n);
        RepackLimits limits;
        limits.max_unused_share = max_unused;
        const RepackPlan plan = plan_repack(collection.driver().facts(), view, limits);
        RepackResult result;
        const auto done = WriteSession::repack(repository(), maintainer, LocalCache(), {},
                                               [&](WriteSession& session) {
                                                   return copy_live_blocks(
                                                       repository(), collection.driver().facts(),
                                                       view, plan, session, result, {});
                                               },
                                               {});
        EXPECT_TRUE(done) << done.error().describe();
        return result;
    }

    WriterIdentity maintainer;
};

TEST_F(RepackTest, LiveBlocksMoveTheirPackGoesAndTheyAreReadAtTheirNewPlace) {
    const Made old = commit({"one", "two", "three"});
    commit({"four"}, {{}, 0, {{old.pack, {2}}}});
    expire(old.session);
    const RepackResult moved = repack();
    EXPECT_EQ(moved.from.packs, 1U);
    EXPECT_EQ(moved.blocks, 1U);
    EXPECT_EQ(must_gc().deleted.packs, 1U);
    EXPECT_FALSE(is_stored(old.pack));
    expect_readable(old, {1});
    PackRegistry registry;
    PackCatalog catalog(repository(), registry);
    BlockReader reader(repository(), catalog, 1 << 20);
    EXPECT_FALSE(reader.read(registry.number_of(old.pack), 0, {})) << "the dead ones are gone";
}

TEST_F(RepackTest, WhatWasMovedMovesAgain) {
    const Made old = commit({"one", "two", "three"});
    const Made middle = commit({"four"}, {{}, 0, {{old.pack, {3}}}});
    commit({"five"}, {{}, 0, {{old.pack, {1}}}});
    expire(old.session);
    repack();
    must_gc();
    expire(middle.session);
    EXPECT_EQ(repack().blocks, 1U);
    EXPECT_EQ(must_gc().deleted.packs, 2U) << "the second point's pack, and the first repack's";
    expect_readable(old, {0});
}

TEST_F(RepackTest, ASessionReusesAMovedBlockAndNoDeadOne) {
    const Made old = commit({"one", "two"});
    commit({"three"}, {{}, 0, {{old.pack, {2}}}});
    expire(old.session);
    repack();
    must_gc();
    const auto session = begin();
    EXPECT_FALSE(session->may_reuse(old.pack));
    EXPECT_FALSE(session->may_reuse(BirthAddress{old.pack, 0}, {}));
    EXPECT_TRUE(session->may_reuse(BirthAddress{old.pack, 1}, {}));
}

TEST_F(RepackTest, ADamagedPackIsLeftAsItIs) {
    const Made old = commit({"one", "two"});
    commit({"three"}, {{}, 0, {{old.pack, {2}}}});
    expire(old.session);
    const ObjectName name =
        names::pack(kDefaultRetentionClass, PackKind::Data, old.pack.session, old.pack.pack);
    Buffer bytes = *fixture.store.load(name, ByteRange::all(), {});
    const auto index = repository().load_index(old.session, std::nullopt, {});
    bytes[(*index)->packs[0].slots[1].offset + kBlockHeaderSize] ^= std::byte{1};
    fixture.store.plant(name, bytes);
    const RepackResult result = repack();
    EXPECT_EQ(result.blocks, 0U);
    EXPECT_EQ(result.problems.size(), 1U);
    must_gc();
    EXPECT_TRUE(is_stored(old.pack));
}

TEST_F(RepackTest, PacksWithinTheLimitStay) {
    const Made old = commit({"one", "two"});
    commit({"three"}, {{}, 0, {{old.pack, {2}}}});
    expire(old.session);
    EXPECT_EQ(repack(1.0).from.packs, 0U);
}

}  // namespace
}  // namespace perdure
