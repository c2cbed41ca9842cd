#include "repo/merges.h"

#include <gtest/gtest.h>

#include "repo/proto_io.h"
#include "support/far_store.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

class MergesTest : public ::testing::Test {
protected:
    static constexpr std::size_t kPoints = 80;

    MergesTest() : writer(fixture.enrol("w")) {
        rules.least_growth = 1;
        for (std::size_t i = 0; i < kPoints; ++i) commit();
        const auto points = fixture.repository->list_points({})->points;
        for (std::size_t i = 0; i < 5; ++i) expire(points[i]);
        far_repository = open_far();
    }
    void commit() {
        ASSERT_TRUE(commit_point(*fixture.repository, writer, "h", EndKind::Files, {"content"}));
    }
    void expire(const Point& point) {
        Fate fate;
        fate.kind = FateKind::Expired;
        ASSERT_TRUE(fixture.repository->add_fate(point, fate, {}));
    }
    std::unique_ptr<Repository> open_far() {
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        auto opened = Repository::open(far, credentials, fixture.clock, system_random(), {});
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }
    Maintainer maintainer() const { return *Maintainer::from(*far_repository, nullptr); }
    MergeResult merge() {
        const auto merged = write_merges(maintainer(), rules, {});
        EXPECT_TRUE(merged) << merged.error().describe();
        return *merged;
    }
    /// As a machine that has no cache yet.
    PointList list_anew() {
        const auto repository = open_far();
        repository->keep_records_in(LocalCache());
        EXPECT_TRUE(repository->enrolments({}));
        far.counted.reset();
        auto list = repository->list_points({});
        EXPECT_TRUE(list);
        return *std::move(list);
    }
    std::uint64_t loads() const { return far.counted.counts().load.requests; }
    void expect_all(const PointList& list) const {
        EXPECT_EQ(list.points.size(), kPoints - 5);
        EXPECT_EQ(list.expired.size(), 5U);
        EXPECT_TRUE(list.problems.empty());
    }
    std::vector<ObjectName> merges() {
        std::vector<ObjectName> names;
        const auto listed = list_objects(fixture.store, "merged/", {});
        for (const ListedObject& merge : *listed) names.push_back(merge.name);
        return names;
    }

    RepoFixture fixture;
    WriterIdentity writer;
    MergeRules rules;
    FarStore far{fixture.store};
    std::unique_ptr<Repository> far_repository;
};

TEST_F(MergesTest, ANewMachineReadsAFewObjectsInPlaceOfAll) {
    expect_all(list_anew());
    EXPECT_EQ(loads(), 2 * kPoints + 5);
    const MergeResult merged = merge();
    EXPECT_EQ(merged.merges, 1U);
    EXPECT_EQ(merged.records, 3 * kPoints + 5) << "ends, log entries, indexes, fates";
    expect_all(list_anew());
    EXPECT_EQ(loads(), 1U);
}

TEST_F(MergesTest, AMergeHoldsNoMoreThanItMay) {
    rules.most_bytes = 16U << 10;
    EXPECT_GT(merge().merges, 5U);
    expect_all(list_anew());
    EXPECT_EQ(loads(), merges().size());
}

TEST_F(MergesTest, WhatIsNewerThanTheMergeIsReadBesides) {
    merge();
    commit();
    const PointList list = list_anew();
    EXPECT_EQ(list.points.size(), kPoints - 4);
    EXPECT_EQ(loads(), 3U) << "the merge, an end, a log entry";
    expire(list.points.front());
    EXPECT_EQ(list_anew().expired.size(), 6U) << "no merge hides what was decided since";
}

TEST_F(MergesTest, IsWrittenAnewOnceEnoughHasCome) {
    rules.least_growth = 8U << 10;
    EXPECT_EQ(merge().merges, 1U);
    EXPECT_EQ(merge().merges, 0U);
    for (int i = 0; i < 60; ++i) commit();
    const MergeResult again = merge();
    EXPECT_EQ(again.merges, 1U);
    EXPECT_EQ(again.removed, 1U);
    EXPECT_EQ(merges().size(), 1U);
    list_anew();
    EXPECT_EQ(loads(), 1U);
}

