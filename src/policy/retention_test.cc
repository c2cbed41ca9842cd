#include "policy/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <numeric>
#include <set>

#include "base/random.h"

namespace perdure {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

Time at(const char* text) {
    std::tm parts{};
    EXPECT_NE(::strptime(text, "%Y-%m-%d %H:%M", &parts), nullptr) << text;
    return {static_cast<std::int64_t>(::timegm(&parts)) * kSecond};
}

PointFacts point_at(Time time) {
    PointFacts point;
    point.time = time;
    return point;
}

std::vector<PointFacts> points_at(std::initializer_list<const char*> times) {
    std::vector<PointFacts> points;
    for (const char* time : times) points.push_back(point_at(at(time)));
    return points;
}

const Time kLater{4'000'000'000 * kSecond};  // no point is in the future

std::set<std::size_t> kept(const RetentionPolicy& policy, const std::vector<PointFacts>& points,
                           Time now = kLater, const TimeZone& zone = FixedZone()) {
    std::set<std::size_t> places;
    const auto decisions = decide(policy, points, now, zone);
    EXPECT_EQ(decisions.size(), points.size());
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        EXPECT_FALSE(decisions[i].reasons.empty()) << "every decision has its reason";
        if (decisions[i].keep) places.insert(i);
    }
    return places;
}

using Places = std::set<std::size_t>;

// ------------------------------------------------------------------ restic's documented examples

/// "One backup every Sunday for 12 weeks."
std::vector<PointFacts> twelve_sundays() {
    return points_at({"2019-09-01 11:00", "2019-09-08 11:00", "2019-09-15 11:00",
                      "2019-09-22 11:00", "2019-09-29 11:00", "2019-10-06 11:00",
                      "2019-10-13 11:00", "2019-10-20 11:00", "2019-10-27 11:00",
                      "2019-11-03 11:00", "2019-11-10 11:00", "2019-11-17 11:00"});
}

TEST(Retention, FourDaysOfWeeklyBackupsAreTheLastFourSundays) {
    RetentionPolicy policy;
    policy.daily = 4;
    EXPECT_EQ(kept(policy, twelve_sundays()), (Places{8, 9, 10, 11}));
}

TEST(Retention, DailyWithinASpanCountsDaysNotPoints) {
    // "keep-daily 4" and "keep-within-daily 4d" of a first week of May.
    const auto points = points_at({"2023-05-01 08:00", "2023-05-02 08:00", "2023-05-02 11:00",
                                   "2023-05-04 09:00", "2023-05-05 10:00"});
    RetentionPolicy policy;
    policy.daily = 4;
    EXPECT_EQ(kept(policy, points), (Places{0, 2, 3, 4}));
    policy.daily = 0;
    policy.within_daily = {0, 0, 4, 0};
    EXPECT_EQ(kept(policy, points), (Places{2, 3, 4}));
}

TEST(Retention, AHundredYearsOfDailyBackupsAreKeptAsResticsManualCounts) {
    std::vector<PointFacts> points;
    const Time end = at("2019-12-31 12:00");  // a Tuesday; the end of a month and of a year
    for (std::int64_t day = 0; day < 36525; ++day)
        points.push_back(point_at({end.nanoseconds - day * kDay}));
    RetentionPolicy policy;
    policy.daily = 7;
    EXPECT_EQ(kept(policy, points).size(), 7U);
    policy.weekly = 5;
    // This week's newest and last Sunday lie among the seven days: three Sundays more.
    EXPECT_EQ(kept(policy, points).size(), 7U + 3U);
    policy.monthly = 12;
    EXPECT_EQ(kept(policy, points).size(), 7U + 3U + 11U);
    policy.yearly = 75;
    EXPECT_EQ(kept(policy, points).size(), 7U + 3U + 11U + 74U);
}

TEST(Retention, SpansOfARegularHistoryAreTheDaysWeeksMonthsAndYearsInThem) {
    std::vector<PointFacts> points;
    const Time end = at("2019-12-31 12:00");
    for (std::int64_t day = 0; day < 36525; ++day)
        points.push_back(point_at({end.nanoseconds - day * kDay}));
    RetentionPolicy policy;
    policy.within_daily = {0, 0, 7, 0};
    policy.within_weekly = {0, 1, 0, 0};
    policy.within_monthly = {1, 0, 0, 0};
    policy.within_yearly = {75, 0, 0, 0};
    const auto places = kept(policy, points);
    EXPECT_EQ(places.size(), 7U + 3U + 11U + 74U);
}

TEST(Retention, TheOldestIsKeptWhileCountsAreLeft) {
    const auto points = points_at({"2024-03-05 10:00", "2024-03-05 12:00", "2024-06-01 10:00"});
    RetentionPolicy policy;
    policy.yearly = 3;
    const auto decisions = decide(policy, points, kLater, FixedZone());
    EXPECT_TRUE(decisions[0].keep);
    EXPECT_EQ(decisions[0].reasons, std::vector<std::string>{"oldest yearly snapshot"});
    EXPECT_FALSE(decisions[1].keep);
    EXPECT_EQ(decisions[2].reasons, std::vector<std::string>{"yearly snapshot"});
    policy.yearly = 1;
    EXPECT_EQ(kept(policy, points), (Places{2}));
}

TEST(Retention, TagsKeepPointsThatHaveAllOfThem) {
    auto points = points_at({"2024-01-01 00:00", "2024-01-02 00:00", "2024-01-03 00:00"});
    points[0].tags = {"a", "b"};
    points[1].tags = {"a"};
    RetentionPolicy policy;
    policy.tags = {{"a", "b"}};
    EXPECT_EQ(kept(policy, points), (Places{0}));
    policy.tags = {{"b"}, {"a"}};
    EXPECT_EQ(kept(policy, points), (Places{0, 1}));
    policy.tags = {{}};  // --keep-tag '': points without tags
    EXPECT_EQ(kept(policy, points), (Places{2}));
    policy.tags = {{"c"}};
    EXPECT_TRUE(kept(policy, points).empty());
}

TEST(Retention, PointsInTheFutureDoNotMoveASpanAndAreKeptByIt) {
    const auto points = points_at({"2024-01-01 00:00", "2024-01-09 00:00", "2030-01-01 00:00"});
    RetentionPolicy policy;
    policy.within = {0, 0, 3, 0};
    EXPECT_EQ(kept(policy, points, at("2024-01-10 00:00")), (Places{1, 2}));
}

TEST(Retention, UnlimitedKeepsAll) {
    RetentionPolicy policy;
    policy.last = kUnlimited;
    EXPECT_EQ(kept(policy, twelve_sundays()).size(), 12U);
    EXPECT_EQ(*parse_count("unlimited"), kUnlimited);
}

// ------------------------------------------------------------------------------------ our own

TEST(Retention, AnEmptyPolicyKeepsEverything) {
    EXPECT_TRUE(RetentionPolicy().is_empty());
    EXPECT_EQ(kept({}, twelve_sundays()).size(), 12U);
}

TEST(Retention, ProtectedPointsAreKeptAndCountAsAnyOther) {
    auto points = twelve_sundays();
    points[0].is_protected = points[11].is_protected = true;
    RetentionPolicy policy;
    policy.last = 2;
    EXPECT_EQ(kept(policy, points), (Places{0, 10, 11}));
}

TEST(Retention, TheNewestVerifiedAreKeptHoweverOldTheyAre) {
    auto points = twelve_sundays();
    points[1].is_verified = points[2].is_verified = points[4].is_verified = true;
    RetentionPolicy policy;
    policy.last = 1;
    policy.verified = 2;
    EXPECT_EQ(kept(policy, points), (Places{2, 4, 11}));
    EXPECT_EQ(decide(policy, points, kLater, FixedZone())[4].reasons,
              std::vector<std::string>{"verified snapshot"});
}

TEST(Retention, DaysAreThoseOfTheZone) {
    const auto points = points_at({"2026-11-21 10:00", "2026-11-21 22:30", "2026-11-21 23:30"});
    RetentionPolicy policy;
    policy.daily = 5;
    EXPECT_EQ(kept(policy, points), (Places{0, 2}));  // the oldest while counts are left
    EXPECT_EQ(kept(policy, points, kLater, FixedZone(3600)), (Places{0, 1, 2}));
    policy.daily = 2;
    EXPECT_EQ(kept(policy, points, kLater, FixedZone(3600)), (Places{1, 2}));
}

TEST(Retention, CountsAreNumbersOrUnlimited) {
    EXPECT_EQ(*parse_count("0"), 0U);
    EXPECT_EQ(*parse_count("24"), 24U);
    for (const char* text : {"", "-1", "x", "1x", " 1", "9999999999"})
        EXPECT_EQ(parse_count(text).error().kind(), ErrorKind::InvalidInput) << text;
}

TEST(Retention, GroupsAreByWhatIsAskedAndHoldEveryPointOnce) {
    auto points = twelve_sundays();
    for (std::size_t i = 0; i < points.size(); ++i) {
        points[i].host = i % 2 == 0 ? "web" : "db";
        points[i].paths = i % 3 == 0 ? std::vector<std::string>{"/b", "/a"}
                                     : std::vector<std::string>{"/a", "/b"};
        points[i].tags = i % 4 == 0 ? std::vector<std::string>{"t"} : std::vector<std::string>{};
    }
    EXPECT_EQ(group_points(points, *parse_group_by("host,paths")).size(), 2U);
    EXPECT_EQ(group_points(points, *parse_group_by("paths")).size(), 1U)
        << "their order is nothing";
    EXPECT_EQ(group_points(points, *parse_group_by("host,tags")).size(), 3U);
    const auto one = group_points(points, *parse_group_by(""));
    ASSERT_EQ(one.size(), 1U);
    EXPECT_EQ(one[0].points.size(), 12U);
    EXPECT_EQ(parse_group_by("host,planet").error().kind(), ErrorKind::InvalidInput);
    EXPECT_EQ(parse_group_by("host,").error().kind(), ErrorKind::InvalidInput);
}

// ------------------------------------------------------------------------------------ properties

class Histories {
public:
    explicit Histories(std::uint64_t seed) : random_(seed) {}

