#include "repo/protocol/session.h"

#include <gtest/gtest.h>

#include <vector>

#include "repo/protocol/reuse.h"

namespace perdure::protocol {
namespace {

constexpr Writer kWriter = 7;
constexpr Token kOurs = 900;

Answer session_entry(Token previous, Token token) {
    return Answer::found(LogEntry{EntryKind::Session, 0, 0, previous}, token, false);
}
Answer barrier_entry(ListNumber list, Token previous, Token token) {
    return Answer::found(LogEntry{EntryKind::Barrier, list, 0, previous}, token, false);
}
Answer plain(AnswerKind kind) { return Answer::plain(kind); }

template <class Machine>
Action feed(Machine& machine, const std::vector<Answer>& answers) {
    for (const Answer& answer : answers) machine.on_answer(answer);
    return machine.next();
}

SessionBegin begin(Number known = 0) {
    SessionBegin::Start start;
    start.writer = kWriter;
    start.known = known;
    return SessionBegin(start);
}

TEST(SessionBegin, EmptyLogTakesTheFirstNumberAndProvesCreateIfAbsent) {
    SessionBegin machine = begin();
    EXPECT_EQ(machine.next().verb, Verb::Create);
    EXPECT_EQ(machine.next().key, LogName::of(kWriter).key(1));
    const Record first = machine.next().record;
    machine.on_answer(Answer::done(kOurs));
    EXPECT_EQ(machine.next().verb, Verb::Create);
    EXPECT_EQ(machine.next().key, LogName::of(kWriter).key(1));
    EXPECT_EQ(machine.next().record, first);
    machine.on_answer(plain(AnswerKind::Exists));
    EXPECT_EQ(machine.next().verb, Verb::Done);
    EXPECT_EQ(machine.number(), 1u);
    EXPECT_EQ(machine.obeys(), 0u);
    EXPECT_TRUE(machine.create_if_absent_proven());
    EXPECT_EQ(machine.head(), (LogHead{2, kOurs, 0}));
}

TEST(SessionBegin, SecondCreateThatSucceedsIsNotAProof) {
    SessionBegin machine = begin();
    EXPECT_EQ(feed(machine, {Answer::done(kOurs), Answer::done(kOurs)}).verb, Verb::Done);
    EXPECT_FALSE(machine.create_if_absent_proven());
}

TEST(SessionBegin, LostRaceToABarrierIsObeyed) {
    SessionBegin machine = begin();
    feed(machine, {plain(AnswerKind::Exists), barrier_entry(1, 0, 11)});
    const Action second = machine.next();
    EXPECT_EQ(second.key, LogName::of(kWriter).key(2));
    EXPECT_EQ(std::get<LogEntry>(second.record).previous, 11u);
    EXPECT_EQ(feed(machine, {Answer::done(kOurs), plain(AnswerKind::Exists)}).key,
              (ObjectKey{ObjectType::List, 0, 1, 0}));
    EXPECT_EQ(feed(machine, {plain(AnswerKind::Found)}).key,
              (ObjectKey{ObjectType::Verdict, 0, 1, 0}));
    EXPECT_EQ(feed(machine, {plain(AnswerKind::NotFound)}).verb, Verb::Done);
    EXPECT_EQ(machine.obeys(), 1u);
    EXPECT_EQ(machine.number(), 2u);
}

TEST(SessionBegin, LostAnswerIsSettledByReadingBack) {
    SessionBegin machine = begin();
    feed(machine, {plain(AnswerKind::Unclear), plain(AnswerKind::Exists)});
    EXPECT_EQ(machine.next().verb, Verb::Load);
    machine.on_answer(Answer::found(LogEntry{}, kOurs, true));
    EXPECT_EQ(machine.number(), 1u);
    EXPECT_EQ(feed(machine, {plain(AnswerKind::Exists)}).verb, Verb::Done);
}

TEST(SessionBegin, EntriesBelowKnownAreLoadedAndHolesAreDamage) {
    SessionBegin machine = begin(3);
    EXPECT_EQ(machine.next().verb, Verb::Load);
    feed(machine, {session_entry(0, 11)});
    EXPECT_EQ(machine.next().verb, Verb::Load);
    EXPECT_EQ(feed(machine, {plain(AnswerKind::NotFound)}).failure, Failure::Missing);
}

TEST(SessionBegin, EntryThatDoesNotNameTheOneBeforeBreaksTheChain) {
    SessionBegin machine = begin(3);
    EXPECT_EQ(feed(machine, {session_entry(0, 11), session_entry(12, 13)}).failure,
              Failure::BrokenChain);
}

TEST(SessionBegin, MissingListOfABarrierIsNotTakenForAnEmptyOne) {
    SessionBegin machine = begin(2);
    feed(machine, {barrier_entry(1, 0, 11), Answer::done(kOurs), plain(AnswerKind::Exists)});
    EXPECT_EQ(feed(machine, {plain(AnswerKind::NotFound)}).failure, Failure::Missing);
}

TEST(SessionBegin, ListsBelowTheCertificateAreReadUnlessSettled) {
    SessionBegin::Start start;
    start.writer = kWriter;
    start.head.obeys = 3;
    start.settled = 2;
    SessionBegin machine(start);
    EXPECT_EQ(feed(machine, {Answer::done(kOurs), plain(AnswerKind::Exists)}).key,
              (ObjectKey{ObjectType::List, 0, 3, 0}));
}

TEST(SessionBegin, GivesUpAfterItsTriesAndSaysThatItMayHaveHappened) {
    SessionBegin machine = begin();
    const std::vector<Answer> unclear(kDefaultTries, plain(AnswerKind::Unclear));
    EXPECT_EQ(feed(machine, unclear).failure, Failure::Unknown);
    SessionBegin refused = begin();
    EXPECT_EQ(feed(refused, {plain(AnswerKind::Refused)}).failure, Failure::Refused);
}

constexpr EndRecord kPoint{EndKind::Point, 5, 0};

SessionCommit commit() { return SessionCommit(kWriter, 3, kPoint); }

TEST(SessionCommit, IndexThenPointThenReadBackThenClosed) {
    SessionCommit machine = commit();
    EXPECT_EQ(machine.next().key, (ObjectKey{ObjectType::Index, kWriter, 3, 0}));
    machine.on_answer(Answer::done(5));
    EXPECT_EQ(machine.next().verb, Verb::Create);
    EXPECT_EQ(machine.next().key, (ObjectKey{ObjectType::Ending, kWriter, 3, 0}));
    EXPECT_EQ(std::get<EndRecord>(machine.next().record), kPoint);
    machine.on_answer(Answer::done(kOurs));
    EXPECT_EQ(machine.next().verb, Verb::Load);
    machine.on_answer(Answer::found(kPoint, kOurs, true));
    EXPECT_EQ(machine.next().key, (ObjectKey{ObjectType::Closed, kWriter, 3, 0}));
    EXPECT_EQ(feed(machine, {plain(AnswerKind::NotFound)}).verb, Verb::Done);
}

TEST(SessionCommit, FenceIsFencedAndForeignPointIsForeign) {
    SessionCommit fenced = commit();
    EXPECT_EQ(feed(fenced, {Answer::done(5), plain(AnswerKind::Exists),
                            Answer::found(EndRecord{EndKind::Fence, 0, 0}, 40, false)})
                  .failure,
              Failure::Fenced);
    SessionCommit foreign = commit();
    EXPECT_EQ(feed(foreign,
                   {Answer::done(5), plain(AnswerKind::Exists), Answer::found(kPoint, 41, false)})
                  .failure,
              Failure::Foreign);
}

TEST(SessionCommit, UnclearAnswersEndInReadingBack) {
    const std::vector<Answer> unclear(kDefaultTries, plain(AnswerKind::Unclear));
    SessionCommit applied = commit();
    applied.on_answer(Answer::done(5));
    EXPECT_EQ(feed(applied, unclear).verb, Verb::Load);
    EXPECT_EQ(feed(applied, {Answer::found(kPoint, kOurs, true), plain(AnswerKind::NotFound)}).verb,
              Verb::Done);
    SessionCommit lost = commit();
    lost.on_answer(Answer::done(5));
    feed(lost, unclear);
    const std::vector<Answer> absent(kDefaultTries, plain(AnswerKind::NotFound));
    EXPECT_EQ(feed(lost, absent).failure, Failure::Unknown);
}

TEST(SessionCommit, RefusalAfterAnUnclearAnswerIsReadBack) {
    SessionCommit machine = commit();
    feed(machine, {Answer::done(5), plain(AnswerKind::Unclear), plain(AnswerKind::Refused)});
    EXPECT_EQ(machine.next().verb, Verb::Load);
    SessionCommit clear = commit();
    EXPECT_EQ(feed(clear, {Answer::done(5), plain(AnswerKind::Refused)}).failure, Failure::Refused);
}

TEST(SessionCommit, ClosedRecordThatStatesAnotherEndingContradicts) {
    const std::vector<Answer> until_closed = {Answer::done(5), Answer::done(kOurs),
                                              Answer::found(kPoint, kOurs, true)};
    SessionCommit other = commit();
    feed(other, until_closed);
    EXPECT_EQ(feed(other, {Answer::found(ClosedStatement{kOurs + 1, false}, 50, false)}).failure,
              Failure::Contradicted);
    SessionCommit same = commit();
    feed(same, until_closed);
    EXPECT_EQ(feed(same, {Answer::found(ClosedStatement{kOurs, false}, 50, false)}).verb,
              Verb::Done);
}

TEST(SessionCommit, ForeignIndexUnderOurNumberEndsTheSession) {
    SessionCommit machine = commit();
    EXPECT_EQ(feed(machine, {plain(AnswerKind::Exists), Answer::found({}, 6, false)}).failure,
              Failure::Foreign);
}

TEST(Reuse, OnlyTheBirthIndexOrAMaintainersIndexCounts) {
    const BirthAddress block{7, 3, {100, 2}};
    EXPECT_TRUE(counts(block, {100, 2}, IndexFact{7, 3, false, true}));
    EXPECT_FALSE(counts(block, {100, 2}, IndexFact{7, 3, false, false}));
    EXPECT_FALSE(counts(block, {101, 2}, IndexFact{7, 3, false, true}));
    EXPECT_FALSE(counts(block, {100, 2}, IndexFact{8, 3, false, true}));
    EXPECT_TRUE(counts(block, {101, 0}, IndexFact{9, 1, true, true}));
}

TEST(Reuse, ListBlocksUntilItsVerdictReleases) {
    EXPECT_FALSE(blocks({false, false, false}));
    EXPECT_TRUE(blocks({true, false, false}));
    EXPECT_TRUE(blocks({true, true, true}));
    EXPECT_FALSE(blocks({true, true, false}));
}

TEST(Reuse, OneUnblockedCountingLocationIsEnough) {
    const std::vector<Location> both = {{100, 2}, {101, 0}};
    EXPECT_TRUE(may_reuse(both, [](const Location& at) { return at.pack == 100; }));
    EXPECT_FALSE(may_reuse(both, [](const Location&) { return true; }));
    EXPECT_FALSE(may_reuse(std::vector<Location>{}, [](const Location&) { return false; }));
}

}  // namespace
}  // namespace perdure::protocol
