#include "repo/closed.h"

#include <gtest/gtest.h>

#include "repo/collection.h"
#include "store/store_decorator.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

class ClosedTest : public ::testing::Test {
protected:
    ClosedTest() : writer(fixture.enrol("w")) {
        rules.grace_ns = 0;
        rules.max_drop = 1;
        rules.settle_after = 4;
    }
    std::unique_ptr<WriteSession> begin() {
        auto session = WriteSession::begin(repository(), writer, LocalCache(), {}, {});
        EXPECT_TRUE(session) << session.error().describe();
        return std::move(*session);
    }
    static Result<Committed> commit(WriteSession& session) {
        PointHeader header;
        header.host = "h";
        return session.commit(header, PointBody(), LivenessSummary(), {});
    }
    SessionDigest commit() {
        const auto done = commit(*begin());
        EXPECT_TRUE(done) << done.error().describe();
        return {done->session, done->point};
    }
    void expire(SessionName session) {
        const auto point = repository().load_point(session, {});
        ASSERT_TRUE(point);
        Fate fate;
        fate.kind = FateKind::Expired;
        ASSERT_TRUE(fixture.repository->add_fate(*point, fate, {}));
    }
    /// Plans, as gc does, and settles what there is to settle.
    Result<std::size_t> settle() {
        const auto maintainer = Maintainer::from(repository(), nullptr);
        EXPECT_TRUE(maintainer);
        Collection collection(*maintainer, rules, {});
        const auto plan = collection.plan();
        if (!plan) return plan.error();
        return collection.driver().settle();
    }
    SettledNumbers settled() {
        auto all = SettledNumbers::load(repository(), std::nullopt, problems, {});
        EXPECT_TRUE(all);
        return *std::move(all);
    }
    void plant(const ClosedRecord& record, const WriterIdentity* identity = nullptr) {
        const ObjectName name = names::closed(record.name);
        if (identity == nullptr) {
            const auto maintainer = Maintainer::from(repository(), nullptr);
            fixture.store.plant(name,
                                maintainer->seal(ObjectType::Closed, name, encode_closed(record)));
            return;
        }
        const SigningKey key(identity->signing_seed);
        const auto domain = repository().domain_keys();
        fixture.store.plant(
            name,
            seal_record({repository().id(), ObjectType::Closed, name.text()}, encode_closed(record),
                        {{identity->role, identity->enrolment, EpochNumber{1}}, &key, nullptr},
                        {Sealing::IndexKey, domain->index_key, domain->name.domain,
                         domain->name.generation}));
    }
    /// In the place of a point: an object that authenticates there too.
    void plant_fence(SessionName session) {
        const auto point = repository().load_point(session, {});
        PointHeader fence;
        fence.kind = EndKind::Fence;
        fence.session = session;
        fence.log_entry = point->header.log_entry;
        const ObjectName name = names::point(session);
        fixture.store.plant(name, Maintainer::from(repository(), nullptr)
                                      ->seal(ObjectType::Point, name, encode_point_header(fence)));
    }
    const Repository& repository() { return *fixture.repository; }

    RepoFixture fixture;
    WriterIdentity writer;
    CollectionRules rules;
    std::vector<Problem> problems;
};

TEST_F(ClosedTest, ARecordComesBackAsItWas) {
    ClosedRecord record;
    record.name = session_name(3, 9);
    record.settled = {{SessionNumber{1}, id_of<Digest>(1), true},
                      {SessionNumber{2}, std::nullopt, false},
                      {SessionNumber{8}, id_of<Digest>(2), false}};
    record.previous = SessionDigest{session_name(3, 4), id_of<Digest>(3)};
    const auto back = decode_closed(encode_closed(record));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->name, record.name);
    EXPECT_EQ(back->settled, record.settled);
    EXPECT_EQ(back->previous, record.previous);
    record.settled.push_back({SessionNumber{9}, id_of<Digest>(4), false});
    EXPECT_FALSE(decode_closed(encode_closed(record))) << "it speaks of its own number";
}

TEST_F(ClosedTest, StatesWhatEndedEveryNumberOnceEnoughHaveEnded) {
    std::vector<SessionDigest> points;
    for (int i = 0; i < 3; ++i) points.push_back(commit());
    EXPECT_EQ(*settle(), 0U) << "too few";
    points.push_back(commit());
    const auto open = begin();
    points.push_back(commit());
    expire(points[1].session);
    EXPECT_EQ(*settle(), 4U) << "up to the first one that has not ended";
    const SettledNumbers all = settled();
    EXPECT_TRUE(problems.empty());
    for (int i = 0; i < 4; ++i) {
        const SettledNumber* stated = all.find(points[static_cast<std::size_t>(i)].session);
        ASSERT_NE(stated, nullptr) << i;
        EXPECT_EQ(stated->end, points[static_cast<std::size_t>(i)].digest);
        EXPECT_EQ(stated->expired, i == 1);
    }
    EXPECT_EQ(all.find(open->name()), nullptr);
    EXPECT_EQ(all.find(points[4].session), nullptr);
    EXPECT_EQ(*settle(), 0U) << "nothing is new";
}

