// From a repository's location to its store: the only place that names concrete stores.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace perdure {

/// `location`: a directory (or "file:" and a directory). Unsupported for locations this version has
/// no store for.
Result<std::unique_ptr<Store>> open_store(const std::string& location);
/// Also makes the directory. InvalidInput if something else than a repository lies there.
Result<std::unique_ptr<Store>> make_store(const std::string& location);
/// The directory of a local repository, "" for any other kind.
std::string local_directory(const std::string& location);

}  // namespace perdure
