// What headers say of an object that is made, and what is said of one that is there.
#pragma once

#include "cloudsim/s3/s3.h"

namespace perdure::cloudsim {

/// Class, metadata, tags, encryption, owner and time of a new version; not its bytes and lock.
ApiResult<ObjectVersion> draft_of(const S3Call& call);
/// The same on a bucket: default encryption.
void add_bucket_defaults(const Bucket& bucket, ObjectVersion& version);
ApiResult<TextMap> parse_tags(const std::string& text);
ApiResult<void> check_tags(const TextMap& tags);

/// Version id and encryption, on answers to writes.
void add_write_headers(const Bucket& bucket, const ObjectVersion& version, Answer& answer);
void add_checksum_header(const StoredChecksum& checksum, Answer& answer);
/// Everything that a read says of a version, but its length and range.
void add_object_headers(const S3Call& call, const Bucket& bucket, const ObjectVersion& version,
                        Answer& answer);

/// GLACIER and DEEP_ARCHIVE, not thawed.
bool is_frozen(const ObjectVersion& version, Time now);
ApiError invalid_object_state(const ObjectVersion& version);

}  // namespace perdure::cloudsim
