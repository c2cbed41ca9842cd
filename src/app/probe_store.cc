#include "app/probe_store.h"

#include "app/open_s3.h"
#include "app/open_store.h"
#include "base/random.h"
#include "base/try.h"

namespace perdure {

Result<StoreCapabilities> probe_store(const std::string& location, const StoreOptions& options,
                                      std::stop_token stop) {
    if (is_s3_location(location)) {
        const S3Access access = PERDURE_TRY(open_s3_access(location, options));
        return probe_bucket(*access.bucket, system_random(), std::move(stop));
    }
    const auto store = PERDURE_TRY(open_store(location, options));
    StoreCapabilities found;
    found.conditional_create = store->properties().conditional_create;
    found.overwrites = found.deletes = true;
    found.checks_sums = found.keeps_versions = found.object_lock = false;
    return found;
}

std::optional<std::vector<std::string>> look_for_dangers(const std::string& location,
                                                         const StoreOptions& options,
                                                         std::stop_token stop) {
    if (!is_s3_location(location)) return std::nullopt;
    const auto access = open_s3_access(location, options);
    if (!access) return std::nullopt;
    return load_dangers(*access->bucket, std::move(stop)).value_or(std::nullopt);
}

Result<std::vector<SetupStep>> create_bucket(const std::string& location,
                                             const StoreOptions& options,
                                             const BucketWishes& wishes, std::stop_token stop) {
    if (!is_s3_location(location))
        return Error(ErrorKind::InvalidInput, location + ": --create-bucket is for buckets in S3");
    const S3Access access = PERDURE_TRY(open_s3_access(location, options));
    return make_bucket(*access.bucket, wishes, std::move(stop));
}

}  // namespace perdure
