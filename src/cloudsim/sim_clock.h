// Two clocks that a test can move. `now` is the time of the services: what expires, thaws and is
// retained follows it. `wall` is what the server's own clock shows: signatures are checked against
// it, and Date says it; a client sees its skew.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace perdure::cloudsim {

/// Thread-safe.
class SimClock {
public:
    explicit SimClock(Clock& base) : base_(base) {}

    Time now() const { return {base_.now().nanoseconds + advance_}; }
    Time wall() const { return {base_.now().nanoseconds + skew_}; }
    std::uint64_t monotonic_ns() const { return base_.monotonic_nanoseconds(); }

    void advance(std::int64_t nanoseconds) { advance_ += nanoseconds; }
    void set_skew(std::int64_t nanoseconds) { skew_ = nanoseconds; }
    std::int64_t advanced() const { return advance_; }
    std::int64_t skew() const { return skew_; }

private:
    Clock& base_;
    std::atomic<std::int64_t> advance_{0}, skew_{0};
};

}  // namespace perdure::cloudsim
