// From a location in S3 to the parts that reach it: credentials, connections, limits.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/store_options.h"
#include "base/result.h"
#include "store/retry_store.h"
#include "store/s3/s3_bucket.h"
#include "store/s3/s3_store.h"

namespace perdure {

struct S3Access {
    std::vector<std::shared_ptr<void>> parts;  // what the bucket refers to; outlives it
    std::unique_ptr<S3Bucket> bucket;
    S3Storage storage;
    RetryOptions retries;
    std::string region;  // as configured; "" if nothing says one
};

/// InvalidInput for a wrong location, setting or variable. Asks nobody: credentials are looked for
/// with the first request.
Result<S3Access> open_s3_access(const std::string& location, const StoreOptions& options);

/// The region that the settings, the environment or the profile name; "" if none does.
Result<std::string> configured_region(const StoreOptions& options);

/// With retries, and with the oldest version of names that decide.
Result<std::unique_ptr<Store>> open_s3_store(const std::string& location,
                                             const StoreOptions& options);

}  // namespace perdure
