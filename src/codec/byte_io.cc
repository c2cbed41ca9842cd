#include "codec/byte_io.h"

namespace perdure {
namespace {

constexpr std::size_t kMaxVarintSize = 10;

template <class T>
void append_le(Buffer& out, T value) {
    out.resize(out.size() + sizeof(T));
    store_le(out.data() + out.size() - sizeof(T), value);
}

template <class T>
T read_le(ByteView bytes) {
    return bytes.empty() ? T{0} : load_le<T>(bytes.data());
}

}  // namespace

void ByteWriter::u32(std::uint32_t value) { append_le(out_, value); }
void ByteWriter::u64(std::uint64_t value) { append_le(out_, value); }

void ByteWriter::varint(std::uint64_t value) {
    while (value >= 0x80) {
        u8(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    u8(static_cast<std::uint8_t>(value));
}

// Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
void ByteWriter::signed_varint(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

void ByteWriter::sized_bytes(ByteView bytes) {
    varint(bytes.size());
    append(out_, bytes);
}

std::uint8_t ByteReader::u8() {
    const ByteView byte = bytes(1);
    return byte.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(byte[0]);
}

std::uint32_t ByteReader::u32() { return read_le<std::uint32_t>(bytes(4)); }
std::uint64_t ByteReader::u64() { return read_le<std::uint64_t>(bytes(8)); }

std::uint64_t ByteReader::varint() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < kMaxVarintSize && i < rest_.size(); ++i) {
        const auto byte = std::to_integer<std::uint64_t>(rest_[i]);
        value |= (byte & 0x7f) << (7 * i);
        if (byte >= 0x80) continue;
        const bool overlong = i > 0 && byte == 0;
        const bool overflows = i == kMaxVarintSize - 1 && byte > 1;  // past bit 63
        if (overlong || overflows) break;
        rest_ = rest_.subspan(i + 1);
        return value;
    }
    fail();
    return 0;
}

std::int64_t ByteReader::signed_varint() {
    const std::uint64_t coded = varint();
    return static_cast<std::int64_t>((coded >> 1) ^ (~(coded & 1) + 1));
}

ByteView ByteReader::bytes(std::size_t count) {
    if (count > rest_.size()) {
        fail();
        return {};
    }
    const ByteView read = rest_.first(count);
    rest_ = rest_.subspan(count);
    return read;
}

ByteView ByteReader::sized_bytes() {
    const std::uint64_t size = varint();
    if (size > rest_.size()) {
        fail();
        return {};
    }
    return bytes(static_cast<std::size_t>(size));
}

}  // namespace perdure
