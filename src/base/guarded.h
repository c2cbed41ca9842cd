// The lock owns the data: the value can only be reached while the mutex is held. Never call out (a
// store, a callback) from inside with().
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace perdure {

template <class T>
class Guarded {
public:
    Guarded() = default;
    explicit Guarded(T value) : value_(std::move(value)) {}

    template <class F>
    decltype(auto) with(F&& f) {
        std::lock_guard lock(mutex_);
        return std::forward<F>(f)(value_);
    }
    template <class F>
    decltype(auto) with(F&& f) const {
        std::lock_guard lock(mutex_);
        return std::forward<F>(f)(value_);
    }

    /// Waits until `ready(value)` holds, then runs `f(value)` under the same lock.
    template <class Ready, class F>
    decltype(auto) wait(Ready&& ready, F&& f) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return ready(std::as_const(value_)); });
        return std::forward<F>(f)(value_);
    }
    /// Runs `f(value)` under the lock and wakes those in wait().
    template <class F>
    decltype(auto) change(F&& f) {
        struct Waker {
            std::condition_variable& changed;
            ~Waker() { changed.notify_all(); }
        } waker{changed_};
        std::lock_guard lock(mutex_);
        return std::forward<F>(f)(value_);
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    T value_{};
};

}  // namespace perdure
