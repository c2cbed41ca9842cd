#include "policy/calendar.h"

#include <algorithm>
#include <limits>

namespace perdure {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

/// Days since 1970-01-01. Years are counted from March, so that a leap day is a year's last.
constexpr std::int64_t days_of(std::int64_t year, std::int64_t month, std::int64_t day) {
    const std::int64_t y = month <= 2 ? year - 1 : year;
    const std::int64_t era = floor_divide(y, 400);
    const std::int64_t of_era = y - era * 400;
    const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct Date {
    std::int64_t year, month, day;
};

constexpr Date date_of(std::int64_t days) {
    const std::int64_t shifted = days + 719468;
    const std::int64_t era = floor_divide(shifted, 146097);
    const std::int64_t of_era = shifted - era * 146097;
    const std::int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const std::int64_t from_march = (5 * of_year + 2) / 153;
    const std::int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
    return {year + era * 400 + (month <= 2 ? 1 : 0), month,
            of_year - (153 * from_march + 2) / 5 + 1};
}

std::int64_t local_seconds(Time time, const TimeZone& zone) {
    const std::int64_t seconds = floor_divide(time.nanoseconds, kSecond);
    return seconds + zone.offset_at(seconds);
}

}  // namespace

CivilTime civil_time(Time time, const TimeZone& zone) {
    const std::int64_t local = local_seconds(time, zone);
    const std::int64_t days = floor_divide(local, kDay);
    const Date date = date_of(days);
    return {date.year, date.month, date.day, (local - days * kDay) / kHour};
}

CivilWeek civil_week(Time time, const TimeZone& zone) {
    const std::int64_t days = floor_divide(local_seconds(time, zone), kDay);
    // 1970-01-01 was a Thursday. A week belongs to the year of its Thursday.
    const std::int64_t monday = days - (((days + 3) % 7) + 7) % 7;
    const std::int64_t thursday = monday + 3;
    const std::int64_t year = date_of(thursday).year;
    return {year, (thursday - days_of(year, 1, 1)) / 7 + 1};
}

Time before(Time time, const CalendarSpan& span, const TimeZone& zone) {
    constexpr std::int64_t kLongest = 1000;  // years; more is before every time there is
    if (span.years > kLongest || span.months > kLongest * 12 || span.days > kLongest * 366 ||
        span.hours > kLongest * 366 * 24)
        return {std::numeric_limits<std::int64_t>::min()};
    const std::int64_t seconds = floor_divide(time.nanoseconds, kSecond);
    const std::int64_t below = time.nanoseconds - seconds * kSecond;
    const std::int64_t local = seconds + zone.offset_at(seconds);
    const std::int64_t days = floor_divide(local, kDay);
    const Date date = date_of(days);
    const std::int64_t months = date.year * 12 + date.month - 1 - span.years * 12 - span.months;
    const std::int64_t year = floor_divide(months, 12);
    const std::int64_t wanted =
        (days_of(year, months - year * 12 + 1, 1) + date.day - 1 - span.days) * kDay +
        (local - days * kDay);
    // What the clock on the wall showed, as an instant: the offset is that of the instant itself.
    std::int64_t instant = wanted - zone.offset_at(wanted - zone.offset_at(wanted));
    instant -= span.hours * kHour;
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min() / kSecond + 1;
    if (instant < kFirst) return {std::numeric_limits<std::int64_t>::min()};
    return {instant * kSecond + below};
}

}  // namespace perdure
