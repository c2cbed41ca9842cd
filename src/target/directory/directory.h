// Where a restore of files writes to: a directory, never anything outside it.
//
// Every path is resolved beneath the target with openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), so a symlink planted in the target, by the
// restored tree itself or by someone else, is never followed. Metadata goes on in an order in which nothing undoes anything: content, owner, mode,
// xattrs with ACLs and capabilities, times, inode flags; directories last of all, deepest first. Times are set after content, so a half-written file never looks
// finished to a later `IfChanged` run: that is the resume.
//
// Thread rule: make(), begin_file() and TargetFile may be used from several threads at once; a parent must have been made before its children are.
// finish() is called once, by one thread, after everything else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/entry.h"
#include "base/result.h"

namespace perdure {

enum class Overwrite { Always, IfChanged, Never };

struct DirectoryTargetOptions {
    Overwrite overwrite = Overwrite::Always;  // what to do with an entry that is already there
    bool restore_owner = true;   // off when not root: ids cannot be given away
};

/// Something restored less than fully, or not at all. The run goes on and ends PARTIAL.
struct RestoreIssue {
    std::string path;
    std::string text;  // "not restored without root: trusted.overlay.opaque"
};

class TargetFile {
public:
    virtual ~TargetFile() = default;  // without commit(): a new file is removed again
    /// Writes; what is never written and lies inside the size is a hole.
    virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
    /// Sets the size and all metadata but leaves fsync to finish().
    virtual Result<void> commit() = 0;
};

/// What begin_file() found.
struct Unchanged {};  // IfChanged: type, size and mtime are already right; metadata was still corrected
struct Kept {};       // Never: something is there and stays
struct Linked {};     // a hard link to an entry of this restore was made; nothing to write
using BeginFile = std::variant<std::unique_ptr<TargetFile>, Unchanged, Kept, Linked>;

class DirectoryTarget {
public:
    virtual ~DirectoryTarget() = default;
    /// Directories, symlinks, FIFOs, sockets, devices; and hard links to ones already made.
    virtual Result<void> make(const Entry& entry) = 0;
    virtual Result<BeginFile> begin_file(const Entry& entry) = 0;
    /// Removes what is in the target beneath `directory` and is not in `names` (ascending). For --delete.
    virtual Result<std::vector<std::string>> remove_others(std::string_view directory, const std::vector<std::string>& names) = 0;
    /// Directory metadata deepest first, inode flags, then syncfs: on return everything is durable.
    virtual Result<void> finish() = 0;
    /// All issues so far; thread-safe.
    virtual std::vector<RestoreIssue> take_issues() = 0;
};

/// `path` must be a directory or not exist (it is made, parents too).
Result<std::unique_ptr<DirectoryTarget>> open_directory_target(const std::string& path, const DirectoryTargetOptions& options);

}  // namespace perdure
