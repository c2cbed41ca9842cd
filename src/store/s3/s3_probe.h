// What a bucket does for the credential that asks: found out by trying, on an object of the probe's
// own below probe/.
//
// The answers are advice, for people: what a session rests on it proves for itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/s3/s3_bucket.h"

namespace perdure {

/// Nothing where it could not be told.
struct StoreCapabilities {
    std::optional<bool> conditional_create;  // refuses the second creation of a name
    std::optional<bool> overwrites;          // this credential can replace what is there
    std::optional<bool> deletes;             // this credential can delete
    std::optional<bool> destroys_versions;   // this credential can delete a version for good
    std::optional<bool> checks_sums;         // refuses bytes that differ from their checksum
    std::optional<bool> keeps_versions;
    std::optional<bool> object_lock;
    std::vector<std::string>
        dangers;  // lifecycle rules of others that delete or archive our objects

    /// Whether whoever has this credential can destroy what is stored: nothing stands against it.
    bool destroyable() const {
        const bool touches = overwrites.value_or(true) || deletes.value_or(true);
        return touches && !(keeps_versions.value_or(false) && !destroys_versions.value_or(true));
    }
};

/// Denied if not even one object can be created.
Result<StoreCapabilities> probe_bucket(S3Bucket& bucket, Random& random, std::stop_token stop);

/// What dangerous_rules() says of the bucket's rules; nothing if they may not be read, or the
/// server has none.
Result<std::optional<std::vector<std::string>>> load_dangers(S3Bucket& bucket,
                                                             std::stop_token stop);

/// The rules among a lifecycle configuration's that would take objects below `prefix` away, move
/// them where they cannot be read at once, or let go of overwritten ones within days. One sentence
/// each.
std::vector<std::string> dangerous_rules(std::string_view lifecycle_xml, std::string_view prefix);

}  // namespace perdure
