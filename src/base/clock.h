// Time, injected. Only base/clock.cc asks the system what time it is; a lint keeps it so.
#pragma once

#include <cstdint>
#include <string>

namespace perdure {

/// Nanoseconds since 1970-01-01T00:00:00Z; negative before it. Good until the year 2262.
struct Time {
    std::int64_t nanoseconds = 0;
    friend auto operator<=>(const Time&, const Time&) = default;
};

class Clock {
public:
    virtual ~Clock() = default;
    virtual Time now() = 0;                             // wall clock; may jump
    virtual std::uint64_t monotonic_nanoseconds() = 0;  // never goes back; for durations
};

/// The system's clocks. One for the whole process; thread-safe.
Clock& system_clock();

/// Of seconds since 1970; beyond what a Time holds, the nearest that it does.
Time time_of_seconds(std::int64_t seconds);

/// "2026-11-21T09:47:23Z", UTC, whole seconds.
std::string to_iso8601(Time time);

}  // namespace perdure
