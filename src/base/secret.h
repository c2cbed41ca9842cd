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

/// Secret text of any length: the secret half of a cloud's key pair, a session token. Wiped when it
/// goes and before it is overwritten. What it was made from is the caller's to wipe.
class SecretText {
public:
    SecretText() = default;
    explicit SecretText(std::string text) : text_(std::move(text)) {}
    SecretText(const SecretText&) = default;
    SecretText& operator=(const SecretText& other) {
        if (this == &other) return *this;
        wipe_text();  // the assignment may free the old buffer, or keep its tail
        text_ = other.text_;
        return *this;
    }
    ~SecretText() { wipe_text(); }

    ByteView reveal() const { return as_bytes(text_); }
    bool empty() const { return text_.empty(); }

private:
    void wipe_text() { wipe({reinterpret_cast<std::byte*>(text_.data()), text_.size()}); }

    std::string text_;
};

/// A passphrase as the user gave it.
class Passphrase : public SecretText {
public:
    using SecretText::SecretText;
};

}  // namespace perdure
