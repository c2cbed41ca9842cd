// How a small record lies in the store: framed, signed, and sealed (FORMAT.md, Records).
//
// The invariant: nothing that comes out of open_record() can have been renamed, retyped, re-homed
// to another repository, changed, or made by someone without the key; and the signer it names did
// sign these bytes under this name. Whether that signer was *allowed* to is the caller's to ask
// (repo/trust.h).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "repo/ids.h"
#include "repo/names.h"

namespace perdure {

constexpr std::uint32_t kFormatVersion = 1;

enum class Role : std::uint8_t { None = 0, Owner = 1, Writer = 2, Maintainer = 3, Verifier = 4 };

struct Signer {
    Role role = Role::None;
    WriterNumber enrolment{};  // 0 for the owner
    EpochNumber epoch{};
    friend auto operator<=>(const Signer&, const Signer&) = default;
};

/// Where a record lives: part of its AAD and of what is signed.
struct RecordPlace {
    RepositoryId repository;
    ObjectType type;
    std::string name;  // of the object that holds it
};

enum class Sealing : std::uint8_t { Clear = 0, IndexKey = 1, Session = 2 };

/// What seals a record: nothing, a domain's index key, or a session secret. The key of each record
/// is derived from it and the record's place.
struct SealWith {
    Sealing sealing = Sealing::Clear;
    Key256 key;                // unused if Clear
    std::uint32_t domain = 0;  // in clear, so that a reader knows which key opens it
    std::uint32_t generation = 0;
};

struct FrameHeader {
    ObjectType type;
    Sealing sealing;
    Cipher cipher;  // meaningful unless Clear
    std::uint32_t domain;
    std::uint32_t generation;
    std::uint64_t payload_length;
    Nonce nonce;
};

constexpr std::size_t kFrameHeaderSize = 36;
constexpr std::size_t kFrameTrailerSize = 4;  // CRC-32C of all before it
/// No framed record is larger; a parser refuses before it allocates.
constexpr std::uint64_t kMaxRecordSize = 1ULL << 30;

/// A decoded record: its body and who signed it (None: not signed, only sealed).
struct OpenedRecord {
    Buffer body;
    Signer signer;
    Signature signature;
    std::optional<Signature> previous_owner_signature;
    std::size_t framed_size = 0;  // bytes the frame took, for objects with something behind it
};

/// A signer with its key.
struct SignWith {
    Signer signer;
    const SigningKey* key = nullptr;
    const SigningKey* previous_owner = nullptr;  // epochs that change the owner keys
};

/// The framed bytes of `body`: signed if `sign` has a key, then sealed. Deterministic.
Buffer seal_record(const RecordPlace& place, ByteView body, const SignWith& sign,
                   const SealWith& seal);

/// Reads the frame's header and checks magic, version, lengths and CRC. Corrupt otherwise.
Result<FrameHeader> parse_frame(ByteView object);

/// The record at the start of `object`. `key_of` gives the key for what the frame names, or an
/// error (Denied: this key holder may not read it); it is asked for types that lie sealed, and no
/// others. Corrupt if it does not authenticate or is not sealed as its type is. Signatures
/// are not checked here: that takes the signer's key, see verify_signature().
Result<OpenedRecord> open_record(const RecordPlace& place, ByteView object,
                                 const std::function<Result<Key256>(const FrameHeader&)>& key_of);

/// Whether `record` was signed by the holder of `key` for this place.
bool verify_signature(const RecordPlace& place, const OpenedRecord& record, const VerifyKey& key);
bool verify_previous_owner_signature(const RecordPlace& place, const OpenedRecord& record,
                                     const VerifyKey& key);

/// Length-prefixed concatenation: the injective encoding used for every AAD, signature and KDF
/// info.
class Transcript {
public:
    explicit Transcript(std::string_view label) { add(as_bytes(label)); }
    Transcript& add(ByteView bytes);  // u64 length, then the bytes
    Transcript& add(std::string_view text) { return add(as_bytes(text)); }
    Transcript& add_u64(std::uint64_t value);
    ByteView view() const { return bytes_; }

private:
    Buffer bytes_;
};

}  // namespace perdure
