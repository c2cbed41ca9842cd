// A header of an archive as an entry.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "source/issue.h"

struct archive_entry;

namespace perdure {

/// The path of an entry out of a name in an archive: without a leading "/", empty and "."
/// components. Nothing if it holds "..", a zero byte, or a component or path that is too long.
std::optional<std::string> clean_archive_path(std::string_view name);

struct TarEntry {
    Entry entry;
    std::string link_to;  // of a hard link: the clean path of its target; else ""
    std::vector<Issue> issues;
};

/// Nothing, and an issue in `refused`, if this cannot be stored. `entry` has everything but inode
/// and content; data_extents if it is sparse.
std::optional<TarEntry> tar_entry(archive_entry*, Issue& refused);

}  // namespace perdure
