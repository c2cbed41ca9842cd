// The config and the epochs: what a repository is, and who owns it now (FORMAT.md, Config, Epochs).
//
// The config never changes. Epochs only advance; each is signed by its owner and, where the owner
// keys changed, by the owner before, so whoever trusts one can walk to the newest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "repo/ids.h"
#include "repo/keys.h"
#include "repo/record.h"
#include "repo/retention_class.h"

namespace perdure {

struct Config {
    std::uint32_t format_version = kFormatVersion;
    RepositoryId repository;
    std::uint64_t created_ns = 0;
    std::uint32_t chunker_average_log2 = 14;
    std::uint32_t chunker_algorithm = 1;
    std::uint32_t volume_leaf_size = 16384;
    std::uint32_t hash = 1;
    VerifyKey owner_verify_key;  // of epoch 1
    Digest first_epoch;
};

struct Features {
    std::vector<std::string> read, write, collect;
};

struct SealedDomainKeys {
    WriterNumber enrolment{};
    Buffer sealed;
};

struct DomainRecord {
    std::uint32_t id = 1;
    std::string name;
    std::uint32_t generation = 1;
    EpochNumber seed_epoch{1};
    std::vector<SealedDomainKeys> sealed_keys;
    struct Past {
        std::uint32_t generation = 0;
        EpochNumber seed_epoch{};
    };
    std::vector<Past> past;

    /// The epoch whose seed that generation grows from; nothing if it never was.
    std::optional<EpochNumber> seed_epoch_of(std::uint32_t generation) const;
};

struct SlotReference {
    SlotId id;
    Digest digest;
    std::string label;
};

struct FormerSeed {
    EpochNumber epoch{};
    Buffer sealed;
};

struct Revocation {
    WriterNumber enrolment{};
    SessionNumber last_number{};
    std::uint64_t time_ns = 0;
    std::string reason;
};

struct Epoch {
    EpochNumber number{1};
    std::optional<Digest> previous;
    RepositoryId repository;
    EpochNumber seed_epoch{1};
    SealingKey owner_sealing_key;
    VerifyKey owner_verify_key;
    Features features;
    std::vector<DomainRecord> domains;
    std::vector<SlotReference> slots;
    std::vector<FormerSeed> former_seeds;
    std::vector<Revocation> revocations;
    std::uint64_t time_ns = 0;
    std::uint32_t enrolments_below = 0;  // with new owner keys: older ones count only below
    std::vector<RetentionClass> retention_classes;
    std::uint32_t longest_lock_days = 0;  // 0: not said

    const DomainRecord* domain(std::uint32_t id) const;
    const Revocation* revocation_of(WriterNumber) const;
};

Buffer encode_config(const Config&);
Result<Config> decode_config(ByteView);
Buffer encode_epoch(const Epoch&);
Result<Epoch> decode_epoch(ByteView);

/// What a domain's keys look like inside a sealed box for one writer.
Buffer encode_domain_keys(const DomainKeys&, bool with_dedup_secret);
Result<DomainKeys> decode_domain_keys(ByteView);

}  // namespace perdure
