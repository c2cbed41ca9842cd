// First in, first out, of encoded states: squeezed, end to end, in chunks that are freed when read.
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
    void pop(Encoded& state);

private:
    static constexpr std::size_t kChunk = 1u << 20;
    std::deque<std::vector<Byte>> chunks_;
    std::size_t read_ = 0;  // in the first chunk
    std::size_t count_ = 0;
};

}  // namespace perdure::protocol::search
