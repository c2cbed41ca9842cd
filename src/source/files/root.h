// What a file source was opened on: the root, held open, and what of it is to be walked.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "source/files/directory_handle.h"
#include "source/files/patterns.h"

namespace perdure {

/// Constant after construction.
struct FilesRoot {
    /// The root itself if it is a directory, else the directory that holds it.
    std::shared_ptr<const DirectoryHandle> directory;
    std::string name;           // of the root in `directory`; "." if it is the directory
    std::string absolute_path;  // clean, links not resolved; "" for "/"
    Patterns exclude;
    std::vector<std::string> exclude_if_present;
    bool exclude_caches = false;
    bool one_file_system = false;
    std::set<std::pair<std::uint64_t, std::uint64_t>> exclude_identities;
    std::vector<std::string> only;  // in path order, none beneath another
};

}  // namespace perdure
