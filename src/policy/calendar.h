// The calendar that retention counts by: which hour, day, week, month and year an instant lies in,
// where on the globe that is asked.
//
// Everything is arithmetic on the proleptic Gregorian calendar. Only the offset from UTC comes from
// outside, as TimeZone, so that a year of retention tests without a clock and without a time zone
// database.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace perdure {

class TimeZone {
public:
    virtual ~TimeZone() = default;
    /// Seconds east of UTC at an instant, given in seconds since 1970.
    virtual std::int64_t offset_at(std::int64_t seconds) const = 0;
};

/// The same offset always: UTC, and tests.
class FixedZone final : public TimeZone {
public:
    explicit FixedZone(std::int64_t offset = 0) : offset_(offset) {}
    std::int64_t offset_at(std::int64_t) const override { return offset_; }

private:
    std::int64_t offset_;
};

/// A time of the clock on the wall.
struct CivilTime {
    std::int64_t year = 1970;
    std::int64_t month = 1;  // 1 to 12
    std::int64_t day = 1;    // 1 to 31
    std::int64_t hour = 0;
    friend auto operator<=>(const CivilTime&, const CivilTime&) = default;
};

/// A week begins on Monday; the first one of a year is the one with its first Thursday (ISO 8601).
struct CivilWeek {
    std::int64_t year = 1970;
    std::int64_t week = 1;
    friend auto operator<=>(const CivilWeek&, const CivilWeek&) = default;
};

CivilTime civil_time(Time, const TimeZone&);
CivilWeek civil_week(Time, const TimeZone&);

/// A span as people write it, "2y5m7d3h".
struct CalendarSpan {
    std::int64_t years = 0, months = 0, days = 0, hours = 0;
    bool is_zero() const { return *this == CalendarSpan{}; }
    friend bool operator==(const CalendarSpan&, const CalendarSpan&) = default;
};

/// `time` less the span: years, months and days on the calendar, the clock on the wall standing as
/// it was; then hours of 3600 seconds. A day that the month does not have becomes one of the next
/// month, as in restic: a month before 31 October is 1 October. Stops at the year 1678.
Time before(Time time, const CalendarSpan&, const TimeZone&);

}  // namespace perdure
