#include "repo/fates.h"

#include <gtest/gtest.h>

#include <thread>

#include "repo/names.h"
#include "store/fault_store.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

class Fates : public ::testing::Test {
protected:
    Fates() : writer(f.enrol("w")) {
        EXPECT_TRUE(commit_point(*f.repository, writer, "h"));
        EXPECT_TRUE(commit_point(*f.repository, writer, "h"));
    }

    Point point(std::size_t i = 0) { return list().points.at(i); }
    PointList list() {
        auto list = f.repository->list_points({});
        EXPECT_TRUE(list && list->problems.empty());
        return *list;
    }
    FateWriter fates() { return *FateWriter::open(*f.repository, nullptr); }
    static Fate fate(FateKind kind) {
        Fate fate;
        fate.kind = kind;
        return fate;
    }
    std::unique_ptr<Repository> open_through(Store& store) {
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        return *Repository::open(store, credentials, f.clock, system_random(), {});
    }
    WriterIdentity enrol_maintainer() {
        Certificate certificate;
        certificate.name = "maintainer";
        certificate.role = Role::Maintainer;
        return *f.repository->enrol(certificate, {});
    }
    std::size_t stored(const Point& point) {
        std::size_t count = 0;
        EXPECT_TRUE(f.store.list(names::fate_prefix(point.session()),
                                 [&](std::string_view, const ObjectStat&) { return ++count > 0; },
                                 {}));
        return count;
    }

    RepoFixture f;
    WriterIdentity writer;
};

TEST_F(Fates, AnExpiredPointIsListedApartWithTimeAndReason) {
    const Point first = point();
    f.clock.now_ns += 77;
    const auto done = fates().expire(first, "no rule keeps it", {});
    ASSERT_TRUE(done && *done);
    const PointList now = list();
    ASSERT_EQ(now.points.size(), 1U);
    ASSERT_EQ(now.expired.size(), 1U);
    EXPECT_EQ(now.expired[0].session(), first.session());
    EXPECT_TRUE(now.expired[0].expired);
    EXPECT_EQ(now.expired[0].expired_ns, f.clock.now_ns);
    EXPECT_EQ(now.expired[0].expired_reason, "no rule keeps it");
}

TEST_F(Fates, ExpiringAgainChangesNothing) {
    const Point first = point();
    ASSERT_TRUE(*fates().expire(first, "one", {}));
    const auto again = fates().expire(first, "two", {});
    ASSERT_TRUE(again);
    EXPECT_FALSE(*again);
    EXPECT_EQ(stored(first), 1U);
    EXPECT_EQ(list().expired[0].expired_reason, "one");
}

TEST_F(Fates, AProtectedPointIsNotExpiredUntilTheProtectionIsTakenBack) {
    const Point first = point();
    ASSERT_TRUE(fates().add(first, fate(FateKind::Protected), {}));
    const auto refused = fates().expire(first, "", {});  // `first` was listed before
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Denied);
    EXPECT_NE(refused.error().describe().find("protected"), std::string::npos);
    ASSERT_TRUE(fates().add(first, fate(FateKind::Unprotected), {}));
    EXPECT_TRUE(*fates().expire(first, "", {}));
}

TEST_F(Fates, NothingIsDecidedAboutAnExpiredPoint) {
    const Point first = point();
    ASSERT_TRUE(*fates().expire(first, "", {}));
    for (const FateKind kind : {FateKind::Protected, FateKind::Unprotected, FateKind::Tags}) {
        const auto refused = fates().add(first, fate(kind), {});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::Denied);
    }
    EXPECT_EQ(stored(first), 1U);
}

TEST_F(Fates, AMaintainerDecidesAndAWriterDoesNot) {
    const WriterIdentity keeper = enrol_maintainer();
    const auto opened = f.open(keeper);
    ASSERT_TRUE(opened);
    const auto by_keeper = FateWriter::open(**opened, &keeper);
    ASSERT_TRUE(by_keeper);
    ASSERT_TRUE(*by_keeper->expire(point(), "by a maintainer", {}));
    f.reopen();
    EXPECT_EQ(list().expired[0].expired_reason, "by a maintainer");

    const auto as_writer = f.open(writer);
    ASSERT_TRUE(as_writer);
    const auto refused = FateWriter::open(**as_writer, &writer);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Denied);
}

TEST_F(Fates, ACheckpointCanBeExpiredAndAFenceCannot) {
    const auto checkpoint = commit_point(*f.repository, writer, "h", EndKind::Checkpoint);
    ASSERT_TRUE(checkpoint);
    const Point end = *f.repository->load_point(checkpoint->session, {});
    EXPECT_TRUE(*fates().expire(end, "", {}));
    const auto record = commit_point(*f.repository, writer, "h", EndKind::EndRecord);
    ASSERT_TRUE(record);
    const auto refused = fates().expire(*f.repository->load_point(record->session, {}), "", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::NotFound);
}

