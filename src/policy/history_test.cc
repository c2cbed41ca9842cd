#include "policy/history.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000'000;
constexpr std::int64_t kStart = 1'700'000'000'000'000'000;

Time day(std::int64_t number) { return {kStart + number * kDay}; }

/// Point `number` of `writer`, made on a day and stored at once.
WitnessedPoint honest(std::uint64_t writer, std::uint64_t number, std::int64_t on) {
    WitnessedPoint point;
    point.name = std::to_string(writer) + "-" + std::to_string(number);
    point.writer = writer;
    point.number = number;
    point.started = {day(on).nanoseconds - kDay / 24};
    point.finished = day(on);
    point.stored = day(on);
    point.enrolled = day(0);
    return point;
}

std::vector<WitnessedPoint> honest_history() {
    std::vector<WitnessedPoint> points;
    for (int i = 1; i <= 20; ++i) {
        points.push_back(honest(1, static_cast<std::uint64_t>(i), i));
        points.push_back(honest(2, static_cast<std::uint64_t>(i), i));
    }
    return points;
}

const Time kNow = day(21);

/// Claims to have been made on another day than it was.
void claim(WitnessedPoint& point, std::int64_t on) {
    const std::int64_t took = point.finished.nanoseconds - point.started.nanoseconds;
    point.finished = day(on);
    point.started = {day(on).nanoseconds - took};
}

TEST(History, AnHonestOneHasNoDoubts) { EXPECT_TRUE(doubts(honest_history(), kNow).empty()); }

TEST(History, TheFutureIsDoubted) {
    auto points = honest_history();
    claim(points[39], 400);
    const auto found = doubts(points, kNow);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].point, 39U);
    EXPECT_NE(found[0].text.find("in the future"), std::string::npos) << found[0].text;
}

TEST(History, APointYoungerThanTheStoreSaysIsDoubted) {
    auto points = honest_history();
    claim(points[10], 18);
    points[10].number = 100;  // whatever its log says
    const auto found = doubts(points, kNow);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].point, 10U);
    EXPECT_NE(found[0].text.find("the store took it"), std::string::npos) << found[0].text;
}

TEST(History, APointBackDatedWithinItsLogIsDoubtedWithoutTheStore) {
    auto points = honest_history();
    for (auto& point : points) point.stored.reset();
    claim(points[38], 5);  // number 20 of writer 1
    const auto found = doubts(points, kNow);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].point, 38U);
    EXPECT_NE(found[0].text.find("1-19"), std::string::npos) << found[0].text;
}

TEST(History, ABackDatedFirstPointOfAWriterIsDoubtedByTheStoreOrItsEnrolment) {
    auto points = honest_history();
    points.push_back(honest(3, 1, 20));
    claim(points.back(), 3);
    ASSERT_EQ(doubts(points, kNow).size(), 1U);
    points.back().enrolled = day(19);
    for (auto& point : points) point.stored.reset();
    const auto found = doubts(points, kNow);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_NE(found[0].text.find("enrolled"), std::string::npos) << found[0].text;
}

TEST(History, ACopiedRepositoryIsNotDoubted) {
    auto points = honest_history();
    for (auto& point : points) point.stored = day(500);
    EXPECT_TRUE(doubts(points, day(501)).empty());
    // And goes on.
    points.push_back(honest(1, 21, 502));
    EXPECT_TRUE(doubts(points, day(503)).empty());
}

TEST(History, AClockThatIsHoursWrongIsNotDoubted) {
    auto points = honest_history();
    for (std::size_t i = 0; i < points.size(); i += 3) {
        points[i].started.nanoseconds -= kDay / 2;
        points[i].finished.nanoseconds -= kDay / 2;
    }
    for (std::size_t i = 1; i < points.size(); i += 3) {
        points[i].started.nanoseconds += kDay / 2;
        points[i].finished.nanoseconds += kDay / 2;
    }
    EXPECT_TRUE(doubts(points, kNow).empty());
}

TEST(History, SessionsOfOneWriterThatOverlapAreNotDoubted) {
    auto points = honest_history();
    points.push_back(honest(1, 21, 40));  // ran from day 20 to 40, stored when it ended
    points.back().started = day(20);
    points.push_back(honest(1, 22, 21));
    EXPECT_TRUE(doubts(points, day(41)).empty());
}

TEST(History, PointsThatStandForOthersMayBeOld) {
    auto points = honest_history();
    points.push_back(honest(3, 1, 20));
    claim(points.back(), -300);
    points.back().speaks_for_others = true;
    EXPECT_TRUE(doubts(points, kNow).empty());
}

TEST(History, OneForgedPointDoesNotMakeTheHonestOnesDoubtful) {
    auto points = honest_history();
    claim(points[4], 5000);
    for (const Doubt& doubt : doubts(points, kNow)) EXPECT_EQ(doubt.point, 4U) << doubt.text;
}

TEST(History, TakingMostOfManyPointsIsSudden) {
    EXPECT_FALSE(is_sudden(9, 10));
    EXPECT_FALSE(is_sudden(10, 11));
    EXPECT_TRUE(is_sudden(11, 12));
    EXPECT_TRUE(is_sudden(900, 1000));
    EXPECT_FALSE(is_sudden(500, 1000));
}

}  // namespace
}  // namespace perdure
