#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>

#include "base/check.h"
#include "crypto/internal/hkdf.h"

namespace perdure {
namespace {

struct FreeContext {
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }  // wipes its key
};
using Context = std::unique_ptr<EVP_KDF_CTX, FreeContext>;

// Fetched once for the life of the process: a fetch takes a lock and a search by name.
Context new_context() {
    static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    Context context(EVP_KDF_CTX_new(hkdf));
    PERDURE_CHECK(context != nullptr);
    return context;
}

OSSL_PARAM octets(const char* name, ByteView bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()),
                                             bytes.size());
}

}  // namespace

void hkdf_sha256(ByteView key, ByteView salt, ByteView info, MutableByteView out) {
    std::array<OSSL_PARAM, 5> params;
    std::size_t count = 0;
    char digest[] = "SHA256";
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[count++] = octets(OSSL_KDF_PARAM_KEY, key);
    if (!salt.empty()) params[count++] = octets(OSSL_KDF_PARAM_SALT, salt);
    if (!info.empty()) params[count++] = octets(OSSL_KDF_PARAM_INFO, info);
    params[count] = OSSL_PARAM_construct_end();
    const Context context = new_context();
    PERDURE_CHECK(EVP_KDF_derive(context.get(), as_uchar(out.data()), out.size(), params.data()) ==
                  1);
}

}  // namespace perdure
