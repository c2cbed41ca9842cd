// Key derivation: HKDF-SHA-256 (RFC 5869) from keys, Argon2id (RFC 9106) from passphrases.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace perdure {

/// HKDF-SHA-256(ikm = key, salt, info), 32 bytes. `info` names the purpose; callers make it
/// injective.
Key256 derive_key(const Key256& key, ByteView salt, ByteView info);

struct Argon2Cost {
    std::uint32_t passes = 3;
    std::uint32_t memory_kib = 64 * 1024;
    // Parallelism is 1: libsodium offers no other, and every slot stores passes and memory.
};

// A hostile slot must not exhaust memory or time.
constexpr std::uint32_t kMaxArgon2Passes = 64;
constexpr std::uint32_t kMaxArgon2MemoryKib = 4 * 1024 * 1024;

/// Argon2id, p = 1, 32 bytes. InvalidInput unless `salt` has 16 bytes and the cost is within
/// libsodium's minima (1 pass, 8 KiB) and the limits above; Io when the memory cannot be had.
Result<Key256> derive_from_passphrase(const Passphrase& passphrase, ByteView salt, Argon2Cost cost);

/// Constant-time comparison; only the lengths may show.
bool equal_secret(ByteView a, ByteView b);

}  // namespace perdure
