// Enrolments: who may write to the repository, and as whom (FORMAT.md, Enrolments); and the
// identity an enrolled machine keeps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "repo/config.h"
#include "repo/ids.h"
#include "repo/keys.h"
#include "repo/record.h"

namespace perdure {

struct Certificate {
    Role role = Role::Writer;
    std::string name;
    VerifyKey verify_key;
    SealingKey sealing_key;
    std::vector<std::string> hosts;    // empty: any
    std::vector<std::uint32_t> kinds;  // empty: any
    std::vector<std::string> classes;  // empty: any
    std::vector<std::uint32_t> domains{1};
    std::uint64_t obeys = 0;  // highest list with a barrier below it in the enrolments
};

enum class EnrolmentKind : std::uint8_t { Certificate = 1, Barrier = 2, Retirement = 3 };

struct Enrolment {
    EnrolmentKind kind = EnrolmentKind::Certificate;
    WriterNumber number{};
    std::optional<Digest> previous;
    std::uint64_t time_ns = 0;
    Certificate certificate;
    std::uint64_t list = 0;  // Barrier
    Revocation retirement;   // Retirement
};

Buffer encode_enrolment(const Enrolment&);
Result<Enrolment> decode_enrolment(ByteView);

/// What an enrolled machine holds: a key file, or the local identity that init makes.
struct WriterIdentity {
    RepositoryId repository;
    Digest config;         // pinned
    EpochNumber epoch{1};  // pinned; epochs only advance
    Digest epoch_digest;
    VerifyKey owner_verify_key;  // of the pinned epoch
    SealingKey owner_sealing_key;
    WriterNumber enrolment{};
    std::string name;
    Role role = Role::Writer;
    Key256 signing_seed;
    Key256 opening_secret;
    std::vector<DomainKeys> domains;
    std::uint64_t obeys = 0;  // as its certificate
};

/// The text of a key file: a header line, base64, a checksum line.
std::string encode_writer_key_file(const WriterIdentity&);
Result<WriterIdentity> decode_writer_key_file(std::string_view text);

}  // namespace perdure
