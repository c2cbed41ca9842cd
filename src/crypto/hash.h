// Hashes. Digest: BLAKE3-256 of public bytes. Keyed: BLAKE3-256 under a 32-byte key, a PRF.
//
// From LLVM's packaged C API (docs/adr/0003); the library picks its SIMD kernel at run time. The
// check values of the official vectors are in hash_test.cc.
#pragma once

#include "base/bytes.h"
#include "base/id.h"
#include "base/secret.h"

namespace perdure {

using Digest = Id<struct DigestTag, 32>;

/// BLAKE3-256 of `bytes`.
Digest digest_of(ByteView bytes);

/// BLAKE3-256 of `bytes` under `key`. Injectivity of the input is the caller's: length-prefix
/// parts.
Digest keyed_hash(const Key256& key, ByteView bytes);

/// The same for input in parts; not thread-safe, reusable after reset(). finish() leaves the state
/// as it is, so more input may follow. Wiped when it goes.
class KeyedHasher {
public:
    explicit KeyedHasher(const Key256& key);
    ~KeyedHasher();
    KeyedHasher(const KeyedHasher&) = delete;
    KeyedHasher& operator=(const KeyedHasher&) = delete;

    KeyedHasher& update(ByteView bytes);
    KeyedHasher& update_u64(std::uint64_t value);  // 8 bytes, little-endian
    Digest finish() const;
    void reset();

private:
    alignas(8) std::byte state_[1920];  // llvm_blake3_hasher, checked in hash.cc; holds the key
};

}  // namespace perdure