TEST_F(ClosedTest, ALaterRecordContinuesAndSaysWhatHasExpiredSince) {
    const SessionDigest first = commit();
    for (int i = 0; i < 3; ++i) commit();
    ASSERT_EQ(*settle(), 4U);
    const auto before = settled().newest_of(writer.enrolment);
    ASSERT_TRUE(before);
    expire(first.session);
    for (int i = 0; i < 3; ++i) commit();
    EXPECT_EQ(*settle(), 4U) << "three new ones, and one that has expired";
    const SettledNumbers all = settled();
    EXPECT_TRUE(all.find(first.session)->expired);
    EXPECT_EQ(all.find(first.session)->end, first.digest);
    EXPECT_GT(all.newest_of(writer.enrolment)->session, before->session);
    const ObjectName name = names::closed(all.newest_of(writer.enrolment)->session);
    const auto object = fixture.store.load(name, ByteRange::all(), {});
    const auto record =
        decode_closed(repository().open_by_maintainer(ObjectType::Closed, name, *object)->body);
    EXPECT_EQ(record->previous, before);
}

TEST_F(ClosedTest, AnotherObjectThanWasStatedIsVoid) {
    std::vector<SessionDigest> points;
    for (int i = 0; i < 4; ++i) points.push_back(commit());
    ASSERT_EQ(*settle(), 4U);
    EXPECT_EQ(repository().list_points({})->points.size(), 4U);
    plant_fence(points[2].session);
    const auto list = repository().list_points({});
    ASSERT_TRUE(list);
    EXPECT_EQ(list->points.size(), 3U);
    ASSERT_EQ(list->problems.size(), 1U) << "without the record it would only be gone";
    EXPECT_EQ(list->problems[0].object, names::point(points[2].session).text());
    const auto stopped = settle();
    ASSERT_FALSE(stopped) << "nothing is collected beside it";
    EXPECT_NE(stopped.error().describe().find(names::point(points[2].session).text()),
              std::string::npos);
}

TEST_F(ClosedTest, ARecordThatCannotBeBelievedStatesNothing) {
    const SessionDigest point = commit();
    ClosedRecord false_record;
    false_record.name = {writer.enrolment, SessionNumber{5}};
    false_record.settled = {{point.session.session, id_of<Digest>(9), true}};
    plant(false_record, &writer);  // whoever is no maintainer
    EXPECT_EQ(settled().find(point.session), nullptr);
    EXPECT_EQ(problems.size(), 1U);
    const auto list = repository().list_points({});
    EXPECT_EQ(list->points.size(), 1U);
    EXPECT_EQ(list->problems.size(), 1U);
}

TEST_F(ClosedTest, ASessionThatWasSettledOtherwiseIsVoid) {
    const auto session = begin();
    ClosedRecord record;
    record.name = {writer.enrolment, SessionNumber{number(session->name().session) + 1}};
    record.settled = {{session->name().session, id_of<Digest>(9), false}};
    plant(record);
    const auto done = commit(*session);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::Fenced);
}

TEST_F(ClosedTest, ARecordAboveThatCannotBeReadMakesASessionVoid) {
    const auto session = begin();
    fixture.store.plant(
        names::closed({writer.enrolment, SessionNumber{number(session->name().session) + 1}}),
        as_bytes("damaged"));
    const auto done = commit(*session);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::Fenced);
}

TEST_F(ClosedTest, ARecordBelowSaysNothingOfASession) {
    for (int i = 0; i < 4; ++i) commit();
    ASSERT_EQ(*settle(), 4U);
    const SessionDigest later = commit();
    EXPECT_EQ(repository().list_points({})->points.size(), 5U);
    EXPECT_EQ(settled().find(later.session), nullptr);
}

/// A commit whose answer was lost while a maintainer settled it: its own digest is stated.
TEST_F(ClosedTest, ASessionThatWasSettledAsItEndedIsCommitted) {
    class Settling final : public StoreDecorator {
    public:
        using StoreDecorator::StoreDecorator;
        Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
            auto created = inner_.create(name, bytes, std::move(stop));
            if (name.text().starts_with("points/") && on_end) on_end(name, bytes);
            return created;
        }
        std::function<void(const ObjectName&, ByteView)> on_end;
    };
    Settling store(fixture.store);
    Credentials credentials;
    credentials.passphrase = Passphrase("correct horse");
    const auto opened = Repository::open(store, credentials, fixture.clock, system_random(), {});
    ASSERT_TRUE(opened);
    store.on_end = [&](const ObjectName& name, ByteView bytes) {
        ClosedRecord record;
        const SessionName ended = *names::parse_point(name.text());
        record.name = {ended.writer, SessionNumber{number(ended.session) + 1}};
        record.settled = {{ended.session, digest_of(bytes), false}};
        plant(record);
    };
    auto session = WriteSession::begin(**opened, writer, LocalCache(), {}, {});
    ASSERT_TRUE(session);
    EXPECT_TRUE(commit(**session));
}

}  // namespace
}  // namespace perdure
