#include "crypto/sealed_box.h"

#include <sodium.h>

#include <array>

#include "base/check.h"
#include "crypto/internal/sodium.h"

namespace perdure {

static_assert(kSealedBoxOverhead == crypto_box_SEALBYTES);
static_assert(SealingKey::size == crypto_box_PUBLICKEYBYTES);
static_assert(Key256::size == crypto_box_SECRETKEYBYTES);

OpeningKey::OpeningKey(const Key256& secret) : secret_(secret) {
    start_sodium();
    // Cannot fail: a clamped scalar times the base point is never the zero that libsodium refuses.
    PERDURE_CHECK(crypto_scalarmult_base(as_uchar(public_.raw().data()),
                                         as_uchar(secret_.reveal().data())) == 0);
}

Result<Buffer> OpeningKey::open(ByteView box) const {
    if (box.size() < kSealedBoxOverhead)
        return Error(ErrorKind::Corrupt, "sealed box is shorter than its overhead");
    Buffer plaintext(box.size() - kSealedBoxOverhead);
    if (crypto_box_seal_open(as_uchar(plaintext.data()), as_uchar(box.data()), box.size(),
                             as_uchar(public_.view().data()),
                             as_uchar(secret_.reveal().data())) != 0)
        return Error(ErrorKind::Corrupt, "sealed box does not open");
    return plaintext;
}

bool can_seal_to(const SealingKey& key) {
    start_sodium();
    // Any scalar will do: X25519 makes each a multiple of 8, which takes small orders to zero.
    std::array<unsigned char, crypto_scalarmult_SCALARBYTES> scalar{1};
    std::array<unsigned char, crypto_scalarmult_BYTES> shared;
    return crypto_scalarmult(shared.data(), scalar.data(), as_uchar(key.view().data())) == 0;
}

Buffer seal_to(const SealingKey& key, ByteView plaintext) {
    start_sodium();
    Buffer box(plaintext.size() + kSealedBoxOverhead);
    PERDURE_CHECK(crypto_box_seal(as_uchar(box.data()), as_uchar(plaintext.data()),
                                  plaintext.size(), as_uchar(key.view().data())) == 0);
    return box;
}

}  // namespace perdure
