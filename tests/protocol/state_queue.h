// Encoded states to be expanded, taken from either end: squeezed, one after the other, in chunks
// that are freed when read.
#pragma once

#include <deque>
#include <vector>

#include "world.h"

namespace perdure::protocol::search {

class StateQueue {
public:
    bool empty() const { return count_ == 0; }
    std::size_t size() const { return count_; }
    std::size_t bytes() const { return chunks_.size() * kChunk; }

    void push(const Encoded& state);
    void pop_oldest(Encoded& state);
    void pop_newest(Encoded& state);

private:
    static constexpr std::size_t kChunk = 1u << 20;

    void finish_pop();

    std::deque<std::vector<Byte>> chunks_;
    std::size_t read_ = 0;  // in the first chunk
    std::size_t count_ = 0;
};

}  // namespace perdure::protocol::search
