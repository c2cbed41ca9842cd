// A queue of fixed capacity between pipeline stages. Memory bound: capacity x size of an item.
// push() waits while full, pop() while empty; close() wakes everyone: pushes then fail, pops drain
// what is left and then return nothing. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/guarded.h"

namespace perdure {

template <class T>
class BoundedQueue {
public:
    explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

    /// False if the queue was closed; the item is then dropped.
    bool push(T item) {
        bool pushed = false;
        state_.wait([&](const State& s) { return s.closed || s.items.size() < capacity_; },
                    [&](State& s) {
                        if (s.closed) return;
                        s.items.push_back(std::move(item));
                        pushed = true;
                    });
        state_.change([](State&) {});
        return pushed;
    }

    std::optional<T> pop() {
        std::optional<T> item;
        state_.wait([](const State& s) { return s.closed || !s.items.empty(); },
                    [&](State& s) {
                        if (s.items.empty()) return;
                        item.emplace(std::move(s.items.front()));
                        s.items.pop_front();
                    });
        state_.change([](State&) {});
        return item;
    }

    void close() {
        state_.change([](State& s) { s.closed = true; });
    }

private:
    struct State {
        std::deque<T> items;
        bool closed = false;
    };
    const std::size_t capacity_;
    Guarded<State> state_;
};

/// Closes a queue at the end of a scope, also where an exception ends it: threads that wait for its
/// items would be joined for ever.
template <class T>
class CloseAtEnd {
public:
    explicit CloseAtEnd(BoundedQueue<T>& queue) : queue_(queue) {}
    ~CloseAtEnd() { queue_.close(); }
    CloseAtEnd(const CloseAtEnd&) = delete;
    CloseAtEnd& operator=(const CloseAtEnd&) = delete;

private:
    BoundedQueue<T>& queue_;
};

}  // namespace perdure
