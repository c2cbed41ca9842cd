// Authenticated encryption. Ids are on disk (FORMAT.md, ciphers).
//
// Nonces are synthetic: the first 12 bytes of a keyed hash over AAD and plaintext, under a key used
// for nothing else. Equal input gives equal output and nothing else repeats a nonce, so a cloned or
// rolled back machine is safe (DESIGN, keys).
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace perdure {

enum class Cipher : std::uint8_t {  // on disk: FORMAT.md
    Aes256Gcm = 1,
    ChaCha20Poly1305 = 2,  // IETF, 12-byte nonce
};

using Nonce = std::array<std::byte, 12>;
constexpr std::size_t kTagSize = 16;

/// The faster of the two on this machine (AES-GCM where the CPU has AES instructions).
Cipher preferred_cipher();

/// keyed_hash(nonce_key, u64(aad.size) aad plaintext)[0..12)
Nonce synthetic_nonce(const Key256& nonce_key, ByteView aad, ByteView plaintext);

/// A key ready for many messages (key schedule set up once). Not thread-safe; movable.
class Aead {
public:
    Aead(Cipher cipher, const Key256& key);
    ~Aead();
    Aead(Aead&&) noexcept;
    Aead& operator=(Aead&&) noexcept;

    /// out.size() == plaintext.size() + kTagSize: ciphertext, then tag. May not overlap.
    void seal(const Nonce& nonce, ByteView aad, ByteView plaintext, MutableByteView out);

    /// out.size() == sealed.size() - kTagSize. Corrupt if it does not authenticate; `out` then
    /// holds nothing of use. sealed.size() >= kTagSize is checked here.
    Result<void> open(const Nonce& nonce, ByteView aad, ByteView sealed, MutableByteView out);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace perdure
