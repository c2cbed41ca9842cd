#include "support/mutate.h"

#include <algorithm>
#include <array>

namespace perdure::fuzz {

namespace {

constexpr std::array<std::uint64_t, 16> kTelling{
    0,          1,          2,          0x7f,        0x80,
    0xff,       0x7fff,     0xffff,     0x100000,    0x100001,
    0x7fffffff, 0xffffffff, 1ULL << 32, ~0ULL >> 1U, (~0ULL >> 1U) + 1,
    ~0ULL};

struct Stretch {
    std::size_t at, length;
};

Stretch stretch_of(std::size_t size, SeededRandom& random) {
    const std::size_t at = random.below(size);
    const std::size_t most = random.below(4) == 0 ? size - at : std::min<std::size_t>(8, size - at);
    return {at, 1 + random.below(most)};
}

void set_integer(Buffer& bytes, SeededRandom& random) {
    const std::uint64_t value = random.below(2) == 0 ? kTelling[random.below(kTelling.size())]
                                                     : bytes.size() + random.below(33) - 16;
    const std::size_t width = std::size_t{1} << random.below(4);
    const std::size_t at = random.below(bytes.size());
    for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i)
        bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

/// A long varint in place of a byte: lengths and counts beyond all bounds.
void insert_varint(Buffer& bytes, SeededRandom& random) {
    const std::size_t at = random.below(bytes.size());
    bytes[at] = std::byte{0x7f};
    const std::size_t more = 1 + random.below(9);
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), more, std::byte{0xff});
    if (more == 9) bytes[at + 9] = std::byte{1};
}

void insert(Buffer& bytes, ByteView part, SeededRandom& random) {
    const Buffer copy = to_buffer(part);
    const auto at = static_cast<std::ptrdiff_t>(random.below(bytes.size() + 1));
    bytes.insert(bytes.begin() + at, copy.begin(), copy.end());
}

void change(Buffer& bytes, ByteView other, SeededRandom& random) {
    if (bytes.empty()) return bytes.push_back(static_cast<std::byte>(random.next()));
    switch (random.below(9)) {
        case 0:
        case 1: bytes[random.below(bytes.size())] ^= std::byte{1} << random.below(8); return;
        case 2: bytes[random.below(bytes.size())] = static_cast<std::byte>(random.next()); return;
        case 3: return set_integer(bytes, random);
        case 4: return insert_varint(bytes, random);
        case 5: {
            const Stretch s = stretch_of(bytes.size(), random);
            const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(s.at);
            bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(s.length));
            return;
        }
        case 6: {
            const Stretch s = stretch_of(bytes.size(), random);
            return insert(bytes, ByteView(bytes).subspan(s.at, s.length), random);
        }
        case 7: bytes.resize(random.below(bytes.size())); return;
        default:
            if (other.empty()) return;
            const Stretch s = stretch_of(other.size(), random);
            return insert(bytes, other.subspan(s.at, s.length), random);
    }
}

}  // namespace

Buffer mutate(ByteView bytes, ByteView other, std::size_t most, SeededRandom& random) {
    Buffer changed = to_buffer(bytes);
    for (std::uint64_t i = 1 + random.below(4); i > 0; --i) change(changed, other, random);
    if (changed.size() > most) changed.resize(most);
    return changed;
}

}  // namespace perdure::fuzz
