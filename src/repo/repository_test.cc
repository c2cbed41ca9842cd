#include "repo/repository.h"

#include <gtest/gtest.h>

#include "store/fault_store.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

ErrorKind kind_of(const Result<std::unique_ptr<Repository>>& opened) {
    return opened ? ErrorKind::Internal : opened.error().kind();
}

TEST(Repository, OpensWithPasswordOrRecoveryKey) {
    RepoFixture f;
    EXPECT_TRUE(f.repository->is_owner());
    const auto recovered = f.open(f.recovery_key);
    ASSERT_TRUE(recovered);
    EXPECT_TRUE((*recovered)->is_owner());
    EXPECT_EQ((*recovered)->id(), f.repository->id());
}

TEST(Repository, WrongPasswordIsWrongKey) {
    RepoFixture f;
    EXPECT_EQ(kind_of(f.open("wrong")), ErrorKind::WrongKey);
    EXPECT_EQ(kind_of(f.open("")), ErrorKind::WrongKey);
    RepoFixture other;
    EXPECT_EQ(kind_of(f.open(other.recovery_key)), ErrorKind::WrongKey);
}

TEST(Repository, AnEmptyStoreHasNoRepository) {
    MemoryStore store;
    FixedClock clock;
    EXPECT_EQ(kind_of(Repository::open(store, {}, clock, system_random(), {})),
              ErrorKind::NoRepository);
}

TEST(Repository, IsMadeOnce) {
    RepoFixture f;
    InitOptions options;
    options.passphrase = Passphrase("x");
    options.cost = kCheapKdf;
    const auto before = f.store.contents();
    const auto again = Repository::initialize(f.store, options, f.clock, system_random(), {});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind(), ErrorKind::AlreadyExists);
    EXPECT_EQ(f.store.contents(), before);
}

TEST(Repository, AnInitThatStoppedAnywhereIsFinishedByTheNext) {
    InitOptions options;
    options.passphrase = Passphrase("x");
    options.cost = kCheapKdf;
    for (std::uint64_t creates = 0; creates < 3; ++creates)
        for (const FaultKind fault : {FaultKind::FailBefore, FaultKind::LoseAnswer}) {
            MemoryStore store;
            FixedClock clock;
            FaultStore faulty(store);
            FaultRule rule;
            rule.fault = {fault, ErrorKind::Io, 0};
            rule.verb = StoreVerb::Create;
            rule.skip = creates;
            faulty.add(rule);
            EXPECT_FALSE(Repository::initialize(faulty, options, clock, system_random(), {}));
            const auto again = Repository::initialize(store, options, clock, system_random(), {});
            const bool was_done = creates == 2 && fault == FaultKind::LoseAnswer;
            ASSERT_EQ(again.has_value(), !was_done) << creates;
            Credentials credentials;
            credentials.passphrase = Passphrase("x");
            EXPECT_TRUE(Repository::open(store, credentials, clock, system_random(), {}));
            credentials.passphrase = Passphrase(again ? again->recovery_key : "x");
            EXPECT_TRUE(Repository::open(store, credentials, clock, system_random(), {}));
        }
}

TEST(Repository, AnInterruptedInitTakesItsOwnPasswordOnly) {
    InitOptions options;
    options.passphrase = Passphrase("x");
    options.cost = kCheapKdf;
    MemoryStore store;
    FixedClock clock;
    FaultStore faulty(store);
    FaultRule rule;
    rule.fault = {FaultKind::FailBefore, ErrorKind::Io, 0};
    rule.verb = StoreVerb::Create;
    rule.prefix = "perdure";
    faulty.add(rule);
    EXPECT_FALSE(Repository::initialize(faulty, options, clock, system_random(), {}));
    options.passphrase = Passphrase("y");
    EXPECT_FALSE(Repository::initialize(store, options, clock, system_random(), {}));
}

// ------------------------------------------------------------------------------------ key slots

TEST(KeySlots, EachPasswordOpensUntilItIsRemoved) {
    RepoFixture f;
    const auto second = f.repository->add_slot(Passphrase("second"), kCheapKdf, "two", {});
    ASSERT_TRUE(second);
    EXPECT_TRUE(f.open("second"));
    EXPECT_TRUE(f.open("correct horse"));
    EXPECT_EQ(f.must_open("second")->key_slots({})->size(), 2U);
    const SlotId first = f.repository->epoch().slots[0].id;
    ASSERT_TRUE(f.repository->remove_slot(first, {}));
    EXPECT_EQ(kind_of(f.open("correct horse")), ErrorKind::WrongKey);
    EXPECT_TRUE(f.open("second"));
    EXPECT_EQ(f.repository->remove_slot(*second, {}).error().kind(), ErrorKind::InvalidInput)
        << "the last one stays";
    EXPECT_EQ(f.repository->remove_slot(id_of<SlotId>(9), {}).error().kind(), ErrorKind::NotFound);
}

