#include "base/rate_limiter.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace perdure {

std::uint64_t RateLimiter::take(std::uint64_t bytes) {
    if (rate_ == 0) return 0;
    const std::uint64_t now = clock_.monotonic_nanoseconds();
    const auto cost =
        static_cast<std::uint64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate_));
    return next_free_ns_.with([&](std::uint64_t& next_free) {
        const std::uint64_t begin = std::max(next_free, now);
        next_free = begin + cost;
        return begin - now;
    });
}

std::uint64_t RateLimiter::part_of(std::uint64_t most) const {
    constexpr std::uint64_t kPartsASecond = 16, kLeastPart = 1024;
    return rate_ == 0 ? most : std::clamp(rate_ / kPartsASecond, std::min(kLeastPart, most), most);
}

void RateLimiter::wait_for(std::uint64_t bytes, const std::stop_token& stop) {
    const std::uint64_t wait = take(bytes);
    if (wait == 0) return;
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, std::chrono::nanoseconds(wait), [] { return false; });
}

}  // namespace perdure
