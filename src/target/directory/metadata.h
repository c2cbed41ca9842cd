// Puts an entry's metadata on what was made for it.
//
// The order is owner, mode, extended attributes, times (reliability R20): changing the owner clears
// setuid bits and capabilities, changing the mode rewrites an ACL's mask. User attributes come
// before the mode, since who is not root may not write them to a read-only file. Inode flags are a
// step of their own, after renaming and linking, which an immutable file does not allow.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <string>

#include "base/entry.h"
#include "target/directory/issue_log.h"

namespace perdure {

/// An open descriptor of an entry. `path_only`: opened with O_PATH (links, special files); flags
/// cannot be reached through one.
struct Node {
    int fd = -1;
    bool path_only = false;
};

/// Constant while a restore runs, but for `inherits`.
struct MetadataRules {
    bool root = false;
    bool restore_owner = true;
    /// Some directory of the target hands an ACL or inode flags on to what is made in it, so what
    /// is new cannot be taken to be bare.
    std::atomic<bool> inherits = false;
};

/// All but inode flags and project id. `info`: what fstat says of the node now. `fresh`: made by
/// us, bare unless rules.inherits. What cannot be put on is an issue.
void apply_metadata(const Node& node, const Entry& entry, const struct stat& info, bool fresh,
                    const MetadataRules& rules, IssueLog& issues);

/// Inode flags and project id. `fd` must not be O_PATH.
void apply_flags(int fd, const Entry& entry, bool fresh, const MetadataRules& rules,
                 IssueLog& issues);

/// Flags that only an empty file or directory takes, or that decide how content is stored. Quiet:
/// apply_flags() reports what is still missing at the end.
void apply_creation_flags(int fd, const Entry& entry, const MetadataRules& rules);

/// Takes immutable and append-only off, which forbid changing, renaming and removing.
void unprotect(int fd);

/// True if a directory hands something on to what is made in it.
bool hands_on(int directory);

timespec timespec_of(std::int64_t nanoseconds);

}  // namespace perdure