    std::vector<PointFacts> points() {
        std::vector<PointFacts> points;
        const std::uint64_t count = 1 + random_.below(60);
        const std::int64_t steps[] = {600 * kSecond, 5 * kHour, kDay, 9 * kDay, 40 * kDay};
        const std::int64_t step = steps[random_.below(std::size(steps))];
        std::int64_t time = at("2020-02-27 22:15").nanoseconds;
        for (std::uint64_t i = 0; i < count; ++i) {
            time += static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(2 * step)));
            PointFacts point = point_at({time});
            if (random_.below(4) == 0) point.tags.push_back("a");
            if (random_.below(6) == 0) point.tags.push_back("b");
            point.is_protected = random_.below(20) == 0;
            point.is_verified = random_.below(5) == 0;
            points.push_back(point);
        }
        return points;
    }

    RetentionPolicy policy() {
        RetentionPolicy policy;
        for (auto* count : {&policy.last, &policy.hourly, &policy.daily, &policy.weekly,
                            &policy.monthly, &policy.yearly, &policy.verified})
            if (random_.below(3) == 0)
                *count = random_.below(8) == 0 ? kUnlimited : random_.below(9);
        for (auto* span : {&policy.within, &policy.within_hourly, &policy.within_daily,
                           &policy.within_weekly, &policy.within_monthly, &policy.within_yearly})
            if (random_.below(4) == 0) *span = this->span();
        if (random_.below(4) == 0) policy.tags = {{"a"}};
        return policy;
    }

    /// The same policy, or one that asks for more.
    RetentionPolicy more(RetentionPolicy policy) {
        for (auto* count : {&policy.last, &policy.hourly, &policy.daily, &policy.weekly,
                            &policy.monthly, &policy.yearly, &policy.verified})
            if (*count != kUnlimited && random_.below(3) == 0) *count += 1 + random_.below(4);
        for (auto* span : {&policy.within, &policy.within_hourly, &policy.within_daily,
                           &policy.within_weekly, &policy.within_monthly, &policy.within_yearly})
            if (random_.below(3) == 0) {
                const CalendarSpan added = this->span();
                span->years += added.years;
                span->days += added.days;
                span->hours += added.hours;
            }
        if (random_.below(3) == 0) policy.tags.push_back({"b"});
        return policy;
    }

    SeededRandom& random() { return random_; }

