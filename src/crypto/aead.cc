#include "crypto/aead.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/hash.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace perdure {
namespace {

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }  // wipes it
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// Fetched once for the life of the process: a fetch takes a lock and a search by name.
const EVP_CIPHER* fetch(Cipher cipher) {
    static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
    const EVP_CIPHER* found = cipher == Cipher::Aes256Gcm ? aes : chacha;
    PERDURE_CHECK(found != nullptr);
    return found;
}

// EVP counts bytes in an int, and takes a null output for AAD: pieces, and none when empty.
constexpr std::size_t kPiece = std::size_t{1} << 30;

void process(EVP_CIPHER_CTX* context, ByteView in, std::byte* out) {
    for (std::size_t at = 0; at < in.size(); at += kPiece) {
        const auto count = static_cast<int>(std::min(kPiece, in.size() - at));
        int written = 0;
        PERDURE_CHECK(EVP_CipherUpdate(context, out == nullptr ? nullptr : as_uchar(out + at),
                                       &written, as_uchar(in.data() + at), count) == 1);
    }
}

bool cpu_has_aes() {
#if defined(__x86_64__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    constexpr unsigned long kAesAndPmull = (1UL << 3) | (1UL << 4);  // HWCAP_AES, HWCAP_PMULL
    return (getauxval(AT_HWCAP) & kAesAndPmull) == kAesAndPmull;
#else
    return false;
#endif
}

}  // namespace

Cipher preferred_cipher() {
    static const Cipher preferred = cpu_has_aes() ? Cipher::Aes256Gcm : Cipher::ChaCha20Poly1305;
    return preferred;
}

Nonce synthetic_nonce(const Key256& nonce_key, ByteView aad, ByteView plaintext) {
    KeyedHasher hasher(nonce_key);
    const Digest digest = hasher.update_u64(aad.size()).update(aad).update(plaintext).finish();
    Nonce nonce;
    std::copy_n(digest.view().begin(), nonce.size(), nonce.begin());
    return nonce;
}

// A direction's context is keyed at its first use: most keys seal only or open only.
struct Aead::State {
    Cipher cipher;
    Key256 key;
    Context sealing;
    Context opening;

    EVP_CIPHER_CTX* start(Context& context, bool seal, const Nonce& nonce, ByteView aad) {
        if (!context) {
            context.reset(EVP_CIPHER_CTX_new());
            PERDURE_CHECK(context != nullptr);
            PERDURE_CHECK(EVP_CipherInit_ex2(context.get(), fetch(cipher),
                                             as_uchar(key.reveal().data()), nullptr, seal ? 1 : 0,
                                             nullptr) == 1);
        }
        PERDURE_CHECK(EVP_CipherInit_ex2(context.get(), nullptr, nullptr, as_uchar(nonce.data()),
                                         seal ? 1 : 0, nullptr) == 1);
        process(context.get(), aad, nullptr);
        return context.get();
    }
};

Aead::Aead(Cipher cipher, const Key256& key)
    : state_(new State{.cipher = cipher, .key = key, .sealing = {}, .opening = {}}) {}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

void Aead::seal(const Nonce& nonce, ByteView aad, ByteView plaintext, MutableByteView out) {
    PERDURE_CHECK(out.size() == plaintext.size() + kTagSize);
    EVP_CIPHER_CTX* context = state_->start(state_->sealing, true, nonce, aad);
    process(context, plaintext, out.data());
    std::byte* tag = out.data() + plaintext.size();
    int written = 0;
    PERDURE_CHECK(EVP_CipherFinal_ex(context, as_uchar(tag), &written) == 1 && written == 0);
    PERDURE_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1);
}

Result<void> Aead::open(const Nonce& nonce, ByteView aad, ByteView sealed, MutableByteView out) {
    if (sealed.size() < kTagSize)
        return Error(ErrorKind::Corrupt, "sealed bytes are shorter than their tag");
    const ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
    PERDURE_CHECK(out.size() == ciphertext.size());
    EVP_CIPHER_CTX* context = state_->start(state_->opening, false, nonce, aad);
    std::array<std::byte, kTagSize> tag;
    std::ranges::copy(sealed.last(kTagSize), tag.begin());
    PERDURE_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1);
    process(context, ciphertext, out.data());
    std::array<std::byte, kTagSize> rest;
    int written = 0;
    if (EVP_CipherFinal_ex(context, as_uchar(rest.data()), &written) != 1) {
        // Decrypted but not authentic: nobody may use it by mistake.
        if (!out.empty()) wipe(out);
        return Error(ErrorKind::Corrupt, "sealed bytes do not authenticate");
    }
    return {};
}

}  // namespace perdure
