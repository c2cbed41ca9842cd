#include "repo/ledger.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

const SessionDigest kPoint{session_name(1, 5), digest_of(as_bytes("a point"))};
const BirthPack kPack{session_name(1, 4), id_of<PackId>(9)};

LedgerRecord checked(LedgerLevel level) {
    LedgerRecord record;
    record.kind = LedgerKind::Checked;
    record.level = level;
    record.packs = {kPack};
    record.sessions = {kPoint};
    record.text = "success";
    return record;
}

TEST(Ledger, RecordsSurviveEncoding) {
    LedgerRecord record = checked(LedgerLevel::Deep);
    record.time_ns = -5;
    record.previous = digest_of(as_bytes("before"));
    const auto back = decode_ledger_record(encode_ledger_record(record));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->kind, record.kind);
    EXPECT_EQ(back->level, record.level);
    EXPECT_EQ(back->time_ns, -5);
    EXPECT_EQ(back->previous, record.previous);
    EXPECT_EQ(back->packs, record.packs);
    EXPECT_EQ(back->sessions, record.sessions);
    EXPECT_EQ(back->text, "success");
}

TEST(Ledger, SaysWhenAPackWasLastFoundWholeAtEachLevel) {
    RepoFixture fixture;
    const auto at = [&](LedgerLevel level) {
        const auto ledger = load_ledger(*fixture.repository, {});
        EXPECT_TRUE(ledger && ledger->problems.empty());
        const auto pack = ledger->packs.find(kPack);
        return pack == ledger->packs.end() ? 0 : pack->second.at(level);
    };
    EXPECT_EQ(at(LedgerLevel::Aead), 0);
    const auto add = [&](LedgerLevel level) {
        fixture.clock.now_ns += 10;
        EXPECT_TRUE(append_to_ledger(*fixture.repository, checked(level), {}));
        return fixture.clock.now_ns;
    };
    const auto deep = add(LedgerLevel::Deep);
    EXPECT_EQ(at(LedgerLevel::Aead), deep);
    EXPECT_EQ(at(LedgerLevel::Deep), deep);
    const auto aead = add(LedgerLevel::Aead);
    EXPECT_EQ(at(LedgerLevel::Aead), aead);
    EXPECT_EQ(at(LedgerLevel::Deep), deep);
    add(LedgerLevel::Structure);
    EXPECT_EQ(at(LedgerLevel::Aead), aead);
}

TEST(Ledger, OnlyAVerifiedRecordVerifiesAPoint) {
    RepoFixture fixture;
    Point point;
    point.header.session = kPoint.session;
    point.digest = kPoint.digest;
    ASSERT_TRUE(append_to_ledger(*fixture.repository, checked(LedgerLevel::Deep), {}));
    EXPECT_FALSE(load_ledger(*fixture.repository, {})->verified_at(point));
    LedgerRecord record = checked(LedgerLevel::Deep);
    record.kind = LedgerKind::Verified;
    ASSERT_TRUE(append_to_ledger(*fixture.repository, record, {}));
    const auto ledger = load_ledger(*fixture.repository, {});
    EXPECT_EQ(ledger->verified_at(point), std::optional(fixture.clock.now_ns));
    point.digest = digest_of(as_bytes("another of that name"));
    EXPECT_FALSE(ledger->verified_at(point));
}

TEST(Ledger, EveryRecordBindsTheOneBefore) {
    RepoFixture fixture;
    std::optional<Digest> before;
    for (std::uint64_t n = 1; n <= 3; ++n) {
        ASSERT_TRUE(append_to_ledger(*fixture.repository, checked(LedgerLevel::Aead), {}));
        const Buffer object = *fixture.store.load(names::ledger(n), ByteRange::all(), {});
        const auto record = open_ledger_record(*fixture.repository, names::ledger(n), object);
        ASSERT_TRUE(record);
        EXPECT_EQ(record->previous, before);
        before = digest_of(object);
    }
}

TEST(Ledger, AWritersOwnRecordIsAProblemAndSaysNothing) {
    RepoFixture fixture;
    const WriterIdentity thief = fixture.enrol("thief");
    LedgerRecord lie = checked(LedgerLevel::Deep);
    lie.kind = LedgerKind::Verified;
    lie.time_ns = fixture.clock.now_ns;
    const SigningKey key(thief.signing_seed);
    const ObjectName name = names::ledger(1);
    fixture.store.plant(
        name, seal_record({fixture.repository->id(), ObjectType::Ledger, name.text()},
                          encode_ledger_record(lie),
                          {{Role::Writer, thief.enrolment, EpochNumber{1}}, &key, nullptr},
                          {Sealing::IndexKey, thief.domains[0].index_key, 1, 1}));
    const auto ledger = load_ledger(*fixture.repository, {});
    ASSERT_TRUE(ledger);
    EXPECT_EQ(ledger->problems.size(), 1U);
    EXPECT_TRUE(ledger->verified.empty());
}

}  // namespace
}  // namespace perdure
