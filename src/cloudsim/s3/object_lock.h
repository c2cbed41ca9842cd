// Object Lock: what may not be deleted, and how a retention may change.
#pragma once

#include "cloudsim/s3/s3.h"

namespace pugi {
class xml_node;
}

namespace perdure::cloudsim {

constexpr std::string_view kLockEnabledOnly =
    "<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    "<ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";

/// Of PutObjectLockConfiguration, on a bucket that has versions.
ApiResult<void> check_lock_configuration(const pugi::xml_node& root, const Bucket& bucket);

/// What x-amz-object-lock-* say, or else the bucket's default. InvalidRequest where the bucket has
/// no lock.
ApiResult<void> set_lock(const S3& s3, const S3Call& call, const Bucket& bucket,
                         ObjectVersion& version);
bool has_lock_headers(const S3Call& call);

bool is_locked(const ObjectVersion& version, Time now, bool bypasses_governance);

/// Whether the caller asked to bypass governance, and may.
ApiResult<bool> bypasses_governance(const S3& s3, const S3Call& call, const Bucket& bucket,
                                    const std::string& key);

/// COMPLIANCE is neither shortened nor lowered; GOVERNANCE only with the bypass.
ApiResult<void> check_retention_change(const ObjectVersion& version, const std::string& mode,
                                       Time until, Time now, bool bypasses);

}  // namespace perdure::cloudsim
