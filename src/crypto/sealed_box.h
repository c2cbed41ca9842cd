// Sealing to a public key: X25519 and libsodium's crypto_box_seal. Who seals cannot open again.
#pragma once

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "base/secret.h"

namespace perdure {

using SealingKey = Id<struct SealingKeyTag, 32>;  // X25519 public key
constexpr std::size_t kSealedBoxOverhead = 48;

/// Wiped when it goes. Constant after construction, so threads may share it.
class OpeningKey {
public:
    /// The X25519 private key is `secret` itself (clamped by X25519).
    explicit OpeningKey(const Key256& secret);

    const SealingKey& sealing_key() const { return public_; }
    /// Corrupt if `box` was not sealed to this key or was changed.
    Result<Buffer> open(ByteView box) const;

private:
    Key256 secret_;
    SealingKey public_;
};

/// False for the few keys (points of small order) that X25519 refuses. Ask before trusting a key
/// that someone else chose, as in a certificate.
bool can_seal_to(const SealingKey& key);

/// plaintext.size() + kSealedBoxOverhead bytes, different at every call. can_seal_to(key) must
/// hold.
Buffer seal_to(const SealingKey& key, ByteView plaintext);

}  // namespace perdure
