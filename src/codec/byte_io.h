// Bounds-checked reading and writing of packed bytes. Varints are LEB128, at most 10 bytes, and
// must be canonical (shortest form); signed values are zigzag-coded. Integers of fixed width are
// little-endian.
#pragma once

#include <cstdint>
#include <utility>

#include "base/bytes.h"

namespace perdure {

class ByteWriter {
public:
    void u8(std::uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
    void u32(std::uint32_t value);
    void u64(std::uint64_t value);
    void varint(std::uint64_t value);
    void signed_varint(std::int64_t value);
    void bytes(ByteView bytes) { append(out_, bytes); }
    void sized_bytes(ByteView bytes);  // varint length, then the bytes

    std::size_t size() const { return out_.size(); }
    ByteView view() const { return out_; }
    Buffer take() { return std::move(out_); }
    void clear() { out_.clear(); }

private:
    Buffer out_;
};

/// Reads never pass the end: after the first read that would, ok() is false, every later read gives
/// 0 or an empty view, and nothing is thrown. Check ok() (or done()) before trusting what was read.
class ByteReader {
public:
    explicit ByteReader(ByteView bytes) : rest_(bytes) {}

    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    std::uint64_t varint();
    std::int64_t signed_varint();
    ByteView bytes(std::size_t count);
    ByteView sized_bytes();

    bool ok() const { return ok_; }
    /// Everything was read and nothing failed.
    bool done() const { return ok_ && rest_.empty(); }
    std::size_t remaining() const { return rest_.size(); }
    void fail() {
        ok_ = false;
        rest_ = {};
    }

private:
    ByteView rest_;
    bool ok_ = true;
};

}  // namespace perdure