TEST(KeySlots, ADamagedOrMissingSlotIsNamedAndNotAWrongPassword) {
    RepoFixture f;
    ASSERT_TRUE(f.repository->add_slot(Passphrase("second"), kCheapKdf, "two", {}));
    const ObjectName name = names::key_slot(f.repository->epoch().slots[0].id);
    const Buffer good = f.store.contents().at(name.text());
    for (std::size_t i = 0; i < good.size(); i += 5) {
        Buffer bad = good;
        bad[i] ^= std::byte{1};
        f.store.plant(name, bad);
        const auto opened = f.open("correct horse");
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
        EXPECT_NE(opened.error().describe().find(name.text()), std::string::npos);
        EXPECT_TRUE(f.open("second")) << "the other slot still works";
        EXPECT_TRUE(f.open(f.recovery_key));
    }
    ASSERT_TRUE(f.store.remove(name, {}));
    const auto opened = f.open("correct horse");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
    EXPECT_NE(opened.error().describe().find("is missing"), std::string::npos);
}

TEST(KeySlots, OnlyTheOwnerDecides) {
    RepoFixture f;
    const auto writer = f.open(f.enrol("w"));
    ASSERT_TRUE(writer);
    EXPECT_EQ((*writer)->add_slot(Passphrase("x"), kCheapKdf, "", {}).error().kind(),
              ErrorKind::Denied);
    EXPECT_EQ((*writer)->rotate(Passphrase("x"), kCheapKdf, "", {}).error().kind(),
              ErrorKind::Denied);
    EXPECT_EQ((*writer)->enrol({}, {}).error().kind(), ErrorKind::Denied);
    EXPECT_EQ((*writer)->revoke(WriterNumber{1}, SessionNumber{0}, "", {}).error().kind(),
              ErrorKind::Denied);
    EXPECT_EQ((*writer)->fence(session_name(1, 1), {}).error().kind(), ErrorKind::Denied);
}

TEST(KeySlots, TwoChangesAtOnceMeetAtTheEpoch) {
    RepoFixture f;
    const auto other = f.must_open("correct horse");
    ASSERT_TRUE(f.repository->add_slot(Passphrase("a"), kCheapKdf, "", {}));
    const auto lost = other->add_slot(Passphrase("b"), kCheapKdf, "", {});
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind(), ErrorKind::Unavailable);
    EXPECT_TRUE(f.open("a"));
}

// ------------------------------------------------------------------------------------ rotation

TEST(Rotation, OldKeysAreRefusedAndOldPointsStay) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    const auto before = commit_point(*f.repository, identity, "h");
    ASSERT_TRUE(before);
    const auto recovery = f.repository->rotate(Passphrase("new"), kCheapKdf, "", {});
    ASSERT_TRUE(recovery) << recovery.error().describe();
    EXPECT_EQ(kind_of(f.open("correct horse")), ErrorKind::WrongKey);
    EXPECT_EQ(kind_of(f.open(f.recovery_key)), ErrorKind::WrongKey);
    for (const std::string& key : {std::string("new"), *recovery}) {
        const auto opened = f.must_open(key);
        const auto list = opened->list_points({});
        ASSERT_TRUE(list);
        EXPECT_TRUE(list->problems.empty());
        ASSERT_EQ(list->points.size(), 1U);
        EXPECT_TRUE(opened->load_body(list->points[0], {}));
    }
    EXPECT_EQ(f.store.contents().count("keys/" + f.repository->epoch().slots[0].id.hex()), 1U);
}

