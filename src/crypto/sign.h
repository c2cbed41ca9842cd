// Ed25519 signatures (libsodium).
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/id.h"
#include "base/secret.h"

namespace perdure {

using VerifyKey = Id<struct VerifyKeyTag, 32>;
using Signature = Id<struct SignatureTag, 64>;

/// Wiped when it goes. Constant after construction, so threads may share it.
class SigningKey {
public:
    /// The key pair of a 32-byte seed (RFC 8032 private key).
    explicit SigningKey(const Key256& seed);

    const VerifyKey& verify_key() const { return verify_key_; }
    Signature sign(ByteView message) const;

private:
    Secret<64> secret_;
    VerifyKey verify_key_;
};

/// Strict: non-canonical signatures and keys of small order verify nothing. Thread-safe.
bool verify(const VerifyKey& key, ByteView message, const Signature& signature);

}  // namespace perdure
