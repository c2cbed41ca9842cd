// What a store does for who asks, of any kind of store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/store_options.h"
#include "base/result.h"
#include "store/s3/s3_probe.h"
#include "store/s3/s3_setup.h"

namespace perdure {

/// On a file system whoever writes can destroy; a bucket is asked by trying.
Result<StoreCapabilities> probe_store(const std::string& location, const StoreOptions&,
                                      std::stop_token);

/// Lifecycle rules that would delete what is stored, one sentence each; nothing if that cannot be
/// told, and for stores that have no such rules.
std::optional<std::vector<std::string>> look_for_dangers(const std::string& location,
                                                         const StoreOptions&, std::stop_token);

/// The bucket of a location in S3. InvalidInput for other locations.
Result<std::vector<SetupStep>> create_bucket(const std::string& location, const StoreOptions&,
                                             const BucketWishes&, std::stop_token);

}  // namespace perdure