TEST(Rotation, AnEnrolledWriterGoesOnWithItsKeyFile) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    for (const char* password : {"second", "third", "fourth"}) {
        ASSERT_TRUE(f.repository->rotate(Passphrase(password), kCheapKdf, "", {}));
        const auto writer = f.open(identity);
        ASSERT_TRUE(writer) << writer.error().describe();
        const auto committed = commit_point(**writer, identity, "h");
        ASSERT_TRUE(committed) << committed.error().describe();
        // The writer reads its own log and points of every generation it lived through.
        const auto list = (*writer)->list_points({});
        ASSERT_TRUE(list);
        EXPECT_TRUE(list->problems.empty());
        EXPECT_EQ(list->points.size(), number(committed->session.session));
    }
    const auto list = f.must_open("fourth")->list_points({});
    ASSERT_TRUE(list);
    EXPECT_EQ(list->points.size(), 4U);
    for (const Point& point : list->points) EXPECT_TRUE(f.repository->load_body(point, {}));
}

TEST(Rotation, AWriterEnrolledLaterReadsNothingFromBefore) {
    RepoFixture f;
    const WriterIdentity old_writer = f.enrol("old");
    ASSERT_TRUE(commit_point(*f.repository, old_writer, "h"));
    ASSERT_TRUE(f.repository->rotate(Passphrase("new"), kCheapKdf, "", {}));
    const WriterIdentity young = f.enrol("young");
    const auto writer = f.open(young);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(commit_point(**writer, young, "h2"));
    const auto list = (*writer)->list_points({});
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->problems.empty()) << list->problems.front().text;
    EXPECT_EQ(list->points.size(), 1U);
    EXPECT_EQ(list->unreadable, 1U);
}

TEST(Rotation, EpochsAreSignedByTheOwnerBefore) {
    // Who controls the store but no key cannot put owners of his own in force.
    RepoFixture f, thief;
    const auto before = f.store.contents();
    ASSERT_TRUE(f.repository->rotate(Passphrase("new"), kCheapKdf, "", {}));
    ASSERT_TRUE(thief.repository->rotate(Passphrase("stolen"), kCheapKdf, "", {}));
    f.store.plant(names::epoch(EpochNumber{2}), thief.store.contents().at("epochs/00000002"));
    EXPECT_EQ(kind_of(f.open("stolen")), ErrorKind::Corrupt);
    EXPECT_EQ(kind_of(f.open("new")), ErrorKind::Corrupt);
}

TEST(Rotation, ALostEpochInTheMiddleIsNamed) {
    RepoFixture f;
    ASSERT_TRUE(f.repository->add_slot(Passphrase("second"), kCheapKdf, "", {}));
    ASSERT_TRUE(f.repository->rotate(Passphrase("new"), kCheapKdf, "", {}));
    ASSERT_TRUE(f.store.remove(names::epoch(EpochNumber{2}), {}));
    const auto opened = f.open("new");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
    EXPECT_NE(opened.error().describe().find("epochs/00000002"), std::string::npos);
}

// ------------------------------------------------------------------------------------ writers

TEST(Writers, AKeyFileAddsPointsAndReadsNone) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w", {"h"});
    const auto writer = f.open(identity);
    ASSERT_TRUE(writer);
    EXPECT_FALSE((*writer)->is_owner());
    ASSERT_TRUE(commit_point(**writer, identity, "h"));
    const auto list = (*writer)->list_points({});
    ASSERT_TRUE(list);
    ASSERT_EQ(list->points.size(), 1U);
    const auto body = (*writer)->load_body(list->points[0], {});
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().kind(), ErrorKind::Denied);
}

TEST(Writers, PointsOutsideTheCertificateAreReportedAndNotListed) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w", {"h"});
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    plant_point(f.store, *f.repository, identity, "another");
    plant_point(f.store, *f.repository, identity, "h", EndKind::Copy);
    plant_point(f.store, *f.repository, identity, "h", EndKind::Repaired);
    const auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    EXPECT_EQ(list->points.size(), 1U);
    EXPECT_EQ(list->problems.size(), 3U);
}

TEST(Writers, ARevokedWritersLaterPointsAreReportedAndNotListed) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    const auto writer = f.open(identity);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(commit_point(**writer, identity, "h"));
    ASSERT_TRUE(f.repository->revoke(identity.enrolment, SessionNumber{1}, "stolen", {}));
    // The thief has the old keys and an open repository, and does not ask whether he may.
    ASSERT_TRUE(commit_point(**writer, identity, "h"));
    f.reopen();
    const auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    EXPECT_EQ(list->points.size(), 1U);
    ASSERT_EQ(list->problems.size(), 1U);
    EXPECT_EQ(list->problems[0].object, names::point(session_name(1, 2)).text());
    const auto refused = f.open(identity);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Denied);
    EXPECT_NE(refused.error().describe().find("revoked"), std::string::npos);
    EXPECT_FALSE(f.repository->revoke(identity.enrolment, SessionNumber{1}, "", {}));
}

