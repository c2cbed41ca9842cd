// Replicas: repositories under the same keys, into which points come as they are. Everything
// restores from the replica alone; what nobody bound there is not listed.

#include <gtest/gtest.h>

#include "engine/replicate.h"
#include "store/fault_store.h"
#include "support/small_repository.h"

namespace perdure {
namespace {

class ReplicaTest : public ::testing::Test {
protected:
    ReplicaTest() : from(std::move(world.open(SmallRepository::kPassword).value())) {}

    /// Makes the replica, or brings its keys up to date, and opens it.
    void prepare(Store& at) {
        const auto made = from->replicate_keys(at, "copier", {});
        ASSERT_TRUE(made) << made.error().describe();
        if (*made) copier = **made;
        Credentials credentials;
        credentials.passphrase = Passphrase(password);
        auto opened = Repository::open(at, credentials, world.clock, system_random(), {});
        ASSERT_TRUE(opened) << opened.error().describe();
        to = std::move(*opened);
    }

    Result<CopyResult> copy() {
        CopyOptions options;
        options.workers = 1;
        Reporter reporter;
        return replicate_points(*from, from->list_points({})->points, *to, copier, LocalCache(),
                                options, reporter, [](const PointCopy&) {}, {});
    }

    void expect_all_there(const std::string& what = "") {
        prepare(store);
        const auto list = to->list_points({});
        ASSERT_TRUE(list) << what;
        EXPECT_TRUE(list->problems.empty()) << what << list->problems.front().text;
        ASSERT_EQ(list->points.size(), world.points.size()) << what;
        for (const Point& point : list->points)
            EXPECT_EQ(difference(*to, point, world.points.at(point.session())), "") << what;
    }

    CheckResult check(CheckLevel level = CheckLevel::Deep) {
        CheckOptions options;
        options.level = level;
        options.workers = 1;
        Reporter reporter;
        auto checked = run_check(*to, options, reporter, {});
        EXPECT_TRUE(checked) << checked.error().describe();
        return *checked;
    }

