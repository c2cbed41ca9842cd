#include "repo/record_cache.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "repo/fates.h"
#include "store/counting_store.h"
#include "support/files.h"
#include "support/repo_fixture.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

/// A repository with points, some expired, and a cache that outlives each opening of it.
class RecordCacheTest : public ::testing::Test {
protected:
    static constexpr int kPoints = 12;

    RecordCacheTest() : writer(fixture.enrol("w")) {
        for (int i = 0; i < kPoints; ++i) commit();
        const auto list = fixture.repository->list_points({});
        for (int i = 0; i < 3; ++i) expire(list->points[static_cast<std::size_t>(i)]);
    }
    void commit() {
        auto session = WriteSession::begin(*fixture.repository, writer, LocalCache(), {}, {});
        ASSERT_TRUE(session);
        PointHeader header;
        header.host = "h";
        ASSERT_TRUE((*session)->commit(header, PointBody(), LivenessSummary(), {}));
    }
    void expire(const Point& point) {
        Fate fate;
        fate.kind = FateKind::Expired;
        ASSERT_TRUE(fixture.repository->add_fate(point, fate, {}));
    }
    LocalCache cache() const { return {dir / "cache", fixture.repository->id(), key_of(7)}; }
    /// Lists as a new run of the program does, with the cache of those before.
    PointList list_again() {
        Credentials credentials;
        credentials.passphrase = Passphrase("correct horse");
        auto opened = Repository::open(counting, credentials, fixture.clock, system_random(), {});
        EXPECT_TRUE(opened);
        (*opened)->keep_records_in(cache());
        EXPECT_TRUE((*opened)->enrolments({}));
        counting.reset();
        auto list = (*opened)->list_points({});
        EXPECT_TRUE(list);
        return *std::move(list);
    }
    std::uint64_t loads() const { return counting.counts().load.requests; }

    RepoFixture fixture;
    WriterIdentity writer;
    TempDir dir;
    CountingStore counting{fixture.store};
};

TEST_F(RecordCacheTest, ASecondListReadsOnlyWhatIsNew) {
    const PointList first = list_again();
    EXPECT_EQ(loads(), 2U * kPoints + 3U) << "ends, log entries, fates";
    EXPECT_EQ(first.points.size(), kPoints - 3U);
    const PointList second = list_again();
    EXPECT_EQ(loads(), 0U);
    EXPECT_EQ(second.points.size(), first.points.size());
    EXPECT_EQ(second.expired.size(), 3U);
    EXPECT_TRUE(second.problems.empty());
    commit();
    expire(second.points.back());
    EXPECT_EQ(list_again().points.size(), first.points.size());
    EXPECT_EQ(loads(), 3U) << "an end, a log entry, a fate";
}

TEST_F(RecordCacheTest, WhatIsGoneIsNotRemembered) {
    list_again();
    const SessionName gone = list_again().points.front().session();
    ASSERT_TRUE(fixture.store.remove(names::point(gone), {}));
    const PointList list = list_again();
    EXPECT_EQ(list.points.size(), kPoints - 4U);
    for (const Point& point : list.points) EXPECT_NE(point.session(), gone);
}

TEST_F(RecordCacheTest, WhatWasOverwrittenIsReadAnew) {
    const SessionName damaged = list_again().points.front().session();
    const ObjectName name = names::point(damaged);
    Buffer object = *fixture.store.load(name, ByteRange::all(), {});
    object[object.size() / 2] ^= std::byte{1};  // as long as before
    fixture.store.plant(name, object);
    const PointList list = list_again();
    ASSERT_EQ(list.problems.size(), 1U);
    EXPECT_EQ(list.problems.front().object, name.text());
    EXPECT_EQ(loads(), 1U);
    object[object.size() / 2] ^= std::byte{1};
    fixture.store.plant(name, object);
    EXPECT_TRUE(list_again().problems.empty());
}

TEST_F(RecordCacheTest, ACacheOfAnotherIsNotBelieved) {
    list_again();
    // A whole file of the cache in the place of another one, and one that is cut short.
    const std::string records = dir / "cache/" + fixture.repository->id().hex() + "/records/";
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(records))
        files.push_back(entry.path().string());
    ASSERT_GE(files.size(), 3U);
    std::filesystem::copy_file(files[0], files[1],
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(files[2], 40);
    const PointList list = list_again();
    EXPECT_EQ(list.points.size(), kPoints - 3U);
    EXPECT_TRUE(list.problems.empty());
    EXPECT_GT(loads(), 0U);
    list_again();
    EXPECT_EQ(loads(), 0U) << "it was written anew";
}

/// What a thief of the identity's key could put there: records that never were in the repository.
TEST_F(RecordCacheTest, BytesOutOfTheCacheThatDoNotAuthenticateAreReadAnew) {
    const SessionName session = list_again().points.front().session();
    const ObjectName name = names::point(session);
    const Buffer object = *fixture.store.load(name, ByteRange::all(), {});
    Buffer other = object;
    other[other.size() / 2] ^= std::byte{1};
    const auto stat = fixture.store.stat(name, {});
    RecordCache(cache()).note({name, *stat}, other);
    EXPECT_TRUE(list_again().problems.empty());
    EXPECT_EQ(loads(), 1U) << "what does not authenticate is read from the store";
    EXPECT_TRUE(list_again().problems.empty());
    EXPECT_EQ(loads(), 0U);
}

TEST_F(RecordCacheTest, ManyStretchesAreWrittenAndFoundAgain) {
    const Buffer bytes = to_buffer(as_bytes("record"));
    const auto listed = [&](std::uint64_t n) {
        return ListedObject{names::log_entry(session_name(1, n * 512)), {bytes.size(), 5}};
    };
    {
        RecordCache records(cache());
        for (std::uint64_t n = 0; n < 100; ++n) records.note(listed(n), bytes);
    }
    RecordCache records(cache());
    for (std::uint64_t n = 0; n < 100; ++n) EXPECT_TRUE(records.find(listed(n))) << n;
    records.forget(listed(3).name);
    EXPECT_FALSE(records.find(listed(3)));
    ListedObject later = listed(4);
    later.stat.modified_ns = 6;
    EXPECT_FALSE(records.find(later));
}

}  // namespace
}  // namespace perdure
