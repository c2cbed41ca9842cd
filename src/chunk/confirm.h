// Stage 2 of the chunker: a keyed PRF of the 64 bytes that end at a candidate.
//
// Frozen with the format: AES-128 CBC-MAC with a zero IV over the window's four blocks in order (a
// fixed length, so CBC-MAC is a PRF); v = the first 8 bytes of the last block, little-endian.
// AES-NI where the CPU has it, else OpenSSL; both give the same v (confirm_test.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/secret.h"

namespace perdure {

constexpr std::size_t kConfirmWindow = 64;

enum class AesKind { OpenSsl, AesNi };
/// Those this machine can run, slowest first; OpenSsl always.
std::vector<AesKind> available_aes();

/// Immutable after construction; shared by all threads.
class ConfirmKey {
public:
    explicit ConfirmKey(const Secret<16>& key) : ConfirmKey(key, available_aes().back()) {}
    ConfirmKey(const Secret<16>& key, AesKind kind);

    AesKind kind() const { return kind_; }
    const Secret<16>& key() const { return key_; }
    const Secret<176>& round_keys() const { return round_keys_; }

private:
    AesKind kind_;
    Secret<16> key_;          // OpenSsl
    Secret<176> round_keys_;  // AesNi
};

/// Answers for one thread. Cheap to make: OpenSSL's context, if that is what answers, is made at
/// the first question. The key must outlive it.
class Confirm {
public:
    explicit Confirm(const ConfirmKey& key);
    ~Confirm();
    Confirm(const Confirm&) = delete;
    Confirm& operator=(const Confirm&) = delete;

    /// v of the kConfirmWindow bytes at `window`.
    std::uint64_t operator()(const std::byte* window);

private:
    struct OpenSsl;
    const ConfirmKey& key_;
    std::unique_ptr<OpenSsl> openssl_;
};

}  // namespace perdure
