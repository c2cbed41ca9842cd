#include "chunk/confirm.h"

#include <openssl/evp.h>

#include <array>

#include "base/bytes.h"
#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace perdure {

namespace {

constexpr std::size_t kBlock = 16;

#if defined(__x86_64__)

#define PERDURE_AES __attribute__((target("aes,sse2"), always_inline)) inline

PERDURE_AES __m128i load(const std::byte* place) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(place));
}

/// FIPS 197, 5.2: round key i from i - 1; `assist` is aeskeygenassist of it with the round
/// constant.
PERDURE_AES __m128i next_round_key(__m128i key, __m128i assist) {
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

__attribute__((target("aes,sse2"))) void expand_key(const Secret<16>& key, Secret<176>& rounds) {
    auto* out = reinterpret_cast<__m128i*>(rounds.reveal_mutable().data());
    __m128i k = load(key.reveal().data());
    _mm_storeu_si128(out++, k);
    // The round constant is an immediate of the instruction, so this is no loop.
#define PERDURE_ROUND(constant)                                    \
    k = next_round_key(k, _mm_aeskeygenassist_si128(k, constant)); \
    _mm_storeu_si128(out++, k)
    PERDURE_ROUND(0x01);
    PERDURE_ROUND(0x02);
    PERDURE_ROUND(0x04);
    PERDURE_ROUND(0x08);
    PERDURE_ROUND(0x10);
    PERDURE_ROUND(0x20);
    PERDURE_ROUND(0x40);
    PERDURE_ROUND(0x80);
    PERDURE_ROUND(0x1b);
    PERDURE_ROUND(0x36);
#undef PERDURE_ROUND
}

__attribute__((target("aes,sse2"))) std::uint64_t mac_aesni(const Secret<176>& round_keys,
                                                            const std::byte* window) {
    const std::byte* keys = round_keys.reveal().data();
    __m128i state = _mm_setzero_si128();
    for (std::size_t block = 0; block < kConfirmWindow; block += kBlock) {
        state = _mm_xor_si128(state, _mm_xor_si128(load(window + block), load(keys)));
        for (std::size_t round = 1; round < 10; ++round)
            state = _mm_aesenc_si128(state, load(keys + round * kBlock));
        state = _mm_aesenclast_si128(state, load(keys + 10 * kBlock));
    }
    return static_cast<std::uint64_t>(_mm_cvtsi128_si64(state));
}

bool has_aesni() { return __builtin_cpu_supports("aes"); }

#else

void expand_key(const Secret<16>&, Secret<176>&) { PERDURE_CHECK(false); }
std::uint64_t mac_aesni(const Secret<176>&, const std::byte*) {
    PERDURE_CHECK(false);
    return 0;
}
bool has_aesni() { return false; }

#endif

}  // namespace

std::vector<AesKind> available_aes() {
    if (has_aesni()) return {AesKind::OpenSsl, AesKind::AesNi};
    return {AesKind::OpenSsl};
}

ConfirmKey::ConfirmKey(const Secret<16>& key, AesKind kind) : kind_(kind), key_(key) {
    if (kind_ == AesKind::AesNi) expand_key(key_, round_keys_);
}

struct Confirm::OpenSsl {
    explicit OpenSsl(const Secret<16>& key) : context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
        PERDURE_CHECK(context);
        PERDURE_CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_128_cbc(), nullptr,
                                         as_uchar(key.reveal().data()), nullptr) == 1);
        PERDURE_CHECK(EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
    }

    std::uint64_t mac(const std::byte* window) {
        constexpr std::array<unsigned char, kBlock> kZeroIv{};
        std::array<std::byte, kConfirmWindow> out;
        int length = 0;
        // Starts the chain anew; the key stays.
        PERDURE_CHECK(
            EVP_EncryptInit_ex(context.get(), nullptr, nullptr, nullptr, kZeroIv.data()) == 1);
        PERDURE_CHECK(EVP_EncryptUpdate(context.get(), as_uchar(out.data()), &length,
                                        as_uchar(window), static_cast<int>(kConfirmWindow)) == 1);
        PERDURE_CHECK(length == static_cast<int>(kConfirmWindow));
        return load_le<std::uint64_t>(out.data() + kConfirmWindow - kBlock);
    }

    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context;
};

Confirm::Confirm(const ConfirmKey& key) : key_(key) {}
Confirm::~Confirm() = default;

std::uint64_t Confirm::operator()(const std::byte* window) {
    if (key_.kind() == AesKind::AesNi) return mac_aesni(key_.round_keys(), window);
    if (!openssl_) openssl_ = std::make_unique<OpenSsl>(key_.key());
    return openssl_->mac(window);
}

}  // namespace perdure
