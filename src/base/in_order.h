// Values made by several threads and taken by one, in order.
//
// The bound: no more than `window` values, which together weigh no more than `most_weight`, are
// being made or wait to be taken; one is always let through. Where one thread is enough none is
// started: then everything happens on the caller's, one after the other.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "base/task_group.h"
#include "base/try.h"

namespace perdure {

struct InOrder {
    std::size_t count = 0;
    std::size_t threads = 1;
    std::size_t window = 0;                            // 0: four a thread
    std::function<std::uint64_t(std::size_t)> weight;  // none: every value weighs nothing
    std::uint64_t most_weight = std::numeric_limits<std::uint64_t>::max();
};

template <class Value>
class InOrderMaker {
public:
    using Make = std::function<Result<Value>(std::size_t, std::stop_token)>;
    using Take = std::function<Result<void>(std::size_t, Value)>;

    InOrderMaker(const InOrder& order, const Make& make)
        : order_(order),
          make_(make),
          made_(std::max(order.window > 0 ? order.window : 4 * order.threads,
                         std::max<std::size_t>(order.threads, 1))) {}

    Result<void> run(const Take& take, std::stop_token stop) {
        if (order_.threads <= 1) return run_alone(take, std::move(stop));
        TaskGroup group(std::move(stop));
        for (std::size_t i = 0; i < std::min(order_.threads, order_.count); ++i)
            group.start([this](std::stop_token group_stop) { return work(group_stop); });
        Result<void> taken;
        for (std::size_t i = 0; i < order_.count && taken; ++i) {
            std::optional<Value> value = wait_for(i, group.stop_token());
            if (!value) break;  // the group has the error
            taken = take(i, *std::move(value));
        }
        if (!taken) group.request_stop();
        auto joined = group.join();
        return taken ? std::move(joined) : std::move(taken);
    }

private:
    Result<void> run_alone(const Take& take, std::stop_token stop) {
        for (std::size_t i = 0; i < order_.count; ++i) {
            Value value = PERDURE_TRY(make_(i, stop));
            PERDURE_TRY(take(i, std::move(value)));
        }
        return {};
    }

    Result<void> work(std::stop_token stop) {
        while (const auto i = claim(stop)) {
            Value value = PERDURE_TRY(make_(*i, stop));
            {
                const std::lock_guard lock(mutex_);
                made_[*i % made_.size()] = std::move(value);
            }
            changed_.notify_all();
        }
        return {};
    }

    std::uint64_t weight_of(std::size_t i) const { return order_.weight ? order_.weight(i) : 0; }

    std::optional<std::size_t> claim(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        const auto may = [&] {
            if (next_ >= order_.count || next_ == taken_) return true;
            return next_ < taken_ + made_.size() &&
                   weight_ + weight_of(next_) <= order_.most_weight;
        };
        if (!changed_.wait(lock, stop, may) || stop.stop_requested()) return std::nullopt;
        if (next_ >= order_.count) return std::nullopt;
        weight_ += weight_of(next_);
        return next_++;
    }

    std::optional<Value> wait_for(std::size_t i, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        std::optional<Value>& place = made_[i % made_.size()];
        if (!changed_.wait(lock, stop, [&] { return place.has_value(); })) return std::nullopt;
        std::optional<Value> value = std::move(place);
        place.reset();
        taken_ = i + 1;
        weight_ -= weight_of(i);
        lock.unlock();
        changed_.notify_all();
        return value;
    }

    const InOrder& order_;
    const Make& make_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::vector<std::optional<Value>> made_;  // a ring
    std::size_t next_ = 0, taken_ = 0;
    std::uint64_t weight_ = 0;  // of what was begun and not yet taken
};

/// Calls `make(i, stop)` for each i below `order.count`, several at a time, and `take(i, value)`
/// for what it returned, in ascending order and on this thread. The first error of either ends it.
template <class Value>
Result<void> make_in_order(const InOrder& order, const typename InOrderMaker<Value>::Make& make,
                           const typename InOrderMaker<Value>::Take& take, std::stop_token stop) {
    return InOrderMaker<Value>(order, make).run(take, std::move(stop));
}

}  // namespace perdure
