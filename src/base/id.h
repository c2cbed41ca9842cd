// Fixed-width identifiers that never convert into each other.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hex.h"

namespace perdure {

template <class Tag, std::size_t kSize>
class Id {
public:
    static constexpr std::size_t size = kSize;

    Id() = default;
    explicit Id(const std::array<std::byte, kSize>& bytes) : bytes_(bytes) {}

    static std::optional<Id> from_bytes(ByteView bytes) {
        if (bytes.size() != kSize) return std::nullopt;
        Id id;
        std::memcpy(id.bytes_.data(), bytes.data(), kSize);
        return id;
    }
    static std::optional<Id> from_hex(std::string_view text) {
        Id id;
        if (!perdure::from_hex(text, id.bytes_)) return std::nullopt;
        return id;
    }

    ByteView view() const { return bytes_; }
    std::array<std::byte, kSize>& raw() { return bytes_; }
    std::string hex() const { return to_hex(view()); }
    bool is_zero() const { return *this == Id(); }

    /// The first eight bytes: a fingerprint, never proof of equality.
    std::uint64_t fingerprint() const requires(kSize >= 8) {
        return load_le<std::uint64_t>(bytes_.data());
    }

    friend bool operator==(const Id& a, const Id& b) {
        return std::memcmp(a.bytes_.data(), b.bytes_.data(), kSize) == 0;
    }
    friend std::strong_ordering operator<=>(const Id& a, const Id& b) {
        return std::memcmp(a.bytes_.data(), b.bytes_.data(), kSize) <=> 0;
    }

private:
    std::array<std::byte, kSize> bytes_{};
};

/// Ids are uniformly random or hashes, so their first bytes are a good hash value.
struct IdHash {
    template <class Tag, std::size_t kSize>
    std::size_t operator()(const Id<Tag, kSize>& id) const {
        return static_cast<std::size_t>(id.fingerprint());
    }
};

}  // namespace perdure