    SmallRepository world;
    std::string password = SmallRepository::kPassword;
    std::unique_ptr<Repository> from;
    MemoryStore store;
    std::unique_ptr<Repository> to;
    WriterIdentity copier;
};

TEST_F(ReplicaTest, EveryPointRestoresFromTheReplicaAlone) {
    prepare(store);
    const auto done = copy();
    ASSERT_TRUE(done) << done.error().describe();
    for (const PointCopy& one : done->points) EXPECT_EQ(one.problem, "");
    EXPECT_EQ(done->outcome, Outcome::Success);
    expect_all_there();
    const CheckResult checked = check();
    EXPECT_EQ(checked.outcome, Outcome::Success);
    for (const CheckFinding& f : checked.findings)
        if (!f.note) ADD_FAILURE() << f.object << ": " << f.text;
    EXPECT_GT(checked.leaves_hashed, 0U);
}

TEST_F(ReplicaTest, TheRecoveryKeyAndTheOtherPasswordOpenItToo) {
    prepare(store);
    ASSERT_TRUE(copy());
    for (const std::string& key :
         {world.recovery_key, std::string(SmallRepository::kOtherPassword)}) {
        password = key;
        expect_all_there(key);
    }
}

TEST_F(ReplicaTest, PointsAndIndexesAreThereVerbatimAndNoPackIs) {
    prepare(store);
    ASSERT_TRUE(copy());
    const auto good = world.store.contents();
    const auto there = store.contents();
    for (const auto& [session, roots] : world.points)
        for (const ObjectName& name : {names::point(session), names::index(session)})
            EXPECT_EQ(there.at(name.text()), good.at(name.text()));
    for (const auto& [name, bytes] : there)
        if (names::parse_pack(name)) {
            EXPECT_FALSE(good.contains(name)) << name;
        }
}

TEST_F(ReplicaTest, ASecondRunCopiesNothing) {
    prepare(store);
    ASSERT_TRUE(copy());
    const auto before = store.contents();
    const auto again = copy();
    ASSERT_TRUE(again);
    for (const PointCopy& one : again->points) EXPECT_EQ(one.state, PointCopy::State::AlreadyThere);
    EXPECT_EQ(store.contents(), before);
}

TEST_F(ReplicaTest, ALaterRunBringsNewPointsAndNewKeys) {
    prepare(store);
    ASSERT_TRUE(copy());
    world.clock.now_ns += 1'000'000'000;
    MemoryTree tree;
    tree.put_file("late", "later");
    const Roots roots{{"/late", tree}};
    world.points[back_up(*from, world.one, "a", roots).session] = roots;
    ASSERT_TRUE(from->add_slot(Passphrase("fifth"), kCheapKdf, "five", {}));
    prepare(store);
    ASSERT_TRUE(copy());
    password = "fifth";
    expect_all_there();
}

TEST_F(ReplicaTest, KeysThatAreRotatedAtTheSourceAreRotatedHereAndNothingIsLost) {
    prepare(store);
    ASSERT_TRUE(copy());
    ASSERT_TRUE(from->rotate(Passphrase("sixth"), kCheapKdf, "six", {}));
    world.clock.now_ns += 1'000'000'000;
    MemoryTree tree;
    tree.put_file("late", "after the rotation");
    const Roots roots{{"/late", tree}};
    world.points[back_up(*from, world.one, "a", roots).session] = roots;
    password = "sixth";
    prepare(store);
    EXPECT_FALSE(to->is_enrolled(copier.enrolment, {}));
    Certificate certificate;
    certificate.role = Role::Maintainer;
    certificate.name = "copier";
    const WriterIdentity before = copier;
    copier = *to->enrol(certificate, {});
    EXPECT_TRUE(to->is_enrolled(before.enrolment, {}));
    const auto done = copy();
    ASSERT_TRUE(done) << done.error().describe();
    EXPECT_EQ(done->outcome, Outcome::Success);
    expect_all_there();
    Credentials old;
    old.passphrase = Passphrase(SmallRepository::kPassword);
    EXPECT_FALSE(Repository::open(store, old, world.clock, system_random(), {}));
}

TEST_F(ReplicaTest, KilledAtAnyWriteItIsFinishedByTheNextRun) {
    int cases = 0;
    for (std::uint64_t survived = 0;; survived += survived < 12 ? 1 : 5) {
        MemoryStore fresh;
        FaultStore faults(fresh);
        prepare(faults);
        FaultRule dead;
        dead.verb = StoreVerb::Create;
        dead.fault.error = ErrorKind::Io;
        dead.skip = survived;
        faults.add(dead);
        const auto killed = copy();
        faults.clear();
        EXPECT_NE(check().outcome, Outcome::Failed) << "after " << survived << " writes";
        const auto finished = copy();
        ASSERT_TRUE(finished) << finished.error().describe();
        const auto list = to->list_points({});
        ASSERT_TRUE(list && list->problems.empty());
        ASSERT_EQ(list->points.size(), world.points.size()) << "after " << survived << " writes";
        for (const Point& point : list->points)
            EXPECT_EQ(difference(*to, point, world.points.at(point.session())), "");
        EXPECT_NE(check().outcome, Outcome::Failed);
        ++cases;
        if (killed && killed->outcome == Outcome::Success) break;
    }
    std::printf("COUNT replica_kills %d\n", cases);
    EXPECT_GT(cases, 15);
}

TEST_F(ReplicaTest, APointThatNoCopyBindsIsNotListed) {
    prepare(store);
    ASSERT_TRUE(copy());
    const auto ends = store.contents();
    for (const auto& [name, bytes] : ends)
        if (const auto session = names::parse_point(name);
            session && number(session->writer) >= kFirstOfReplicas) {
            ASSERT_TRUE(store.remove(*ObjectName::parse(name), {}));
        }
    const auto list = to->list_points({});
    ASSERT_TRUE(list);
    EXPECT_TRUE(list->points.empty());
}

TEST_F(ReplicaTest, WithoutItsProofAPointIsNotBelieved) {
    prepare(store);
    ASSERT_TRUE(copy());
    for (const auto& [name, bytes] : store.contents()) {
        if (!name.starts_with("imports/")) continue;
        // What is there for repair alone proves no point.
        const std::string original = name.substr(std::string("imports/").size());
        const auto log = names::parse_log_entry(original);
        if (log ? !world.points.contains(*log) : !names::parse_enrolment(original)) continue;
        ASSERT_TRUE(store.remove(*ObjectName::parse(name), {}));
        prepare(store);
        const auto list = to->list_points({});
        ASSERT_TRUE(list);
        EXPECT_LT(list->points.size(), world.points.size()) << name;
        EXPECT_FALSE(list->problems.empty()) << name;
        EXPECT_NE(check(CheckLevel::Structure).outcome, Outcome::Success) << name;
        store.plant(*ObjectName::parse(name), bytes);
    }
}

TEST_F(ReplicaTest, AWriterOfTheSourceCannotWriteThere) {
    prepare(store);
    ASSERT_TRUE(copy());
    const auto made = commit_point(*to, world.one, "a");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), ErrorKind::Denied);
}

TEST_F(ReplicaTest, ItHasWritersOfItsOwnWhoseNumbersMeetNoOthers) {
    prepare(store);
    ASSERT_TRUE(copy());
    Certificate certificate;
    certificate.name = "local";
    const auto local = to->enrol(certificate, {});
    ASSERT_TRUE(local);
    EXPECT_GE(number(local->enrolment), kFirstOfReplicas);
    MemoryTree tree;
    tree.put_file("here", "made here");
    const Roots roots{{"/here", tree}};
    world.clock.now_ns += 1'000'000'000;
    world.points[back_up(*to, *local, "here", roots).session] = roots;
    expect_all_there();
}

TEST_F(ReplicaTest, ItsKeysChangeOnlyAtItsSource) {
    prepare(store);
    ASSERT_TRUE(copy());
    EXPECT_FALSE(to->add_slot(Passphrase("no"), kCheapKdf, "no", {}));
    EXPECT_FALSE(to->rotate(Passphrase("no"), kCheapKdf, "no", {}));
}

TEST_F(ReplicaTest, AnExpiredPointIsNoLongerListed) {
    prepare(store);
    ASSERT_TRUE(copy());
    const auto list = to->list_points({});
    Fate fate;
    fate.kind = FateKind::Expired;
    ASSERT_TRUE(to->add_fate(list->points.front(), fate, {}));
    EXPECT_EQ(to->list_points({})->points.size(), list->points.size() - 1);
    EXPECT_EQ(from->list_points({})->points.size(), world.points.size());
}

}  // namespace
}  // namespace perdure
