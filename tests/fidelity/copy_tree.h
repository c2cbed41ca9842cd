// Copies a tree the way a backup and its restore together would, without a repository between them:
// walked and read by the file source, made again by the directory target. It shows what source and
// target are worth by themselves.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "target/directory/directory.h"

namespace perdure {

struct CopyReport {
    std::size_t entries = 0;
    std::vector<std::string> issues;  // of source and target
};

/// An Error is the first that a target gives for an entry.
Result<CopyReport> copy_tree(const std::string& from, const std::string& to,
                             const DirectoryTargetOptions& options);

}  // namespace perdure
