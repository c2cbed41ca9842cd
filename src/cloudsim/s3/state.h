// What S3 holds: buckets, the versions of their objects, uploads in parts.
//
// Invariant: every record on disk names blobs that are whole; a version is never changed but for
// its lock, tags, class and thaw. The caller holds the lock of S3 for all of it.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cloudsim/blob_store.h"
#include "cloudsim/state_files.h"

namespace perdure::cloudsim {

using TextMap = std::map<std::string, std::string>;

struct StoredChecksum {
    std::string algorithm;  // "CRC32C"; "": none
    std::string value;      // Base64, with "-3" of a composite one
    std::string type;       // "FULL_OBJECT", "COMPOSITE"
};

struct ObjectPart {
    BlobPtr blob;
    unsigned number = 1;
    std::string etag;
    StoredChecksum checksum;
    Time modified;
};

struct ObjectVersion {
    std::string id;  // "null" where versions are not kept
    bool is_marker = false;
    Time modified;
    std::uint64_t size = 0;
    std::string etag;  // without quotes
    std::vector<ObjectPart> parts;
    std::string storage_class = "STANDARD";
    TextMap headers;  // Content-Type, Cache-Control …, x-amz-meta-*, lower case
    TextMap tags;
    StoredChecksum checksum;
    std::string lock_mode;  // "", "GOVERNANCE", "COMPLIANCE"
    Time lock_until;
    bool legal_hold = false;
    std::string encryption, kms_key;
    Time restore_ready, restore_until;  // zero: no restore was asked for
    std::string owner;
    std::string upload_id;  // of the upload that made it

    bool is_multipart() const { return etag.find('-') != std::string::npos; }
};

struct Upload {
    std::string id, key, initiator;
    Time initiated;
    ObjectVersion draft;
    std::map<unsigned, ObjectPart> parts;
    std::string checksum_algorithm, checksum_type;
};

struct Bucket {
    std::string name, account, region;
    Time created;
    std::string versioning;  // "", "Enabled", "Suspended"
    bool has_lock = false;
    TextMap documents;  // by subresource: "lifecycle", "encryption", "policy" …
    std::map<std::string, std::vector<ObjectVersion>> objects;  // oldest first
    std::map<std::string, Upload> uploads;
    std::map<std::string, std::uint64_t> deleted;  // by key: the event of its last deletion

    /// The newest version, if it is no delete marker.
    ObjectVersion* current(const std::string& key);
    ObjectVersion* version(const std::string& key, const std::string& id);
};

class S3State {
public:
    S3State(const StateFiles& files, BlobStore& blobs) : files_(files), blobs_(blobs) {}

    Result<void> load();
    std::map<std::string, Bucket>& buckets() { return buckets_; }
    Bucket* find(const std::string& name);

    /// Each writes one record; the error is the disk's.
    Result<void> save_bucket(const Bucket& bucket) const;
    Result<void> save_key(const Bucket& bucket, const std::string& key) const;
    Result<void> save_upload(const Bucket& bucket, const Upload& upload) const;
    void erase_bucket(const std::string& name);
    void erase_upload(Bucket& bucket, const std::string& id, bool keeps_blobs);

    /// Puts it where the bucket's versioning says, and gives it its id.
    Result<void> add(Bucket& bucket, const std::string& key, ObjectVersion& version) const;
    /// The version, and its bytes, are gone.
    Result<void> erase_version(Bucket& bucket, const std::string& key, const std::string& id) const;

private:
    Result<void> load_bucket(const std::string& name, std::set<std::string>& blobs);
    Result<ObjectVersion> version_from(const nlohmann::json& value, std::set<std::string>& blobs);
    Result<ObjectPart> part_from(const nlohmann::json& value, std::set<std::string>& blobs);

    const StateFiles& files_;
    BlobStore& blobs_;
    std::map<std::string, Bucket> buckets_;
};

}  // namespace perdure::cloudsim
