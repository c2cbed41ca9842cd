// Secret bytes: wiped when they go, kept out of core dumps where the kernel allows, and never
// printed; there is no operator<< and no conversion to text.
#pragma once

#include <array>
#include <cstddef>

#include "base/bytes.h"

namespace perdure {

/// Overwrites in a way the compiler may not remove.
void wipe(MutableByteView bytes);

template <std::size_t kSize>
class Secret {
public:
    static constexpr std::size_t size = kSize;

    Secret() = default;
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    ~Secret() { wipe(bytes_); }

    static Secret copy_of(ByteView bytes) {
        Secret secret;
        if (bytes.size() == kSize) std::memcpy(secret.bytes_.data(), bytes.data(), kSize);
        return secret;
    }

    ByteView reveal() const { return bytes_; }
    MutableByteView reveal_mutable() { return bytes_; }

private:
    std::array<std::byte, kSize> bytes_{};
};

using Key256 = Secret<32>;

/// A passphrase as the user gave it. Wiped when it goes.
class Passphrase {
public:
    Passphrase() = default;
    explicit Passphrase(std::string text) : text_(std::move(text)) {}
    Passphrase(const Passphrase&) = default;
    Passphrase& operator=(const Passphrase&) = default;
    ~Passphrase() { wipe({reinterpret_cast<std::byte*>(text_.data()), text_.size()}); }

    ByteView reveal() const { return as_bytes(text_); }
    bool empty() const { return text_.empty(); }

private:
    std::string text_;
};

}  // namespace perdure
