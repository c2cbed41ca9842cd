#include "repo/keys.h"

#include <array>

#include "base/try.h"
#include "codec/crc32c.h"
#include "perdure.pb.h"
#include "repo/record.h"

namespace perdure {

namespace {

Key256 derive(const Key256& key, const RepositoryId& repository, const Transcript& info) {
    return derive_key(key, repository.view(), info.view());
}

}  // namespace

OwnerKeys grow_owner_keys(const RepositoryId& repository, EpochNumber seed_epoch,
                          const OwnerSeed& seed) {
    return OwnerKeys{seed_epoch, seed,
                     OpeningKey(derive(seed, repository, Transcript("perdure owner open v1"))),
                     SigningKey(derive(seed, repository, Transcript("perdure owner sign v1")))};
}

DomainKeys grow_domain_keys(const RepositoryId& repository, const OwnerSeed& seed,
                            DomainName name) {
    const auto grow = [&](std::string_view purpose) {
        return derive(seed, repository,
                      Transcript("perdure domain v1")
                          .add(purpose)
                          .add_u64(name.domain)
                          .add_u64(name.generation));
    };
    return {name, grow("index"), grow("dedup")};
}

DedupKeys expand(const DomainKeys& keys, const RepositoryId& repository) {
    const auto grow = [&](std::string_view purpose) {
        return derive(keys.dedup_secret, repository, Transcript("perdure dedup v1").add(purpose));
    };
    DedupKeys dedup;
    dedup.leaf = grow("leaf");
    dedup.page = grow("page");
    dedup.boundary = grow("boundary");
    dedup.source = grow("source");
    const Key256 low = grow("chunker tables a");
    const Key256 high = grow("chunker tables b");
    std::memcpy(dedup.chunker_tables.reveal_mutable().data(), low.reveal().data(), 32);
    std::memcpy(dedup.chunker_tables.reveal_mutable().data() + 32, high.reveal().data(), 32);
    dedup.chunker_confirm = Secret<16>::copy_of(grow("chunker confirm").reveal().first(16));
    return dedup;
}

// Inside the box: "PSS1", repository (16), writer u32, session u64, epoch u32, secret (32).
namespace {
constexpr std::string_view kSecretMagic = "PSS1";
constexpr std::size_t kSecretSize = 4 + 16 + 4 + 8 + 4 + 32;
}  // namespace

Buffer seal_session_secret(const SealingKey& key, const SessionSecretPlace& place,
                           const SessionSecret& secret) {
    Secret<kSecretSize> inside;
    std::byte* at = inside.reveal_mutable().data();
    std::memcpy(at, kSecretMagic.data(), 4);
    std::memcpy(at + 4, place.repository.view().data(), 16);
    store_le<std::uint32_t>(at + 20, number(place.session.writer));
    store_le<std::uint64_t>(at + 24, number(place.session.session));
    store_le<std::uint32_t>(at + 32, number(place.epoch));
    std::memcpy(at + 36, secret.reveal().data(), 32);
    return seal_to(key, inside.reveal());
}

Result<SessionSecret> open_session_secret(const OpeningKey& key, const RepositoryId& repository,
                                          SessionName expected, ByteView box) {
    Buffer inside = PERDURE_TRY(key.open(box));
    const auto bad = [&](const char* why) {
        wipe(inside);
        return Error(ErrorKind::Corrupt,
                     "the sealed secret of session " + short_text(expected) + " " + why);
    };
    if (inside.size() != kSecretSize || as_text(ByteView(inside).first(4)) != kSecretMagic)
        return bad("has a wrong form");
    if (!equal(ByteView(inside).subspan(4, 16), repository.view()))
        return bad("belongs to another repository");
    if (load_le<std::uint32_t>(inside.data() + 20) != number(expected.writer) ||
        load_le<std::uint64_t>(inside.data() + 24) != number(expected.session))
        return bad("belongs to another session");
    auto secret = SessionSecret::copy_of(ByteView(inside).subspan(36, 32));
    wipe(inside);
    return secret;
}

PackKeys derive_pack_keys(const RepositoryId& repository, const SessionSecret& secret,
                          const BirthPack& pack) {
    const auto grow = [&](std::string_view purpose) {
        return derive(secret, repository,
                      Transcript("perdure pack v1")
                          .add(purpose)
                          .add_u64(number(pack.session.writer))
                          .add_u64(number(pack.session.session))
                          .add(pack.pack.view()));
    };
    PackKeys keys{grow("seal"), grow("nonce"), {}};
    keys.commitment = *Digest::from_bytes(grow("commitment").reveal());
    return keys;
}

// ---- key slots

namespace {

struct WrapKeys {
    Key256 wrap;
    Key256 nonce;
    Key256 commitment;
};

Result<WrapKeys> wrap_keys(const RepositoryId& repository, const Passphrase& passphrase,
                           ByteView salt, Argon2Cost cost) {
    const Key256 root = PERDURE_TRY(derive_from_passphrase(passphrase, salt, cost));
    const auto grow = [&](std::string_view purpose) {
        return derive(root, repository, Transcript("perdure slot v1").add(purpose));
    };
    return WrapKeys{grow("wrap"), grow("nonce"), grow("commitment")};
}

Buffer slot_aad(const RepositoryId& repository, const SlotId& id, EpochNumber seed_epoch) {
    return to_buffer(Transcript("perdure slot aad v1")
                         .add(repository.view())
                         .add(id.view())
                         .add_u64(number(seed_epoch))
                         .view());
}

}  // namespace

Result<KeySlot> wrap_seed(const RepositoryId& repository, EpochNumber seed_epoch,
                          const OwnerSeed& seed, const Passphrase& passphrase, Argon2Cost cost,
                          std::string label, std::uint64_t now_ns, Random& random) {
    KeySlot slot;
    random.fill(slot.id.raw());
    slot.seed_epoch = seed_epoch;
    slot.label = std::move(label);
    slot.created_ns = now_ns;
    slot.salt.resize(16);
    random.fill(slot.salt);
    slot.cost = cost;
    slot.cipher = Cipher::Aes256Gcm;
    const WrapKeys keys = PERDURE_TRY(wrap_keys(repository, passphrase, slot.salt, cost));
    const Buffer aad = slot_aad(repository, slot.id, seed_epoch);
    slot.nonce = synthetic_nonce(keys.nonce, aad, seed.reveal());
    slot.wrapped_seed.resize(OwnerSeed::size + kTagSize);
    Aead(slot.cipher, keys.wrap).seal(slot.nonce, aad, seed.reveal(), slot.wrapped_seed);
    slot.commitment = *Digest::from_bytes(keys.commitment.reveal());
    return slot;
}

Result<OwnerSeed> unwrap_seed(const RepositoryId& repository, const KeySlot& slot,
                              const Passphrase& passphrase) {
    const WrapKeys keys = PERDURE_TRY(wrap_keys(repository, passphrase, slot.salt, slot.cost)
                                          .context("key slot " + slot.id.hex()));
    // The commitment decides between a wrong passphrase and a damaged slot.
    if (!equal_secret(keys.commitment.reveal(), slot.commitment.view()))
        return Error(ErrorKind::WrongKey, "the passphrase does not open key slot " + slot.id.hex());
    OwnerSeed seed;
    const auto opened = Aead(slot.cipher, keys.wrap)
                            .open(slot.nonce, slot_aad(repository, slot.id, slot.seed_epoch),
                                  slot.wrapped_seed, seed.reveal_mutable());
    if (!opened)
        return Error(ErrorKind::Corrupt,
                     "key slot " + slot.id.hex() +
                         " is damaged: the passphrase is right, but the wrapped "
                         "seed does not authenticate");
    return seed;
}

Buffer encode_key_slot(const KeySlot& slot) {
    v1::KeySlot record;
    record.set_kind(v1::KeySlot::PASSPHRASE);
    record.set_id(slot.id.view().data(), SlotId::size);
    record.set_seed_epoch(number(slot.seed_epoch));
    record.set_salt(slot.salt.data(), slot.salt.size());
    record.set_argon2_passes(slot.cost.passes);
    record.set_argon2_memory_kib(slot.cost.memory_kib);
    record.set_cipher(static_cast<std::uint32_t>(slot.cipher));
    record.set_nonce(slot.nonce.data(), slot.nonce.size());
    record.set_wrapped_seed(slot.wrapped_seed.data(), slot.wrapped_seed.size());
    record.set_commitment(slot.commitment.view().data(), Digest::size);
    record.set_label(slot.label);
    record.set_created(slot.created_ns);
    Buffer body(record.ByteSizeLong());
    record.SerializeToArray(body.data(), static_cast<int>(body.size()));
    return body;
}

Result<KeySlot> decode_key_slot(ByteView body) {
    v1::KeySlot record;
    const auto bad = [](std::string why) { return Error(ErrorKind::Corrupt, "key slot: " + why); };
    if (!record.ParseFromArray(body.data(), static_cast<int>(body.size())))
        return bad("not a key slot record");
    if (record.kind() != v1::KeySlot::PASSPHRASE)
        return Error(ErrorKind::Unsupported, "key slot: of a kind this program does not know");
    const auto id = SlotId::from_bytes(as_bytes(record.id()));
    const auto commitment = Digest::from_bytes(as_bytes(record.commitment()));
    if (!id || !commitment || record.salt().size() != 16 ||
        record.nonce().size() != sizeof(Nonce) ||
        record.wrapped_seed().size() != OwnerSeed::size + kTagSize ||
        (record.cipher() != 1 && record.cipher() != 2))
        return bad("a field has a wrong length");
    KeySlot slot;
    slot.id = *id;
    slot.seed_epoch = EpochNumber{record.seed_epoch()};
    slot.label = record.label();
    slot.created_ns = record.created();
    slot.salt = to_buffer(as_bytes(record.salt()));
    slot.cost = {record.argon2_passes(), record.argon2_memory_kib()};
    slot.cipher = static_cast<Cipher>(record.cipher());
    std::memcpy(slot.nonce.data(), record.nonce().data(), slot.nonce.size());
    slot.wrapped_seed = to_buffer(as_bytes(record.wrapped_seed()));
    slot.commitment = *commitment;
    return slot;
}

// ---- the recovery key: 32 bytes of seed and 3 bytes of CRC-32C, as 56 characters of base32

namespace {

constexpr std::string_view kPrefix = "perdure-1-";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, lower case
constexpr std::size_t kRecoveryBytes = 35;
constexpr std::size_t kRecoveryCharacters = 56;

std::array<std::byte, 3> recovery_checksum(ByteView seed) {
    Buffer covered = to_buffer(as_bytes(kPrefix));
    append(covered, seed);
    const std::uint32_t crc = crc32c(covered);
    wipe(covered);
    return {static_cast<std::byte>(crc), static_cast<std::byte>(crc >> 8),
            static_cast<std::byte>(crc >> 16)};
}

}  // namespace

std::string to_recovery_key(const OwnerSeed& seed) {
    Secret<kRecoveryBytes> bytes;
    std::memcpy(bytes.reveal_mutable().data(), seed.reveal().data(), 32);
    const auto checksum = recovery_checksum(seed.reveal());
    std::memcpy(bytes.reveal_mutable().data() + 32, checksum.data(), 3);
    std::string text(kPrefix);
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t written = 0;
    for (std::byte b : bytes.reveal()) {
        bits = bits << 8 | std::to_integer<std::uint32_t>(b);
        for (count += 8; count >= 5; count -= 5) {
            if (written > 0 && written % 8 == 0) text.push_back('-');
            text.push_back(kAlphabet[bits >> (count - 5) & 31]);
            ++written;
        }
    }
    return text;
}

bool looks_like_recovery_key(std::string_view text) {
    const auto start = text.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return false;
    std::string head;
    for (char c : text.substr(start, kPrefix.size()))
        head.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    return head == kPrefix;
}

Result<OwnerSeed> from_recovery_key(std::string_view text) {
    const auto bad = [](std::string why) {
        return Error(ErrorKind::InvalidInput, "recovery key: " + std::move(why));
    };
    if (!looks_like_recovery_key(text)) return bad("it does not begin with \"perdure-1-\"");
    text.remove_prefix(text.find_first_not_of(" \t\r\n") + kPrefix.size());
    Secret<kRecoveryBytes> bytes;
    std::uint32_t bits = 0;
    int count = 0;
    std::size_t characters = 0;
    std::size_t filled = 0;
    for (char c : text) {
        if (c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        const auto value = kAlphabet.find(lower);
        if (value == std::string_view::npos)
            return bad(std::string("it holds the character '") + c + "'");
        if (++characters > kRecoveryCharacters) return bad("it is too long");
        bits = bits << 5 | static_cast<std::uint32_t>(value);
        if ((count += 5) >= 8) {
            count -= 8;
            bytes.reveal_mutable()[filled++] = static_cast<std::byte>(bits >> count);
        }
    }
    if (characters != kRecoveryCharacters) return bad("it is too short");
    const auto seed = OwnerSeed::copy_of(bytes.reveal().first(32));
    const auto checksum = recovery_checksum(seed.reveal());
    if (!equal(checksum, bytes.reveal().subspan(32, 3)))
        return bad("its checksum is wrong; look for a mistyped character");
    return seed;
}

}  // namespace perdure
