#include "repo/protocol/collector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "repo/protocol/judge.h"

namespace perdure::protocol {
namespace {

/// A store of plain records that notes what was asked of it.
class Records {
public:
    using Name = std::tuple<ObjectType, Writer, Number>;

    void put(ObjectKey key, Record record = {}) { objects_[name(key)] = record; }
    bool has(ObjectKey key) const { return objects_.count(name(key)) != 0; }

    Answer perform(const Action& action) {
        const auto found = objects_.find(name(action.key));
        switch (action.verb) {
            case Verb::Create:
                if (found != objects_.end()) return Answer::plain(AnswerKind::Exists);
                put(action.key, action.record);
                created.push_back(action.key);
                return Answer::done(action.key.number);
            case Verb::Load:
                if (found == objects_.end()) return Answer::plain(AnswerKind::NotFound);
                return Answer::found(found->second, action.key.number, false);
            case Verb::Tally: tallied.push_back(action.key); return Answer::done();
            default: return Answer::done();
        }
    }

    std::vector<ObjectKey> created;
    std::vector<ObjectKey> tallied;

private:
    static Name name(ObjectKey key) { return {key.type, key.writer, key.number}; }
    std::map<Name, Record> objects_;
};

ObjectKey entry(Writer writer, Number number) { return LogName::of(writer).key(number); }
ObjectKey ending(Writer writer, Number number) { return {ObjectType::Ending, writer, number, 0}; }
ObjectKey list(ListNumber k) { return {ObjectType::List, 0, k, 0}; }
ObjectKey verdict(ListNumber k) { return {ObjectType::Verdict, 0, k, 0}; }
ObjectKey enrolment(Number number) { return LogName::of_enrolments().key(number); }

/// Writers 4 and 5; 4 has a committed session 1 and a running session 2.
Records two_writers() {
    Records records;
    records.put(enrolment(1), LogEntry{EntryKind::Certificate, 0, 4, 0});
    records.put(enrolment(2), LogEntry{EntryKind::Certificate, 0, 5, 1});
    records.put(entry(4, 1), LogEntry{EntryKind::Session, 0, 0, 0});
    records.put(entry(4, 2), LogEntry{EntryKind::Session, 0, 0, 1});
    records.put(ending(4, 1), EndRecord{EndKind::Point, 9, 0});
    return records;
}

Action run(Collector& machine, Records& records) {
    Action action = machine.next();
    for (; action.verb != Verb::Done && action.verb != Verb::Failed; action = machine.next())
        machine.on_answer(records.perform(action));
    return action;
}

TEST(Collector, ListThenEnrolmentsThenLogsThenFenceThenVerdict) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    EXPECT_EQ(run(machine, records).verb, Verb::Done);
    const std::vector<ObjectKey> order = {list(1),     enrolment(3), entry(4, 3),
                                          entry(5, 1), ending(4, 2), verdict(1)};
    EXPECT_EQ(records.created, order);
    EXPECT_FALSE(machine.adopted());
}

TEST(Collector, CountsPointsInBothOrs) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    run(machine, records);
    EXPECT_EQ(records.tallied, (std::vector<ObjectKey>{ending(4, 1), ending(4, 1)}));
}

TEST(Collector, ExpiredPointIsNotCounted) {
    Records records = two_writers();
    records.put({ObjectType::Fate, 4, 1, 0});
    Collector machine(Collector::Start{});
    run(machine, records);
    EXPECT_TRUE(records.tallied.empty());
}

TEST(Collector, UnfinishedListIsCarriedOnWithoutANewOne) {
    Records records = two_writers();
    records.put(list(1));
    Collector machine(Collector::Start{});
    run(machine, records);
    EXPECT_EQ(machine.list(), 1u);
    EXPECT_EQ(records.created.front(), enrolment(3));
    EXPECT_FALSE(records.has(list(2)));
}

TEST(Collector, SkippingBeginsTheNextList) {
    Records records = two_writers();
    records.put(list(1));
    Collector::Start start;
    start.skip_unfinished = true;
    Collector machine(start);
    run(machine, records);
    EXPECT_EQ(machine.list(), 2u);
    EXPECT_FALSE(records.has(verdict(1)));
}

TEST(Collector, LoserAdoptsTheVerdictThatStands) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    while (machine.next().key != verdict(1) || machine.next().verb != Verb::Create)
        machine.on_answer(records.perform(machine.next()));
    records.put(verdict(1), VerdictRecord{1});
    EXPECT_EQ(run(machine, records).verb, Verb::Done);
    EXPECT_TRUE(machine.adopted());
}

TEST(Collector, WriterEnrolledAboveTheBarrierGetsNone) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    while (machine.next().key != entry(4, 3) || machine.next().verb != Verb::Create)
        machine.on_answer(records.perform(machine.next()));
    records.put(enrolment(4), LogEntry{EntryKind::Certificate, 0, 6, 3});
    EXPECT_EQ(run(machine, records).verb, Verb::Done);
    EXPECT_FALSE(records.has(entry(6, 1)));
}

