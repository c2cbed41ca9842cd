// The version that a request names, or the current one.
#pragma once

#include "cloudsim/s3/s3.h"

namespace perdure::cloudsim {

/// NoSuchKey, NoSuchVersion, MethodNotAllowed of a delete marker; AccessDenied to who may not list.
ApiResult<ObjectVersion*> find_version(S3& s3, const S3Call& call, Bucket& bucket);

}  // namespace perdure::cloudsim
