#include "crypto/kdf.h"

#include <sodium.h>

#include <cerrno>

#include "base/try.h"
#include "crypto/internal/hkdf.h"
#include "crypto/internal/sodium.h"

namespace perdure {
namespace {

constexpr std::uint32_t kMinMemoryKib = crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024;

Result<void> check_cost(Argon2Cost cost) {
    const bool passes_fit =
        cost.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN && cost.passes <= kMaxArgon2Passes;
    const bool memory_fits =
        cost.memory_kib >= kMinMemoryKib && cost.memory_kib <= kMaxArgon2MemoryKib;
    if (passes_fit && memory_fits) return {};
    return Error(ErrorKind::InvalidInput,
                 "Argon2id cost out of range: " + std::to_string(cost.passes) + " passes, " +
                     std::to_string(cost.memory_kib) + " KiB");
}

}  // namespace

Key256 derive_key(const Key256& key, ByteView salt, ByteView info) {
    Key256 derived;
    hkdf_sha256(key.reveal(), salt, info, derived.reveal_mutable());
    return derived;
}

Result<Key256> derive_from_passphrase(const Passphrase& passphrase, ByteView salt,
                                      Argon2Cost cost) {
    PERDURE_TRY(check_cost(cost));
    if (salt.size() != crypto_pwhash_argon2id_SALTBYTES)
        return Error(ErrorKind::InvalidInput,
                     "an Argon2id salt has 16 bytes, this one has " + std::to_string(salt.size()));
    const ByteView text = passphrase.reveal();
    if (text.size() > crypto_pwhash_argon2id_PASSWD_MAX)
        return Error(ErrorKind::InvalidInput, "the passphrase is too long");
    start_sodium();
    Key256 key;
    const int failed = crypto_pwhash_argon2id(
        as_uchar(key.reveal_mutable().data()), Key256::size,
        reinterpret_cast<const char*>(text.data()), text.size(), as_uchar(salt.data()), cost.passes,
        std::size_t{cost.memory_kib} * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13);
    if (failed != 0)  // with the cost in range, only memory is left to fail
        return system_error(ENOMEM, "Argon2id with " + std::to_string(cost.memory_kib) + " KiB");
    return key;
}

bool equal_secret(ByteView a, ByteView b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace perdure
