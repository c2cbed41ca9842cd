#include "policy/calendar.h"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>

#include "base/random.h"

namespace perdure {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Time utc(int year, int month, int day, int hour = 0, int minute = 0) {
    std::tm parts{};
    parts.tm_year = year - 1900;
    parts.tm_mon = month - 1;
    parts.tm_mday = day;
    parts.tm_hour = hour;
    parts.tm_min = minute;
    return {static_cast<std::int64_t>(::timegm(&parts)) * kSecond};
}

/// Central Europe in 2026: summer time from 29 March, 01:00 UTC, to 25 October, 01:00 UTC.
class SummerTime final : public TimeZone {
public:
    std::int64_t offset_at(std::int64_t seconds) const override {
        const bool summer = seconds >= utc(2026, 3, 29, 1).nanoseconds / kSecond &&
                            seconds < utc(2026, 10, 25, 1).nanoseconds / kSecond;
        return summer ? 7200 : 3600;
    }
};

TEST(Calendar, DatesAreThoseOfTheCLibrary) {
    SeededRandom random(1);
    for (int i = 0; i < 20000; ++i) {
        const auto ns = static_cast<std::int64_t>(random.next());
        const std::time_t seconds = ns / kSecond - (ns % kSecond < 0 ? 1 : 0);
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        EXPECT_EQ(civil_time({ns}, FixedZone()), (CivilTime{parts.tm_year + 1900, parts.tm_mon + 1,
                                                            parts.tm_mday, parts.tm_hour}));
        char week[16];
        std::strftime(week, sizeof week, "%G %V", &parts);
        const CivilWeek found = civil_week({ns}, FixedZone());
        char text[32];
        std::snprintf(text, sizeof text, "%d %02d", static_cast<int>(found.year),
                      static_cast<int>(found.week));
        EXPECT_STREQ(text, week);
    }
}

TEST(Calendar, AZoneMovesTheEndOfTheDay) {
    const Time late = utc(2026, 11, 21, 23, 30);
    EXPECT_EQ(civil_time(late, FixedZone()).day, 21);
    EXPECT_EQ(civil_time(late, FixedZone(3600)).day, 22);
    EXPECT_EQ(civil_time(late, FixedZone(-8 * 3600)).hour, 15);
    const Time sunday = utc(2026, 11, 22, 23, 30);
    EXPECT_EQ(civil_week(sunday, FixedZone()).week, 47);
    EXPECT_EQ(civil_week(sunday, FixedZone(3600)).week, 48);
}

TEST(Calendar, ASpanIsTakenOffTheCalendar) {
    const FixedZone zone;
    EXPECT_EQ(before(utc(2026, 11, 21, 5), {0, 0, 1, 0}, zone), utc(2026, 11, 20, 5));
    EXPECT_EQ(before(utc(2026, 11, 21, 5), {0, 0, 0, 6}, zone), utc(2026, 11, 20, 23));
    EXPECT_EQ(before(utc(2026, 1, 15), {0, 1, 0, 0}, zone), utc(2025, 12, 15));
    EXPECT_EQ(before(utc(2026, 11, 21), {2, 5, 7, 3}, zone), utc(2024, 6, 13, 21));
    // A day that the month does not have is one of the next month.
    EXPECT_EQ(before(utc(2026, 10, 31), {0, 1, 0, 0}, zone), utc(2026, 10, 1));
    EXPECT_EQ(before(utc(2024, 2, 29), {1, 0, 0, 0}, zone), utc(2023, 3, 1));
}

TEST(Calendar, TheClockOnTheWallStandsAsItWasAcrossSummerTime) {
    const SummerTime zone;
    // 12:00 on 30 March is 10:00 UTC; 12:00 on 28 March was 11:00 UTC.
    EXPECT_EQ(before(utc(2026, 3, 30, 10), {0, 0, 2, 0}, zone), utc(2026, 3, 28, 11));
    EXPECT_EQ(before(utc(2026, 10, 26, 11), {0, 0, 2, 0}, zone), utc(2026, 10, 24, 10));
    EXPECT_EQ(before(utc(2026, 3, 30, 10), {0, 0, 0, 48}, zone), utc(2026, 3, 28, 10));
}

TEST(Calendar, ASpanBeyondAllTimesEndsAtTheFirst) {
    EXPECT_EQ(before(utc(2026, 1, 1), {99999, 99999, 99999, 99999}, FixedZone()).nanoseconds,
              std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(before(utc(2026, 1, 1), {400, 0, 0, 0}, FixedZone()).nanoseconds,
              std::numeric_limits<std::int64_t>::min());
}

}  // namespace
}  // namespace perdure
