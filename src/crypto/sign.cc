#include "crypto/sign.h"

#include <sodium.h>

#include "base/check.h"
#include "crypto/internal/sodium.h"

namespace perdure {

static_assert(Key256::size == crypto_sign_SEEDBYTES);
static_assert(Secret<64>::size == crypto_sign_SECRETKEYBYTES);
static_assert(VerifyKey::size == crypto_sign_PUBLICKEYBYTES);
static_assert(Signature::size == crypto_sign_BYTES);

SigningKey::SigningKey(const Key256& seed) {
    start_sodium();
    PERDURE_CHECK(crypto_sign_seed_keypair(as_uchar(verify_key_.raw().data()),
                                           as_uchar(secret_.reveal_mutable().data()),
                                           as_uchar(seed.reveal().data())) == 0);
}

Signature SigningKey::sign(ByteView message) const {
    Signature signature;
    PERDURE_CHECK(crypto_sign_detached(as_uchar(signature.raw().data()), nullptr,
                                       as_uchar(message.data()), message.size(),
                                       as_uchar(secret_.reveal().data())) == 0);
    return signature;
}

bool verify(const VerifyKey& key, ByteView message, const Signature& signature) {
    start_sodium();
    return crypto_sign_verify_detached(as_uchar(signature.view().data()), as_uchar(message.data()),
                                       message.size(), as_uchar(key.view().data())) == 0;
}

}  // namespace perdure