TEST_F(Fates, WhatIsAboutAnotherPointOnlyTakesItsNumber) {
    const Point first = point(0), second = point(1);
    ASSERT_TRUE(fates().add(second, fate(FateKind::Protected), {}));
    // The second point's fate, put where the first one's belongs.
    const auto object = f.store.load(names::fate(second.session(), 1), ByteRange::all(), {});
    f.store.plant(names::fate(first.session(), 1), *object);
    EXPECT_TRUE(*fates().expire(first, "", {}));
    const auto after = f.repository->list_points({});
    ASSERT_TRUE(after);
    EXPECT_EQ(after->expired.size(), 1U);
    EXPECT_EQ(after->problems.size(), 1U);
}

TEST_F(Fates, AProtectionThatIsDamagedOnTheWayIsReadAgain) {
    const Point first = point();
    ASSERT_TRUE(fates().add(first, fate(FateKind::Protected), {}));
    FaultStore faulty(f.store);
    const auto again = open_through(faulty);
    FaultRule rule;
    rule.fault = {FaultKind::CorruptBytes};
    rule.verb = StoreVerb::Load;
    rule.prefix = "fate/";
    rule.times = 1;
    faulty.add(rule);
    const auto refused = FateWriter::open(*again, nullptr)->expire(first, "", {});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().describe().find("is protected"), std::string::npos);
}

TEST_F(Fates, APointWhoseFateIsDamagedExpiresOnceItsProtectionIsTakenBack) {
    const Point first = point();
    ASSERT_TRUE(fates().add(first, fate(FateKind::Protected), {}));
    const ObjectName name = names::fate(first.session(), 1);
    Buffer bytes = *f.store.load(name, ByteRange::all(), {});
    bytes[bytes.size() / 2] ^= std::byte{1};
    f.store.plant(name, bytes);
    const auto refused = fates().expire(first, "", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Denied);
    EXPECT_NE(refused.error().describe().find(name.text()), std::string::npos);
    EXPECT_EQ(stored(first), 1U);
    ASSERT_TRUE(fates().add(first, fate(FateKind::Unprotected), {}));
    EXPECT_TRUE(*fates().expire(first, "", {}));
}

TEST_F(Fates, ALostAnswerAddsNoSecondExpiry) {
    FaultStore faults(f.store, 1);
    FaultRule lost;
    lost.fault = {FaultKind::LoseAnswer, ErrorKind::Timeout};
    lost.verb = StoreVerb::Create;
    lost.prefix = "fate/";
    lost.times = 1;
    faults.add(lost);
    Credentials credentials;
    credentials.passphrase = Passphrase("correct horse");
    const auto opened = Repository::open(faults, credentials, f.clock, system_random(), {});
    ASSERT_TRUE(opened);
    const Point first = point();
    const auto done = FateWriter::open(**opened, nullptr)->expire(first, "", {});
    ASSERT_TRUE(done) << done.error().describe();
    EXPECT_TRUE(*done);
    EXPECT_EQ(stored(first), 1U);
}

TEST_F(Fates, WithoutAnAnswerItIsUnknownWhetherThePointExpired) {
    FaultStore faults(f.store, 1);
    FaultRule silent;
    silent.fault = {FaultKind::FailBefore, ErrorKind::Timeout};
    silent.verb = StoreVerb::Create;
    silent.prefix = "fate/";
    faults.add(silent);
    Credentials credentials;
    credentials.passphrase = Passphrase("correct horse");
    const auto opened = Repository::open(faults, credentials, f.clock, system_random(), {});
    ASSERT_TRUE(opened);
    const auto done = FateWriter::open(**opened, nullptr)->expire(point(), "", {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::Timeout);
}

TEST_F(Fates, OfAProtectionAndAnExpiryAtOnceOneIsRefused) {
    for (int round = 0; round < 20; ++round) {
        const auto made = commit_point(*f.repository, writer, "h");
        ASSERT_TRUE(made);
        const Point target = *f.repository->load_point(made->session, {});
        Result<void> kept;
        Result<bool> gone = false;
        {
            const std::jthread protects(
                [&] { kept = fates().add(target, fate(FateKind::Protected), {}); });
            const std::jthread expires([&] { gone = fates().expire(target, "", {}); });
        }
        EXPECT_NE(kept.has_value(), gone.has_value());
        std::vector<Point> points{target};
        std::vector<Problem> problems;
        ASSERT_TRUE(f.repository->apply_fates(points, problems, {}));
        EXPECT_EQ(points[0].expired, gone.has_value());
        EXPECT_EQ(points[0].is_protected, kept.has_value());
    }
}

}  // namespace
}  // namespace perdure
