// Makes single entries in the target: what a new file, a link and a special file have in common.
//
// Something that is in the way gives way in one step (a finished entry is renamed over it), and
// only as the rules for overwriting say. Nothing is opened through a link.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/entry.h"
#include "base/guarded.h"
#include "base/result.h"
#include "target/directory/directory.h"
#include "target/directory/hard_links.h"
#include "target/directory/issue_log.h"
#include "target/directory/metadata.h"
#include "target/directory/parents.h"

namespace perdure {

/// Where an entry is or is to be: a name in an open directory.
struct Place {
    std::shared_ptr<const Parent> parent;
    std::string name;

    int directory() const { return parent->fd.get(); }
    /// What stands there, links not followed; nothing if nothing does (or it cannot be told).
    std::optional<struct stat> look() const;
};

/// State of a whole restore; everything in it is thread-safe or constant.
struct DirectoryState {
    DirectoryState(Resolver resolver, const DirectoryTargetOptions& chosen);

    const DirectoryTargetOptions options;
    Parents parents;
    IssueLog issues;
    HardLinks links;
    MetadataRules rules;
    /// Directories of this restore, whose metadata comes last; true if new.
    Guarded<std::vector<std::pair<Entry, bool>>> directories;
    /// Hard-linked files with inode flags: an immutable file takes no further link.
    Guarded<std::vector<Entry>> late_flags;
};

/// InvalidInput for a path that is not clean, or "" (only a directory may be the root).
Result<Place> find_place(DirectoryState& state, const std::string& path);

/// A name that nothing has in any directory.
std::string temporary_name();

/// "making \"a/b\"", for errors.
std::string doing(const char* verb, const std::string& path);

/// From an errno. What this filesystem cannot hold (a name, a size, a device number) is
/// Unsupported, not Io: it says nothing about the next entry.
Error entry_error(int code, std::string what);

/// Takes away what stands at `place` and cannot be renamed over by a non-directory, that is a
/// directory: an empty one always, one with content only if the options say so. AlreadyExists if it
/// must stay.
Result<void> clear_directory(DirectoryState& state, const Place& place, const std::string& path);

/// Removes the non-directory at `place`, also one that an earlier restore made immutable.
Result<void> remove_file(DirectoryState& state, const Place& place, const std::string& path);

/// Puts `temporary`, in the same directory, at `place`, over what stands there.
Result<void> rename_over(DirectoryState& state, const Place& place, const std::string& temporary,
                         const std::string& path);

/// Links `path` to what was made of the same inode. False if the filesystem makes no such link,
/// with an issue: then the entry has to be made by itself. Kept under Overwrite::Never counts as
/// done.
Result<bool> make_link(DirectoryState& state, const HardLinks::Made& made, const std::string& path);

/// Links the names that waited for `entry`; what fails is an issue.
void link_waiting(DirectoryState& state, const Entry& entry, std::uint64_t device,
                  std::uint64_t inode);

/// `entry` could not be made: an issue for every name that waited for it.
void give_up_waiting(DirectoryState& state, const Entry& entry);

}  // namespace perdure
