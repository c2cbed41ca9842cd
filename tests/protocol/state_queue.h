// First in, first out, of encoded states: byte strings end to end in chunks that are freed when
// read.
#pragma once

#include <cstring>
#include <deque>

#include "base/check.h"
#include "world.h"

namespace perdure::protocol::search {

class StateQueue {
public:
    bool empty() const { return count_ == 0; }
    std::size_t size() const { return count_; }
    std::size_t bytes() const { return chunks_.size() * kChunk; }

    void push(const Encoded& state) {
        PERDURE_CHECK(state.size() < 0x10000);
        if (chunks_.empty() || chunks_.back().size() + state.size() + 2 > kChunk) {
            chunks_.emplace_back();
            chunks_.back().reserve(kChunk);
        }
        Encoded& chunk = chunks_.back();
        chunk.push_back(static_cast<Byte>(state.size() >> 8));
        chunk.push_back(static_cast<Byte>(state.size()));
        chunk.insert(chunk.end(), state.begin(), state.end());
        ++count_;
    }

    void pop(Encoded& state) {
        if (read_ == chunks_.front().size()) {
            chunks_.pop_front();
            read_ = 0;
        }
        const Byte* at = chunks_.front().data() + read_;
        const std::size_t size = static_cast<std::size_t>(at[0]) << 8 | at[1];
        state.assign(at + 2, at + 2 + size);
        read_ += size + 2;
        if (--count_ == 0) chunks_.clear(), read_ = 0;
    }

private:
    static constexpr std::size_t kChunk = 1u << 20;
    std::deque<Encoded> chunks_;
    std::size_t read_ = 0;  // in the first chunk
    std::size_t count_ = 0;
};

}  // namespace perdure::protocol::search
