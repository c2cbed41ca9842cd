#include "state_queue.h"

#include "base/bytes.h"

namespace perdure::protocol::search {

namespace {

// A state lies between two copies of its squeezed size, so that it can be found from both sides;
// its own size, in words of eight bytes, comes first.
constexpr std::size_t kSize = 2;
constexpr std::size_t kHeader = kSize + 1;
static_assert(Encoded::kMax / 8 < 256);

/// Most bytes of a state are zero: eight bytes become a byte of flags and those that are not.
/// Returns the end; may write a byte beyond it.
Byte* squeeze(const Encoded& state, Byte* to) {
    for (std::size_t i = 0; i < state.size; i += 8) {
        const Byte* from = &state.bytes[i];
        Byte* flags = to++;
        *flags = 0;
        if (load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(from)) == 0) continue;
        for (unsigned bit = 0; bit < 8; ++bit) {
            *to = from[bit];
            const unsigned counts = from[bit] != 0 ? 1 : 0;
            *flags = static_cast<Byte>(*flags | counts << bit);
            to += counts;
        }
    }
    return to;
}

const Byte* unsqueeze(const Byte* from, Encoded& state) {
    for (std::size_t i = 0; i < state.size; i += 8) {
        const unsigned flags = *from++;
        for (unsigned bit = 0; bit < 8; ++bit)
            state.bytes[i + bit] = (flags >> bit & 1u) != 0 ? *from++ : Byte{0};
    }
    return from;
}

}  // namespace

void StateQueue::push(const Encoded& state) {
    const std::size_t at_most = kHeader + state.size / 8 * 9 + 1 + kSize;
    if (chunks_.empty() || chunks_.back().size() + at_most > kChunk) {
        chunks_.emplace_back();
        chunks_.back().reserve(kChunk);
    }
    std::vector<Byte>& chunk = chunks_.back();
    const std::size_t begin = chunk.size();
    chunk.resize(begin + at_most);
    const std::size_t body = begin + kHeader;
    const auto size = static_cast<std::size_t>(squeeze(state, &chunk[body]) - &chunk[body]);
    for (const std::size_t place : {begin, body + size}) {
        chunk[place] = static_cast<Byte>(size >> 8);
        chunk[place + 1] = static_cast<Byte>(size);
    }
    chunk[begin + kSize] = static_cast<Byte>(state.size / 8);
    chunk.resize(body + size + kSize);
    ++count_;
}

void StateQueue::pop_oldest(Encoded& state) {
    if (read_ == chunks_.front().size()) {
        chunks_.pop_front();
        read_ = 0;
    }
    const Byte* from = &chunks_.front()[read_];
    state.size = std::size_t{from[kSize]} * 8;
    const Byte* end = unsqueeze(from + kHeader, state);
    read_ = static_cast<std::size_t>(end - chunks_.front().data()) + kSize;
    finish_pop();
}

void StateQueue::pop_newest(Encoded& state) {
    if (chunks_.back().empty()) chunks_.pop_back();
    std::vector<Byte>& chunk = chunks_.back();
    const Byte* end = &chunk[chunk.size() - kSize];
    const std::size_t size = std::size_t{end[0]} << 8 | end[1];
    const Byte* from = end - size - kHeader;
    state.size = std::size_t{from[kSize]} * 8;
    unsqueeze(from + kHeader, state);
    chunk.resize(static_cast<std::size_t>(from - chunk.data()));
    finish_pop();
}

void StateQueue::finish_pop() {
    if (--count_ != 0) return;
    chunks_.clear();
    read_ = 0;
}

}  // namespace perdure::protocol::search
