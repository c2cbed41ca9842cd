// SHA-256 and HMAC-SHA-256, where another party's protocol names them: requests to clouds are
// hashed and signed so. What is ours is hashed by hash.h. From OpenSSL; thread-safe.
#pragma once

#include "base/bytes.h"
#include "base/id.h"
#include "base/secret.h"

namespace perdure {

using Sha256 = Id<struct Sha256Tag, 32>;

Sha256 sha256_of(ByteView bytes);

/// HMAC-SHA-256 (RFC 2104), a key of any length: a tag that may be shown.
Sha256 hmac_sha256(ByteView key, ByteView bytes);

/// The same value where it is the key of a next step, so wiped when it goes.
Key256 hmac_sha256_key(ByteView key, ByteView bytes);

}  // namespace perdure
