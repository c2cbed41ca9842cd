// Makes a bucket for a repository: private, encrypted, with versions, and a lifecycle rule of our
// own that lets go of what was deleted.
#pragma once

#include <string>
#include <vector>

#include "store/s3/s3_bucket.h"

namespace perdure {

struct BucketWishes {
    std::string kms_key;            // "": encrypted with the service's own keys
    bool object_lock = false;       // can be asked for at creation only
    unsigned noncurrent_days = 30;  // until what was deleted or overwritten really goes
};

/// The id of our lifecycle rule for a prefix: how it is told from others.
std::string own_rule_id(std::string_view prefix);

struct SetupStep {
    std::string name;
    bool done = false;  // else the server does not know it
};

/// AlreadyExists if there is such a bucket. Steps that the server does not know (Unsupported) are
/// told; any other refusal ends it, and the bucket that was made stays.
Result<std::vector<SetupStep>> make_bucket(S3Bucket& bucket, const BucketWishes& wishes,
                                           std::stop_token stop);

}  // namespace perdure
