// Where a restore of files writes to. The interface; target/directory is the one that exists.
//
// Two kinds of trouble. An Error is about the entry that the call was for, which then is not there
// (or not changed); the run lists it and goes on with the next entry, except after NoSpace and Io,
// when going on is useless. A RestoreIssue is about an entry that was restored, less than fully.
// Both make the run PARTIAL.
//
// Thread rule: make(), begin_file(), take_issues() and different TargetFiles may be used from
// several threads at once; a directory must have been made before what lies in it is begun.
// remove_others() is called when nothing is being made in that directory, finish() once, by one
// thread, after everything else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/entry.h"
#include "base/result.h"

namespace perdure {

/// What to do with an entry that is already there.
enum class Overwrite { Always, IfChanged, Never };

std::string_view to_string(Overwrite overwrite);

/// From "always", "if-changed", "never"; nothing for other words.
std::optional<Overwrite> parse_overwrite(std::string_view word);

/// Something restored less than fully. The run goes on and ends PARTIAL.
struct RestoreIssue {
    std::string path;
    std::string text;  // "not restored without root: trusted.overlay.opaque"
};

class TargetFile {
public:
    virtual ~TargetFile() = default;  // without commit(): a new file is removed again
    /// Writes; what is never written and lies inside the size is a hole. In any order.
    virtual Result<void> write(std::uint64_t offset, ByteView bytes) = 0;
    /// Sets the size and all metadata but leaves fsync to finish(). At most once, last.
    virtual Result<void> commit() = 0;
};

/// What begin_file() found.
/// IfChanged: type, size and mtime are right, and it has no other names, which may lie outside the
/// target; metadata was still corrected.
struct Unchanged {};
/// Never: something is there and stays.
struct Kept {};
/// A hard link to an entry of this restore was made, or will be when that one is committed; nothing
/// to write.
struct Linked {};
using BeginFile = std::variant<std::unique_ptr<TargetFile>, Unchanged, Kept, Linked>;

class DirectoryTarget {
public:
    virtual ~DirectoryTarget() = default;
    /// Directories, symlinks, FIFOs, sockets, devices; and hard links to ones already made. A
    /// directory that is there is kept; its metadata follows in finish(), unless overwriting is
    /// off.
    virtual Result<void> make(const Entry& entry) = 0;
    /// Makes the directories above `path` that are not there, with mode 0755 and nothing else; what
    /// is there stays as it is, as it is not part of what is restored.
    virtual Result<void> make_way(const std::string& path) = 0;
    virtual Result<BeginFile> begin_file(const Entry& entry) = 0;
    /// Removes what is in the target beneath `directory` and is not in `names` (single components,
    /// ascending bytewise). For --delete. The paths that were removed, without what lay below them;
    /// what could not be removed is a RestoreIssue. Never enters another filesystem.
    virtual Result<std::vector<std::string>> remove_others(
        std::string_view directory, const std::vector<std::string>& names) = 0;
    /// Directory metadata deepest first, inode flags, then syncfs: on return everything is durable.
    virtual Result<void> finish() = 0;
    /// The issues since the last call; thread-safe.
    virtual std::vector<RestoreIssue> take_issues() = 0;
};

}  // namespace perdure
