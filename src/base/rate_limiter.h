// A limit of bytes a second that many threads share.
#pragma once

#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/guarded.h"

namespace perdure {

/// Thread-safe. Each caller is given the next free stretch of time, so that all together keep the
/// rate and none of them starves; what was not used is not saved up.
class RateLimiter {
public:
    /// 0: no limit.
    explicit RateLimiter(std::uint64_t bytes_a_second, Clock& clock = system_clock())
        : rate_(bytes_a_second), clock_(clock) {}

    /// Returns when `bytes` may pass, or early when asked to stop.
    void wait_for(std::uint64_t bytes, const std::stop_token& stop);
    /// How much to ask for at once, up to `most`, so that nobody waits long between two parts.
    std::uint64_t part_of(std::uint64_t most) const;
    /// How long a caller that takes `bytes` now has to wait.
    std::uint64_t take(std::uint64_t bytes);

private:
    const std::uint64_t rate_;
    Clock& clock_;
    Guarded<std::uint64_t> next_free_ns_{0};
};

}  // namespace perdure