TEST(Collector, StopsAtAnEndingThatIsNoneOfTheFourKinds) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    while (machine.next().key != ending(4, 1)) machine.on_answer(records.perform(machine.next()));
    machine.on_answer(Answer::plain(AnswerKind::Invalid));
    EXPECT_EQ(machine.next().failure, Failure::Stopped);
}

TEST(Collector, StopsWhenASummaryIsMissing) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    while (machine.next().verb != Verb::Tally) machine.on_answer(records.perform(machine.next()));
    machine.on_answer(Answer::plain(AnswerKind::Invalid));
    EXPECT_EQ(machine.next().failure, Failure::Stopped);
}

TEST(Collector, WaitsAsLongAsItIsTold) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    while (machine.next().verb != Verb::Wait) machine.on_answer(records.perform(machine.next()));
    for (int i = 0; i < 100; ++i) {
        machine.on_answer(Answer::plain(AnswerKind::NotFound));
        ASSERT_EQ(machine.next().verb, Verb::Load);
        machine.on_answer(records.perform(machine.next()));
        ASSERT_EQ(machine.next().verb, Verb::Wait);
    }
    records.put(ending(4, 2), EndRecord{EndKind::Point, 9, 0});
    machine.on_answer(Answer::plain(AnswerKind::NotFound));
    EXPECT_EQ(run(machine, records).verb, Verb::Done);
    EXPECT_EQ(records.tallied.size(), 3u);
}

TEST(Collector, UnclearAnswersAreRepeatedAndThenGivenUp) {
    Records records = two_writers();
    Collector machine(Collector::Start{});
    const Action first = machine.next();
    for (int i = 1; i < kDefaultTries; ++i) {
        machine.on_answer(Answer::plain(AnswerKind::Unclear));
        ASSERT_EQ(machine.next().key, first.key);
    }
    machine.on_answer(Answer::plain(AnswerKind::Unclear));
    EXPECT_EQ(machine.next().failure, Failure::Unavailable);
}

/// Packs and the blocks in them, for the predicates: block b of pack p lies in slot 0, 1, ….
struct Knowledge {
    struct Held {
        int block;
        Location at;
    };
    std::map<PackToken, std::vector<int>> packs;
    std::vector<int> live;
    std::vector<PackToken> listed;
    std::vector<PackToken> leaving;

    template <class T, class V>
    static bool contains(const std::vector<T>& values, V value) {
        return std::find(values.begin(), values.end(), value) != values.end();
    }
    std::vector<Held> blocks_of(PackToken pack) const {
        std::vector<Held> held;
        for (const int block : packs.at(pack))
            held.push_back({block, {pack, static_cast<std::uint32_t>(held.size())}});
        return held;
    }
    std::vector<Location> locations_of(int block) const {
        std::vector<Location> found;
        for (const auto& [pack, blocks] : packs)
            for (const Held& held : blocks_of(pack))
                if (held.block == block) found.push_back(held.at);
        return found;
    }
    bool is_live(int block) const { return contains(live, block); }
    bool is_listed(const Location& at) const { return contains(listed, at.pack); }
    bool stays(PackToken pack) const { return !contains(listed, pack) && !contains(leaving, pack); }
};

TEST(Judge, DeadPackOnTheListIsDropped) {
    EXPECT_TRUE(may_drop(Knowledge{{{1, {10, 11}}}, {}, {1}, {}}, 1));
    EXPECT_FALSE(may_drop(Knowledge{{{1, {10, 11}}}, {}, {}, {}}, 1));
}

TEST(Judge, OneLiveBlockKeepsThePackUnlessItLiesElsewhere) {
    EXPECT_FALSE(may_drop(Knowledge{{{1, {10, 11}}}, {11}, {1}, {}}, 1));
    EXPECT_TRUE(may_drop(Knowledge{{{1, {10, 11}}, {2, {11}}}, {11}, {1}, {}}, 1));
    EXPECT_FALSE(may_drop(Knowledge{{{1, {10, 11}}, {2, {11}}}, {11}, {1}, {2}}, 1));
}

TEST(Judge, DeadBlockWithAnUnlistedCopyThatIsLeavingKeepsThePack) {
    EXPECT_FALSE(may_drop(Knowledge{{{1, {10}}, {2, {10}}}, {}, {1}, {2}}, 1));
    EXPECT_TRUE(may_drop(Knowledge{{{1, {10}}, {2, {10}}}, {}, {1, 2}, {}}, 1));
}

TEST(Judge, ListCondemnsOnlyWhatIsDeadOrLiesElsewhere) {
    EXPECT_TRUE(condemnable(Knowledge{{{1, {10}}}, {}, {}, {}}, 1));
    EXPECT_FALSE(condemnable(Knowledge{{{1, {10}}}, {10}, {}, {}}, 1));
    EXPECT_TRUE(condemnable(Knowledge{{{1, {10}}, {2, {10}}}, {10}, {}, {}}, 1));
    EXPECT_FALSE(condemnable(Knowledge{{{1, {10}}, {2, {10}}}, {10}, {}, {2}}, 1));
}

}  // namespace
}  // namespace perdure::protocol