TEST_F(MergesTest, NoneIsWrittenWhereReadingTakesNoRoundTrip) {
    far.connections = 2;
    EXPECT_EQ(merge().merges, 0U);
}

TEST_F(MergesTest, LostDamagedAndCutShortMergesCostTimeAndNothingElse) {
    rules.most_bytes = 16U << 10;
    merge();
    const std::vector<ObjectName> all = merges();
    ASSERT_GE(all.size(), 3U);
    ASSERT_TRUE(fixture.store.remove(all[0], {}));
    Buffer damaged = *fixture.store.load(all[1], ByteRange::all(), {});
    damaged[damaged.size() / 2] ^= std::byte{1};
    fixture.store.plant(all[1], damaged);
    Buffer cut = *fixture.store.load(all[2], ByteRange::all(), {});
    cut.resize(cut.size() / 2);
    fixture.store.plant(all[2], cut);
    expect_all(list_anew());
    EXPECT_LT(loads(), 2 * kPoints);
}

/// Signed by who may sign merges, and false in every record: as long as the true ones.
TEST_F(MergesTest, AHostileMaintainersMergeCostsTimeAndNothingElse) {
    v1::Merged merged;
    merged.set_number(1);
    for (const char* prefix : {"points/", "log/", "fate/"}) {
        const auto all = list_objects(fixture.store, prefix, {});
        // Of another object of that kind, or noise.
        const Buffer other = *fixture.store.load(all->front().name, ByteRange::all(), {});
        for (const ListedObject& listed : *all) {
            auto* record = merged.add_records();
            record->set_name(listed.name.text());
            record->set_modified(static_cast<std::uint64_t>(listed.stat.modified_ns));
            const bool fits = &listed != &all->front() && other.size() == listed.stat.size;
            record->set_object(fits ? std::string(as_text(other)) : noise(1, listed.stat.size));
        }
    }
    const ObjectName name = names::merged(1);
    fixture.store.plant(name, maintainer().seal(ObjectType::Merged, name, encode(merged)));
    expect_all(list_anew());
    EXPECT_GE(loads(), 2 * kPoints);
}

TEST_F(MergesTest, AMergeOfAWriterIsNotBelieved) {
    merge();
    const ObjectName name = merges().front();
    const SigningKey key(writer.signing_seed);
    const auto domain = fixture.repository->domain_keys();
    const auto true_merge = fixture.repository->open_by_maintainer(
        ObjectType::Merged, name, *fixture.store.load(name, ByteRange::all(), {}));
    fixture.store.plant(
        name,
        seal_record(
            {fixture.repository->id(), ObjectType::Merged, name.text()}, true_merge->body,
            {{writer.role, writer.enrolment, EpochNumber{1}}, &key, nullptr},
            {Sealing::IndexKey, domain->index_key, domain->name.domain, domain->name.generation}));
    expect_all(list_anew());
    EXPECT_GE(loads(), 2 * kPoints);
}

TEST_F(MergesTest, WhatIsGoneOrOverwrittenComesOutOfNoMerge) {
    merge();
    const auto points = fixture.repository->list_points({})->points;
    ASSERT_TRUE(fixture.store.remove(names::point(points[0].session()), {}));
    const ObjectName name = names::point(points[1].session());
    Buffer damaged = *fixture.store.load(name, ByteRange::all(), {});
    damaged[damaged.size() / 2] ^= std::byte{1};
    fixture.store.plant(name, damaged);
    const PointList list = list_anew();
    EXPECT_EQ(list.points.size(), kPoints - 7);
    ASSERT_EQ(list.problems.size(), 1U);
    EXPECT_EQ(list.problems[0].object, name.text());
}

}  // namespace
}  // namespace perdure