TEST(Writers, RevocationFencesOpenSessions) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    const LocalCache no_cache;
    auto open_one = WriteSession::begin(*f.repository, identity, no_cache, {}, {});
    ASSERT_TRUE(open_one);
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    ASSERT_TRUE(f.repository->revoke(identity.enrolment, SessionNumber{2}, "", {}));
    const auto late = (*open_one)->commit(PointHeader{}, PointBody{}, LivenessSummary{}, {});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind(), ErrorKind::Fenced);
    f.reopen();
    const auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    EXPECT_EQ(list->points.size(), 1U);
    EXPECT_TRUE(list->problems.empty());
}

TEST(Writers, RevocationRenewsTheDomainForThoseWhoRemain) {
    RepoFixture f;
    const WriterIdentity thief = f.enrol("thief"), other = f.enrol("other");
    ASSERT_TRUE(f.repository->revoke(thief.enrolment, SessionNumber{0}, "", {}));
    EXPECT_EQ(f.repository->domain_name().generation, 2U);
    const auto writer = f.open(other);
    ASSERT_TRUE(writer);
    EXPECT_TRUE((*writer)->domain_keys());
    ASSERT_TRUE(commit_point(**writer, other, "h"));
    const OpeningKey stolen(thief.opening_secret);
    for (const auto& sealed : f.repository->epoch().domains[0].sealed_keys)
        EXPECT_FALSE(stolen.open(sealed.sealed));
    // What is written from now on does not open under what the thief holds.
    const Buffer object = f.store.contents().at(names::index(session_name(2, 1)).text());
    EXPECT_FALSE(open_record(
        {f.repository->id(), ObjectType::Index, names::index(session_name(2, 1)).text()}, object,
        [&](const FrameHeader&) -> Result<Key256> { return thief.domains[0].index_key; }));
}

TEST(Writers, ALostCertificateTakesNoLaterWriterWithIt) {
    RepoFixture f;
    const WriterIdentity first = f.enrol("first"), second = f.enrol("second");
    ASSERT_TRUE(commit_point(*f.repository, first, "a"));
    ASSERT_TRUE(commit_point(*f.repository, second, "b"));
    ASSERT_TRUE(f.store.remove(names::enrolment(first.enrolment), {}));
    f.reopen();
    const auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    ASSERT_EQ(list->points.size(), 1U);
    EXPECT_EQ(list->points[0].header.host, "b");
    EXPECT_EQ(list->problems.size(), 1U);
    EXPECT_EQ(f.enrol("third").enrolment, WriterNumber{3}) << "a number is never taken twice";
}

TEST(Writers, AKeyFileOfAnotherRepositoryIsRefused) {
    RepoFixture f, other;
    EXPECT_EQ(kind_of(f.open(other.enrol("w"))), ErrorKind::WrongKey);
}

TEST(Writers, ARolledBackRepositoryIsRefused) {
    RepoFixture f;
    ASSERT_TRUE(f.repository->add_slot(Passphrase("a"), kCheapKdf, "", {}));
    const WriterIdentity identity = f.enrol("w");
    ASSERT_TRUE(f.store.remove(names::epoch(EpochNumber{2}), {}));
    const auto opened = f.open(identity);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), ErrorKind::Denied);
    EXPECT_NE(opened.error().describe().find("rolled back"), std::string::npos);
}

// ------------------------------------------------------------------------------------ points

TEST(Points, AreListedByTime) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    for (const std::int64_t time : {30, 10, 20}) {
        f.clock.now_ns = time;
        ASSERT_TRUE(commit_point(*f.repository, identity, std::to_string(time)));
    }
    const auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    ASSERT_EQ(list->points.size(), 3U);
    EXPECT_EQ(list->points[0].header.host, "10");
    EXPECT_EQ(list->points[2].header.host, "30");
}

TEST(Points, CheckpointsAndEndRecordsAreNoPoints) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    ASSERT_TRUE(commit_point(*f.repository, identity, "h", EndKind::Checkpoint));
    ASSERT_TRUE(commit_point(*f.repository, identity, "h", EndKind::EndRecord));
    const auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->points.empty());
    EXPECT_TRUE(list->problems.empty());
}

