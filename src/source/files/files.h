// The file source of a Linux filesystem tree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "source/file_source.h"

namespace perdure {

struct FilesOptions {
    std::vector<std::string> exclude;  // gitignore-like patterns, see patterns.h
    /// A directory that holds an entry of one of these names is stored without content.
    std::vector<std::string> exclude_if_present;
    bool exclude_caches = false;   // likewise for CACHEDIR.TAG with its signature line
    bool one_file_system = false;  // other filesystems: the mount point is stored, nothing below
    /// Files and directories to leave out by identity (device, inode): the repository and cache
    /// being written, when they lie inside.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> exclude_identities;
    /// If not empty: only these paths (within the root), each with all below it, and the
    /// directories that lead to them. One that is not there is an Unreadable issue.
    std::vector<std::string> only;
};

/// `root`: a directory (entries are named relative to it; the root itself is entry "") or any other
/// entry (the tree then is that one entry, path ""; a symlink is itself, unless `root` ends in
/// '/'). NotFound or Denied if it cannot be opened; InvalidInput for a malformed pattern or `only`
/// path.
Result<std::unique_ptr<FileSource>> open_files(const std::string& root,
                                               const FilesOptions& options);

/// The regular file at an absolute path, if size, times and inode are those of `was`; else null. No
/// link is followed in its last component.
std::unique_ptr<OpenFile> open_if_unchanged(const std::string& path, const Entry& was);

}  // namespace perdure