private:
    CalendarSpan span() {
        const auto some = [&](std::uint64_t below) {
            return static_cast<std::int64_t>(random_.below(below));
        };
        return {some(2), some(3), some(20), some(30)};
    }

    SeededRandom random_;
};

constexpr std::uint64_t kHistories = 1000;

TEST(RetentionProperty, AskingForMoreNeverDropsAPointThatWasKept) {
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        Histories histories(seed);
        const auto points = histories.points();
        const RetentionPolicy less = histories.policy();
        if (less.is_empty()) continue;
        const auto few = kept(less, points);
        const auto many = kept(histories.more(less), points);
        EXPECT_TRUE(std::includes(many.begin(), many.end(), few.begin(), few.end()))
            << "seed " << seed;
    }
}

TEST(RetentionProperty, NeverFewerThanAskedWhereThereArePoints) {
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        Histories histories(seed);
        const auto points = histories.points();
        const RetentionPolicy policy = histories.policy();
        const auto places = kept(policy, points);
        const auto at_least = [&](std::uint64_t asked, std::uint64_t there) {
            EXPECT_GE(places.size(), std::min(asked, there)) << "seed " << seed;
        };
        at_least(policy.last, points.size());
        std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> days, kept_days;
        std::uint64_t verified = 0, kept_verified = 0;
        for (std::size_t i = 0; i < points.size(); ++i) {
            const CivilTime t = civil_time(points[i].time, FixedZone());
            days.emplace(t.year, t.month, t.day);
            verified += points[i].is_verified ? 1 : 0;
            if (!places.contains(i)) continue;
            kept_days.emplace(t.year, t.month, t.day);
            kept_verified += points[i].is_verified ? 1 : 0;
        }
        EXPECT_GE(kept_days.size(), std::min<std::uint64_t>(policy.daily, days.size()))
            << "seed " << seed;
        EXPECT_GE(kept_verified, std::min(policy.verified, verified)) << "seed " << seed;
    }
}

