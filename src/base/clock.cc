#include "base/clock.h"

#include <algorithm>
#include <ctime>

#include <cstdio>

namespace perdure {

namespace {

std::int64_t read_clock(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
public:
    Time now() override { return Time{read_clock(CLOCK_REALTIME)}; }
    std::uint64_t monotonic_nanoseconds() override {
        return static_cast<std::uint64_t>(read_clock(CLOCK_MONOTONIC));
    }
};

}  // namespace

Clock& system_clock() {
    static SystemClock clock;
    return clock;
}

Time time_of_seconds(std::int64_t seconds) {
    constexpr std::int64_t kLimit = 9'223'372'036;  // in 1677 and 2262
    return {std::clamp(seconds, -kLimit, kLimit) * 1'000'000'000};
}

std::string to_iso8601(Time time) {
    std::time_t seconds = time.nanoseconds / 1'000'000'000;
    if (time.nanoseconds % 1'000'000'000 < 0) --seconds;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return std::string(text, length);
}

}  // namespace perdure
