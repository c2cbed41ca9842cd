#include "state_queue.h"

#include "base/bytes.h"

namespace perdure::protocol::search {

namespace {

constexpr std::size_t kHeader = 1;  // the size, in words of eight bytes
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
    const std::size_t at_most = kHeader + state.size / 8 * 9 + 1;
    if (chunks_.empty() || chunks_.back().size() + at_most > kChunk) {
        chunks_.emplace_back();
        chunks_.back().reserve(kChunk);
    }
    std::vector<Byte>& chunk = chunks_.back();
    const std::size_t begin = chunk.size();
    chunk.resize(begin + at_most);
    chunk[begin] = static_cast<Byte>(state.size / 8);
    const Byte* end = squeeze(state, &chunk[begin + kHeader]);
    chunk.resize(static_cast<std::size_t>(end - chunk.data()));
    ++count_;
}

void StateQueue::pop(Encoded& state) {
    if (read_ == chunks_.front().size()) {
        chunks_.pop_front();
        read_ = 0;
    }
    const Byte* from = &chunks_.front()[read_];
    state.size = std::size_t{from[0]} * 8;
    const Byte* end = unsqueeze(from + kHeader, state);
    read_ = static_cast<std::size_t>(end - chunks_.front().data());
    if (--count_ == 0) {
        chunks_.clear();
        read_ = 0;
    }
}

}  // namespace perdure::protocol::search
