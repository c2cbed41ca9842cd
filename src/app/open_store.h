// From a repository's location to its store: the only place that names concrete stores.
#pragma once

#include <memory>
#include <string>

#include "app/store_options.h"
#include "base/result.h"
#include "store/store.h"

namespace perdure {

/// `location`: a directory (or "file:" and a directory), s3://BUCKET/PREFIX, or
/// s3:https://HOST/BUCKET/PREFIX. Unsupported for locations this version has no store for.
Result<std::unique_ptr<Store>> open_store(const std::string& location, const StoreOptions&);
/// Also makes the directory; a bucket has to be there. InvalidInput if something else than a
/// repository lies in that directory.
Result<std::unique_ptr<Store>> make_store(const std::string& location, const StoreOptions&);
/// The directory of a local repository, "" for any other kind.
std::string local_directory(const std::string& location);

}  // namespace perdure
