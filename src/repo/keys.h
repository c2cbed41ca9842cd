// Who may do what with which key (DESIGN, keys; FORMAT.md, Keys).
//
//   owner seed ──┬─ owner opening key (X25519)   opens sessions
//                ├─ owner signing key (Ed25519)  signs epochs and certificates
//                └─ domain secrets (domain, generation): index key, dedup secret
//   dedup secret ── leaf key, page key, boundary key, chunker tables
//   session secret (random, sealed to the owner) ── the keys of each pack of the session, and of
//   its point's body
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/sealed_box.h"
#include "crypto/sign.h"
#include "repo/ids.h"

namespace perdure {

using OwnerSeed = Secret<32>;

/// What grows from a seed for one repository.
struct OwnerKeys {
    EpochNumber seed_epoch{};  // the epoch that introduced this seed
    OwnerSeed seed;
    OpeningKey opening;
    SigningKey signing;
};
OwnerKeys grow_owner_keys(const RepositoryId&, EpochNumber seed_epoch, const OwnerSeed&);

struct DomainName {
    std::uint32_t domain = 1;
    std::uint32_t generation = 1;
    friend auto operator<=>(const DomainName&, const DomainName&) = default;
};

/// The keys of one dedup domain in one generation, as an enrolled writer holds them.
struct DomainKeys {
    DomainName name;
    Key256 index_key;
    Key256 dedup_secret;
};
DomainKeys grow_domain_keys(const RepositoryId&, const OwnerSeed&, DomainName);

/// What the dedup secret expands to.
struct DedupKeys {
    Key256 leaf;      // ids of leaves of content
    Key256 page;      // ids of tree pages
    Key256 boundary;  // where pages begin
    Key256 source;    // source keys of points
    Secret<64> chunker_tables;
    Secret<16> chunker_confirm;
};
DedupKeys expand(const DomainKeys&, const RepositoryId&);

// ---- sessions

using SessionSecret = Secret<32>;

/// Inside a sealed session secret, so that one sealed for another place is refused.
struct SessionSecretPlace {
    RepositoryId repository;
    SessionName session;
    EpochNumber epoch{};
};
Buffer seal_session_secret(const SealingKey&, const SessionSecretPlace&, const SessionSecret&);
/// Corrupt if the box does not open with this key or names another session than `expected` (its
/// epoch is not compared).
Result<SessionSecret> open_session_secret(const OpeningKey&, const RepositoryId&,
                                          SessionName expected, ByteView box);

struct PackKeys {
    Key256 seal;
    Key256 nonce;
    Digest commitment;  // stands in the pack's manifest
};
PackKeys derive_pack_keys(const RepositoryId&, const SessionSecret&, const BirthPack&);

// ---- key slots and the recovery key

/// A key slot as stored under keys/<id> (FORMAT.md, Key slots).
struct KeySlot {
    SlotId id;
    EpochNumber seed_epoch{};
    std::string label;
    std::uint64_t created_ns = 0;
    Buffer salt;
    Argon2Cost cost;
    Cipher cipher = Cipher::Aes256Gcm;
    Nonce nonce{};
    Buffer wrapped_seed;
    Digest commitment;
};
Result<KeySlot> wrap_seed(const RepositoryId&, EpochNumber seed_epoch, const OwnerSeed&,
                          const Passphrase&, Argon2Cost, std::string label, std::uint64_t now_ns,
                          Random&);
/// WrongKey if the passphrase is another; Corrupt if the slot does not hold together.
Result<OwnerSeed> unwrap_seed(const RepositoryId&, const KeySlot&, const Passphrase&);
Buffer encode_key_slot(const KeySlot&);
Result<KeySlot> decode_key_slot(ByteView body);

/// The printed recovery key: "perdure-1-" and groups of base32 with a checksum. It *is* the seed.
std::string to_recovery_key(const OwnerSeed&);
/// InvalidInput, saying whether length, a character or the checksum is wrong. Case, spaces and
/// dashes do not matter.
Result<OwnerSeed> from_recovery_key(std::string_view text);
bool looks_like_recovery_key(std::string_view text);

}  // namespace perdure
