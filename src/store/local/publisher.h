// Makes a whole file appear at a path, once, durably: the commit point of a local store.
//
// The order is the promise (reliability.md R1): write a file nobody can see, sync it, give it its
// name by a call that never replaces, sync every directory that leads to it, and only then answer.
// A file that failed to sync is thrown away, never synced again and never linked.
//
// Ways to do it, best first; one that the file system does not know is not tried again:
//   1. an unnamed file (O_TMPFILE) and linkat, where fsync keeps a file that has no name (not on
//      Btrfs): a crash leaves nothing behind;
//   2. a file under tmp/ and link;
//   3. a file under tmp/ and renameat2(RENAME_NOREPLACE).
// With none of them there is no create-if-absent, and publish() refuses. (Opening the final name
// with O_EXCL would show half an object, and a lock file outlives the process that made it.)
//
// Network file systems repeat a call whose answer was lost, so link() may answer EEXIST for its own
// success. Who owns the name is then settled by identity, not by content: the file we hold open, or
// its name in tmp/ that only we know, is the inode at the path, or has one link more than we gave
// it. The bytes are compared as well, should the file system invent inode numbers. If it is not
// ours, the answer is AlreadyExists even if the bytes are equal: somebody else's equal bytes are no
// proof that *this* call created them (DESIGN §7; the repository makes its records unique and reads
// them back).
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/random.h"
#include "store/local/disk.h"

namespace perdure {

class Publisher {
public:
    /// Directory of the named temporary files, made when first needed.
    static constexpr const char* kTempDirectory = "tmp";

    /// Both must outlive this; `random` is called from one thread at a time.
    Publisher(Disk& disk, Random& random) : disk_(disk), random_(&random) {}

    /// Thread-safe. Directories above `path` are made as needed. Before any error but Io, Timeout
    /// and Unavailable nothing has appeared at `path`; after those it may have, durably or not.
    ///  AlreadyExists: something is there, and its name is now durable.
    ///  InvalidInput: `path` is a directory or leads through an object.
    ///  Unsupported: this file system has no call that creates without replacing.
    Result<void> publish(const std::string& path, ByteView bytes);

    /// The same over what lies there, in one step: for repair alone. Unsupported where the disk has
    /// no such call.
    Result<void> replace(const std::string& path, ByteView bytes);

    /// False once publish() answered Unsupported.
    bool possible() const { return possible_; }

    /// Bytes from the injected source, under its lock.
    void fill_random(MutableByteView out);

private:
    struct Draft;

    Result<std::vector<std::string>> make_directories(const std::string& directory);
    Result<Draft> write_draft(const std::string& directory, ByteView bytes);
    Result<Draft> write_named_draft(ByteView bytes);
    Result<void> give_name(Draft& draft, const std::string& path);
    Result<void> give_name_to_named(Draft& draft, const std::string& path);
    bool is_ours(const Draft& draft, const std::string& path, ByteView bytes);
    Result<void> sync_directories(const std::vector<std::string>& directories);
    void remove_stale_drafts(const DiskFile& fresh);

    Disk& disk_;
    Guarded<Random*> random_;
    // Directories whose entry in their parent is known to be durable.
    Guarded<std::set<std::string>> durable_directories_;
    std::atomic<bool> unnamed_works_ = true;
    std::atomic<bool> link_works_ = true;
    std::atomic<bool> possible_ = true;
    std::atomic<bool> swept_ = false;
};

}  // namespace perdure
