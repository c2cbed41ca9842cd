// The source of CopyObject and UploadPartCopy.
#pragma once

#include "cloudsim/s3/s3.h"

namespace perdure::cloudsim {

struct CopySource {
    std::string bucket, key, version_id;
};
ApiResult<CopySource> parse_copy_source(const S3Call& call);

/// The source's version, if the caller may read it and its conditions hold. Its blobs stay readable
/// as long as the value lives.
ApiResult<ObjectVersion> find_copy_source(S3& s3, const S3Call& call, const CopySource& source);

}  // namespace perdure::cloudsim