TEST(Points, FatesAreAppliedInOrderAndExpiryIsFinal) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    auto list = f.repository->list_points({});
    ASSERT_TRUE(list);
    const Point point = list->points[0];
    Fate tags;
    tags.kind = FateKind::Tags;
    tags.tags = {"a"};
    ASSERT_TRUE(f.repository->add_fate(point, tags, {}));
    tags.tags = {"b", "c"};
    ASSERT_TRUE(f.repository->add_fate(point, tags, {}));
    Fate keep;
    keep.kind = FateKind::Protected;
    ASSERT_TRUE(f.repository->add_fate(point, keep, {}));
    list = f.repository->list_points({});
    EXPECT_EQ(list->points[0].tags, (std::vector<std::string>{"b", "c"}));
    EXPECT_TRUE(list->points[0].is_protected);
    Fate expire;
    expire.kind = FateKind::Expired;
    ASSERT_TRUE(f.repository->add_fate(point, expire, {}));
    keep.kind = FateKind::Unprotected;
    ASSERT_TRUE(f.repository->add_fate(point, keep, {}));
    list = f.repository->list_points({});
    ASSERT_TRUE(list);
    ASSERT_EQ(list->points.size(), 1U);
    EXPECT_NE(list->points[0].session(), point.session());
}

TEST(Points, AFateOfAWriterCountsNothing) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    const auto list = f.repository->list_points({});
    Fate expire;
    expire.kind = FateKind::Expired;
    expire.number = 1;
    expire.point = {list->points[0].session(), list->points[0].digest};
    const SigningKey key(identity.signing_seed);
    const ObjectName name = names::fate(list->points[0].session(), 1);
    const DomainKeys& domain = identity.domains[0];
    f.store.plant(
        name, seal_record({f.repository->id(), ObjectType::Fate, name.text()}, encode_fate(expire),
                          {{Role::Writer, identity.enrolment, EpochNumber{1}}, &key, nullptr},
                          {Sealing::IndexKey, domain.index_key, 1, 1}));
    const auto after = f.repository->list_points({});
    ASSERT_TRUE(after);
    EXPECT_EQ(after->points.size(), 1U);
    EXPECT_EQ(after->problems.size(), 1U);
}

TEST(Points, ABodyBehindTheWrongHeaderIsRefused) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    ASSERT_TRUE(commit_point(*f.repository, identity, "h"));
    const auto split = [&](SessionName s) {
        const Buffer object = f.store.contents().at(names::point(s).text());
        const std::size_t header =
            kFrameHeaderSize + parse_frame(object)->payload_length + kFrameTrailerSize;
        return std::pair(Buffer(object.begin(), object.begin() + static_cast<long>(header)),
                         Buffer(object.begin() + static_cast<long>(header), object.end()));
    };
    auto [header, body] = split(session_name(1, 1));
    const auto [other_header, other_body] = split(session_name(1, 2));
    Buffer mixed = header;
    append(mixed, other_body);
    f.store.plant(names::point(session_name(1, 1)), mixed);
    EXPECT_FALSE(f.repository->load_point(session_name(1, 1), {}));
    f.store.plant(names::point(session_name(1, 1)), header);
    EXPECT_FALSE(f.repository->load_point(session_name(1, 1), {})) << "a point without its body";
}

TEST(Features, UnknownOnesAreRefusedByClass) {
    RepoFixture f;
    const WriterIdentity identity = f.enrol("w");
    const auto with_features = [&](Features features) {
        // What a newer program would leave behind: an epoch signed by the owner with a feature.
        Epoch next = f.repository->epoch();
        next.number = EpochNumber{2};
        next.previous = f.repository->epoch_digest();
        next.features = std::move(features);
        const OwnerKeys& owner = f.repository->keyring().owner();
        const ObjectName name = names::epoch(EpochNumber{2});
        f.store.plant(
            name,
            seal_record({f.repository->id(), ObjectType::Epoch, name.text()}, encode_epoch(next),
                        {{Role::Owner, WriterNumber{0}, EpochNumber{2}}, &owner.signing, nullptr},
                        {}));
        return f.open("correct horse");
    };
    EXPECT_EQ(kind_of(with_features({{"new"}, {}, {}})), ErrorKind::Unsupported);
    const auto reader = with_features({{}, {"new"}, {}});
    ASSERT_TRUE(reader) << "who only reads need not know what writers must";
    EXPECT_FALSE(commit_point(**reader, identity, "h"));
    const auto collectors = with_features({{}, {}, {"new"}});
    ASSERT_TRUE(collectors);
    EXPECT_TRUE(commit_point(**collectors, identity, "h"));
}

}  // namespace
}  // namespace perdure
