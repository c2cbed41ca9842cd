// A restore of files into a directory, never into anything outside it.
//
// Every path is resolved beneath the target with openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), so
// a symlink planted in the target, by the restored tree itself or by someone else, is never
// followed. Nothing that exists is ever written into: a file that is there is replaced by renaming
// a finished one over it. Metadata goes on in an order in which nothing undoes anything: content,
// owner, mode, xattrs with ACLs and capabilities, times, inode flags; directories last of all,
// deepest first. Times are set after content, so a half-written file never looks finished to a
// later IfChanged run: that is the resume.
//
// Owners are restored by number, as the names of users differ between hosts more often than their
// numbers on one. setuid and setgid bits are only given to what has its right owner.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "target/file_target.h"

namespace perdure {

struct DirectoryTargetOptions {
    Overwrite overwrite = Overwrite::Always;  // what to do with an entry that is already there
    bool restore_owner = true;                // off when not root: ids cannot be given away
    /// A directory with content may give way to an entry of another type (restic's --delete). Off:
    /// that is an error; an empty directory always gives way.
    bool replace_directories = false;
};

/// `path` must be a directory or not exist (it is made, parents too, open to its owner alone).
Result<std::unique_ptr<DirectoryTarget>> open_directory_target(
    const std::string& path, const DirectoryTargetOptions& options);

}  // namespace perdure
