// Where a backup of files reads from: a walk in path order, and the content of what it found.
//
// The walk is one thread's; opening and reading what it found may happen on any thread at the same
// time. Entries keep their parent directory open (a shared handle), so paths longer than PATH_MAX
// work, and a renamed parent or a planted symlink cannot lead elsewhere: every open is relative to
// a directory handle and follows no link. Whoever keeps walked entries keeps their directories
// open: a queue of them must be bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/entry.h"
#include "base/result.h"
#include "source/issue.h"

namespace perdure {

/// An open directory; closes with its last holder.
class DirectoryHandle;

struct WalkedEntry {
    /// From lstat: path, type, mode, ids, times, size, inode, device, links, device numbers; names
    /// of user and group too. Not yet: xattrs, link_target, inode_flags, project_id, extents.
    Entry entry;
    std::shared_ptr<const DirectoryHandle> parent;
    std::string name;  // last component, relative to parent
    /// Of an unordered source: a hard link, to what is at this path. It has nothing but its path.
    std::string hard_link_to = "";
};

/// Excluded entries are reported (not what lies below them) so that counts add up.
struct Excluded {
    std::string path;
};

/// What the walk met next.
using WalkEvent = std::variant<WalkedEntry, Excluded, Issue>;

class FileWalk {
public:
    virtual ~FileWalk() = default;
    /// The next event, in path order of entries; nothing at the end. An Issue stands for an entry
    /// that was seen and could not be captured (or a directory whose listing failed after the
    /// directory itself was delivered; what the listing gave before it failed still follows).
    virtual std::optional<WalkEvent> next() = 0;
    /// Do not descend into the directory that next() just returned.
    virtual void skip_subtree() = 0;
};

/// An open regular file. One thread at a time.
class OpenFile {
public:
    virtual ~OpenFile() = default;
    /// Asks the kernel to start reading the first `bytes` (no effect if cached).
    virtual void read_ahead(std::uint64_t bytes) = 0;
    /// Up to out.size() bytes at `offset`; fewer only at the end of the file.
    virtual Result<std::size_t> read(std::uint64_t offset, MutableByteView out) = 0;
    /// The stretches that hold data, found with SEEK_DATA/SEEK_HOLE; one extent for a file without
    /// holes. Asked only for files whose allocated blocks are fewer than their size. Places in the
    /// holes are read; if one holds data, the filesystem's answer is wrong and all counts as data.
    virtual Result<std::vector<DataExtent>> data_extents() = 0;
    virtual bool may_be_sparse() const = 0;
    /// Size when it was opened.
    virtual std::uint64_t size() const = 0;
    /// True if size, mtime or ctime differ from when it was opened. Call after reading.
    virtual Result<bool> changed_since_open() = 0;
};

/// Of a source that is not ordered: files from this size on are not held in memory.
constexpr std::uint64_t kStreamedFrom = 1U << 20;

class FileSource {
public:
    virtual ~FileSource() = default;
    /// Whether entries come in path order, each path once, links as the files they are, and may be
    /// opened as often as one likes. Else they come in any order, can be opened once, and the
    /// content of a file from kStreamedFrom on must be read before the walk goes on.
    virtual bool is_ordered() const { return true; }
    /// Asked after the walk's end: an error if it ended because the source cannot be believed.
    virtual Result<void> ended() { return {}; }
    virtual std::unique_ptr<FileWalk> walk() = 0;
    /// Opens without following links and without blocking on FIFOs or devices; checks that it is
    /// the file the walk saw (device and inode), and refreshes everything in `entry` that comes
    /// from fstat. The issue says why not.
    virtual std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) = 0;
    /// Completes `walked.entry` with xattrs, ACLs, capabilities, link target, inode flags and
    /// project id. Issues (MetadataLost) do not stop it; an entry that is gone or replaced gives
    /// Vanished, after which the entry is not to be stored. `file` may be null.
    virtual std::vector<Issue> read_details(WalkedEntry& walked, const OpenFile* file) = 0;
};

}  // namespace perdure
