#include "repo/protocol/upkeep.h"

#include <gtest/gtest.h>

namespace perdure::protocol {
namespace {

constexpr Token kToken = 70;

Answer plain(AnswerKind kind) { return Answer::plain(kind); }
Answer ended(EndKind kind) { return Answer::found(EndRecord{kind, 1, 0}, kToken, false); }

TEST(ExpireStep, MakesAFateOnlyForPointsAndCheckpoints) {
    for (const EndKind kind : {EndKind::Point, EndKind::Checkpoint}) {
        ExpireStep step(4, 2);
        step.on_answer(ended(kind));
        EXPECT_EQ(step.next().key, (ObjectKey{ObjectType::Fate, 4, 2, 0}));
        step.on_answer(Answer::done());
        EXPECT_EQ(step.next().verb, Verb::Done);
    }
    for (const EndKind kind : {EndKind::End, EndKind::Fence}) {
        ExpireStep step(4, 2);
        step.on_answer(ended(kind));
        EXPECT_EQ(step.next().failure, Failure::Missing);
    }
}

TEST(ExpireStep, FateThatIsThereIsEnough) {
    ExpireStep step(4, 2);
    step.on_answer(ended(EndKind::Point));
    step.on_answer(plain(AnswerKind::Unclear));
    step.on_answer(plain(AnswerKind::Exists));
    EXPECT_EQ(step.next().verb, Verb::Done);
}

TEST(CarryStep, OnlyWhatIsReadBackAsCommittedIsCarried) {
    const auto carried = [](const Answer& answer, Token remembered) {
        CarryStep step(4, 2, remembered);
        EXPECT_EQ(step.next().key, (ObjectKey{ObjectType::Ending, 4, 2, 0}));
        step.on_answer(answer);
        EXPECT_EQ(step.next().verb, Verb::Done);
        return step.is_carried();
    };
    EXPECT_TRUE(carried(ended(EndKind::Point), kToken));
    EXPECT_TRUE(carried(ended(EndKind::Checkpoint), 0));
    EXPECT_FALSE(carried(ended(EndKind::Point), kToken + 1));
    EXPECT_FALSE(carried(ended(EndKind::Fence), kToken));
    EXPECT_FALSE(carried(ended(EndKind::End), kToken));
    EXPECT_FALSE(carried(plain(AnswerKind::NotFound), kToken));
    EXPECT_FALSE(carried(plain(AnswerKind::Invalid), kToken));
}

TEST(CarryStep, OnlyACheckpointIsSuperseded) {
    CarryStep checkpoint(4, 2, 0);
    checkpoint.on_answer(ended(EndKind::Checkpoint));
    EXPECT_EQ(checkpoint.supersedes(), 2u);
    CarryStep point(4, 2, 0);
    point.on_answer(ended(EndKind::Point));
    EXPECT_EQ(point.supersedes(), 0u);
}

TEST(CarryStep, WithoutAnAnswerNothingIsCarried) {
    CarryStep step(4, 2, kToken);
    for (int i = 0; i < kDefaultTries; ++i) step.on_answer(plain(AnswerKind::Unclear));
    EXPECT_EQ(step.next().verb, Verb::Done);
    EXPECT_FALSE(step.is_carried());
}

ReadBegin reading() {
    SessionBegin::Start start;
    start.writer = 4;
    ReadBegin step(start, 5, 2);
    const LogEntry entry = std::get<LogEntry>(step.next().record);
    EXPECT_EQ(entry.kind, EntryKind::ReadSession);
    step.on_answer(Answer::done(1));
    step.on_answer(plain(AnswerKind::Exists));
    return step;
}

TEST(ReadBegin, TakesANumberBeforeItLooksAtThePointAndItsFate) {
    ReadBegin step = reading();
    EXPECT_EQ(step.next().key, (ObjectKey{ObjectType::Ending, 5, 2, 0}));
    step.on_answer(ended(EndKind::Point));
    EXPECT_EQ(step.next().key, (ObjectKey{ObjectType::Fate, 5, 2, 0}));
    step.on_answer(plain(AnswerKind::NotFound));
    EXPECT_EQ(step.next().verb, Verb::Done);
}

TEST(ReadBegin, ExpiredOrFencedPointIsMissing) {
    ReadBegin expired = reading();
    expired.on_answer(ended(EndKind::Point));
    expired.on_answer(Answer::found({}, 1, false));
    EXPECT_EQ(expired.next().failure, Failure::Missing);
    ReadBegin fenced = reading();
    fenced.on_answer(ended(EndKind::Fence));
    EXPECT_EQ(fenced.next().failure, Failure::Missing);
}

TEST(RepackStep, CommitsAnEndRecordThatBindsItsIndex) {
    SessionBegin::Start start;
    start.writer = 4;
    RepackStep step(start);
    step.on_answer(Answer::done(1));
    step.on_answer(plain(AnswerKind::Exists));
    EXPECT_EQ(step.next().verb, Verb::Copy);
    step.on_answer(Answer::done(33));
    step.on_answer(Answer::done(33));  // the index
    const Action action = step.next();
    EXPECT_EQ(action.key, (ObjectKey{ObjectType::Ending, 4, 1, 0}));
    EXPECT_EQ(std::get<EndRecord>(action.record), (EndRecord{EndKind::End, 33, 0}));
}

TEST(RepackStep, NothingToCopyEndsTheNumberWithoutAnIndex) {
    SessionBegin::Start start;
    RepackStep step(start);
    step.on_answer(Answer::done(1));
    step.on_answer(plain(AnswerKind::Exists));
    step.on_answer(plain(AnswerKind::Refused));
    EXPECT_EQ(std::get<EndRecord>(step.next().record), (EndRecord{EndKind::End, 0, 0}));
}

TEST(DeleteStep, RemovesEachPackOfTheVerdictAndNothingWithoutOne) {
    DeleteStep step(3);
    EXPECT_EQ(step.next().key, (ObjectKey{ObjectType::Verdict, 0, 3, 0}));
    step.on_answer(Answer::found(VerdictRecord{2}, 1, false));
    for (PackToken place = 0; place < 2; ++place) {
        EXPECT_EQ(step.next().verb, Verb::Remove);
        EXPECT_EQ(step.next().key, (ObjectKey{ObjectType::Pack, 0, 3, place}));
        step.on_answer(Answer::done());
    }
    EXPECT_EQ(step.next().verb, Verb::Done);
    DeleteStep without(3);
    without.on_answer(plain(AnswerKind::NotFound));
    EXPECT_EQ(without.next().failure, Failure::Missing);
    DeleteStep damaged(3);
    damaged.on_answer(plain(AnswerKind::Invalid));
    EXPECT_EQ(damaged.next().failure, Failure::Stopped);
}

TEST(Index, StaysWhileItGivesThePlaceOfAnything) {
    const IndexUse repack{true, false, false, true, false};
    EXPECT_TRUE(may_delete_index(repack));
    EXPECT_FALSE(may_delete_index({true, false, false, false, false}));
    EXPECT_FALSE(may_delete_index({true, true, false, true, false}));
    EXPECT_TRUE(may_delete_index({true, true, true, true, false}));
    EXPECT_FALSE(may_delete_index({true, true, true, true, true}));
    EXPECT_FALSE(may_delete_index({false, false, false, true, false}));
}

TEST(EndRecord, OnlyPointsAndCheckpointsExpireACheckpoint) {
    EXPECT_TRUE((EndRecord{EndKind::Point, 1, 3}).expires(3));
    EXPECT_TRUE((EndRecord{EndKind::Checkpoint, 1, 3}).expires(3));
    EXPECT_FALSE((EndRecord{EndKind::End, 1, 3}).expires(3));
    EXPECT_FALSE((EndRecord{EndKind::Fence, 1, 3}).expires(3));
    EXPECT_FALSE((EndRecord{EndKind::Point, 1, 0}).expires(0));
}

}  // namespace
}  // namespace perdure::protocol
