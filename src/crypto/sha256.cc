#include "crypto/sha256.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/check.h"

namespace perdure {
namespace {

struct FreeContext {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }  // wipes its key
};
using Context = std::unique_ptr<EVP_MAC_CTX, FreeContext>;

// Both are fetched once for the life of the process: a fetch takes a lock and a search by name.
const EVP_MD* sha256() {
    static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    PERDURE_CHECK(digest != nullptr);
    return digest;
}

Context new_context() {
    static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    Context context(EVP_MAC_CTX_new(hmac));
    PERDURE_CHECK(context != nullptr);
    return context;
}

void hmac_into(ByteView key, ByteView bytes, MutableByteView out) {
    // A null key means "the key of before" to OpenSSL, so an empty one points somewhere.
    static constexpr std::byte kNothing{};
    const std::byte* start = key.empty() ? &kNothing : key.data();
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    const Context context = new_context();
    std::size_t length = 0;
    PERDURE_CHECK(EVP_MAC_init(context.get(), as_uchar(start), key.size(), params) == 1);
    PERDURE_CHECK(EVP_MAC_update(context.get(), as_uchar(bytes.data()), bytes.size()) == 1);
    PERDURE_CHECK(EVP_MAC_final(context.get(), as_uchar(out.data()), &length, out.size()) == 1);
    PERDURE_CHECK(length == out.size());
}

}  // namespace

Sha256 sha256_of(ByteView bytes) {
    Sha256 hash;
    unsigned length = 0;
    PERDURE_CHECK(EVP_Digest(bytes.data(), bytes.size(), as_uchar(hash.raw().data()), &length,
                             sha256(), nullptr) == 1);
    PERDURE_CHECK(length == Sha256::size);
    return hash;
}

Sha256 hmac_sha256(ByteView key, ByteView bytes) {
    Sha256 tag;
    hmac_into(key, bytes, tag.raw());
    return tag;
}

Key256 hmac_sha256_key(ByteView key, ByteView bytes) {
    Key256 next;
    hmac_into(key, bytes, next.reveal_mutable());
    return next;
}

}  // namespace perdure