TEST(RetentionProperty, AWordThatCountsOrSpansKeepsTheNewest) {
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        Histories histories(seed);
        const auto points = histories.points();
        RetentionPolicy policy = histories.policy();
        policy.verified = 0;
        policy.tags.clear();
        if (policy.is_empty()) continue;
        const auto newest =
            std::max_element(points.begin(), points.end(),
                             [](const auto& a, const auto& b) { return a.time < b.time; });
        const auto decisions = decide(policy, points, kLater, FixedZone());
        EXPECT_TRUE(decisions[static_cast<std::size_t>(newest - points.begin())].keep)
            << "seed " << seed;
    }
}

TEST(RetentionProperty, TheOrderInWhichPointsAreGivenDoesNotMatter) {
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        Histories histories(seed);
        auto points = histories.points();
        for (std::size_t i = 1; i < points.size(); ++i)  // equal times have no newer one
            if (points[i].time == points[i - 1].time) points[i].time.nanoseconds += 1;
        const RetentionPolicy policy = histories.policy();
        std::set<std::int64_t> times, shuffled_times;
        for (const std::size_t i : kept(policy, points)) times.insert(points[i].time.nanoseconds);
        for (std::size_t i = points.size(); i > 1; --i)
            std::swap(points[i - 1], points[histories.random().below(i)]);
        for (const std::size_t i : kept(policy, points))
            shuffled_times.insert(points[i].time.nanoseconds);
        EXPECT_EQ(times, shuffled_times) << "seed " << seed;
    }
}

TEST(RetentionProperty, ApplyingAPolicyAgainTakesNothingMore) {
    // What a policy kept it keeps again, as long as it does not keep an oldest point for want of
    // others: those who fill its counts are all still there.
    for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
        Histories histories(seed);
        const auto points = histories.points();
        const RetentionPolicy policy = histories.policy();
        const auto decisions = decide(policy, points, kLater, FixedZone());
        std::vector<PointFacts> left;
        for (std::size_t i = 0; i < points.size(); ++i)
            if (decisions[i].keep) left.push_back(points[i]);
        EXPECT_EQ(kept(policy, left).size(), left.size()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace perdure
