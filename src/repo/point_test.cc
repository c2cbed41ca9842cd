#include "repo/point.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

PointHeader some_header() {
    PointHeader h;
    h.kind = EndKind::Stream;
    h.session = session_name(3, 9);
    h.log_entry = id_of<Digest>(1);
    h.index = id_of<Digest>(2);
    h.body = id_of<Digest>(3);
    h.sealed_secret = to_buffer(as_bytes("box"));
    h.host = "h\xff";
    h.sources = {"/a", "/b\xfe"};
    h.started_ns = -5;
    h.finished_ns = 7;
    h.outcome = PointOutcome::Partial;
    h.issues = 4;
    h.statistics = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    h.tags = {"t"};
    h.retention_class = "std";
    h.previous = {session_name(3, 8), id_of<Digest>(4)};
    h.supersedes = {{session_name(3, 7), id_of<Digest>(5)}};
    h.program = "perdure";
    h.source_key = id_of<SourceKey>(6);
    return h;
}

TEST(PointHeader, RoundTrips) {
    const PointHeader h = some_header();
    const auto back = decode_point_header(encode_point_header(h));
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_point_header(*back), encode_point_header(h));
    EXPECT_EQ(back->host, h.host) << "bytes, not text";
    EXPECT_EQ(back->sources, h.sources);
    EXPECT_EQ(back->started_ns, -5);
    EXPECT_EQ(back->supersedes, h.supersedes);
    EXPECT_EQ(back->statistics.bytes_stored, 11U);
}

TEST(PointHeader, UnknownKindIsCorrupt) {
    PointHeader h = some_header();
    h.kind = static_cast<EndKind>(11);
    EXPECT_FALSE(decode_point_header(encode_point_header(h)));
    h.kind = static_cast<EndKind>(0);
    EXPECT_FALSE(decode_point_header(encode_point_header(h)));
}

TEST(PointBody, RoundTrips) {
    PointBody body;
    body.roots.push_back({"/data\xff",
                          EndKind::Files,
                          {{session_name(1, 2), id_of<PackId>(3)}, 4},
                          {1, 2, 3},
                          2,
                          77});
    body.issues.push_back({1, 0, "p\xff", "text"});
    body.command = {"/data"};
    body.host_description = "{}";
    const auto back = decode_point_body(encode_point_body(body));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->roots.size(), 1U);
    EXPECT_EQ(back->roots[0].name, body.roots[0].name);
    EXPECT_EQ(back->roots[0].page, body.roots[0].page);
    EXPECT_EQ(back->issues[0].path, "p\xff");
    EXPECT_EQ(encode_point_body(*back), encode_point_body(body));
}

TEST(LogRecord, SessionsAndBarriersRoundTrip) {
    LogRecord session;
    session.session = session_name(1, 2);
    session.previous = id_of<Digest>(1);
    session.time_ns = 5;
    session.purpose = SessionPurpose::Repack;
    session.sealed_secret = to_buffer(as_bytes("box"));
    session.program = "p";
    session.host = "h";
    LogRecord barrier = session;
    barrier.kind = LogKind::Barrier;
    barrier.list = 9;
    for (const LogRecord& record : {session, barrier}) {
        const auto back = decode_log_record(encode_log_record(record));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->kind, record.kind);
        EXPECT_EQ(encode_log_record(*back), encode_log_record(record));
    }
}

TEST(Fate, EveryKindRoundTrips) {
    for (const FateKind kind :
         {FateKind::Protected, FateKind::Unprotected, FateKind::Expired, FateKind::Tags}) {
        Fate fate;
        fate.kind = kind;
        fate.point = {session_name(1, 2), id_of<Digest>(3)};
        fate.number = 4;
        fate.time_ns = 5;
        fate.reason = "r";
        fate.tags = {"a", "b"};
        const auto back = decode_fate(encode_fate(fate));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->kind, kind);
        EXPECT_EQ(back->tags, fate.tags);
        EXPECT_EQ(back->point, fate.point);
    }
}

TEST(Points, HostileBytesNeverCrash) {
    SeededRandom random(4);
    const Buffer good = encode_point_header(some_header());
    for (int i = 0; i < 20'000; ++i) {
        Buffer bad = good;
        for (int k = 0; k < 3; ++k)
            bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        bad.resize(random.below(bad.size() + 1));
        static_cast<void>(decode_point_header(bad).has_value());
        static_cast<void>(decode_point_body(bad).has_value());
        static_cast<void>(decode_log_record(bad).has_value());
        static_cast<void>(decode_fate(bad).has_value());
    }
}

TEST(LogRecord, APurposeOfALaterVersionHasNoNameButDecodes) {
    LogRecord log;
    log.purpose = static_cast<SessionPurpose>(200);
    const auto back = decode_log_record(encode_log_record(log));
    ASSERT_TRUE(back);
    EXPECT_EQ(to_string(back->purpose), "unknown");
    EXPECT_EQ(to_string(SessionPurpose::Repair), "repair");
}

}  // namespace
}  // namespace perdure
