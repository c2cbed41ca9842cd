// A file system in memory that remembers every change in order, so that a test can see what would
// be on disk had the power failed at any point. To run something on it, give it to a LocalStore:
//
//   auto disk = std::make_shared<MemoryDisk>();
//   auto store = LocalStore::initialize_on(disk, "memory disk").value();
//   ... create objects; after each acknowledged one: disk->mark(n) ...
//   for_each_crash_state(disk->history(), {}, [&](const CrashState& state) {   // crash_states.h
//       auto survivor = std::make_shared<MemoryDisk>(state.image);             // a disk of its own
//       auto again = LocalStore::open_on(survivor, "after the crash").value();
//       ... everything up to state.marks must be there; nothing may be half there ...
//       // a second crash, inside recovery: for_each_crash_state(survivor->history(), …)
//       return true;
//   });
//
// The model is what POSIX promises and nothing more: content is durable once its file was synced,
// an entry once its directory was; until then each change may be on disk or not, whatever came
// after it. (Syncing a new file does not sync its name, as it happens to on ext4.)
//
// Thread-safe. DiskFiles of it must not outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "store/local/disk.h"

namespace perdure {

using Inode = std::uint64_t;
using SharedBytes = std::shared_ptr<const Buffer>;

/// A file system at rest. Copying one is cheap: content is shared and never changed in place.
struct DiskImage {
    struct Node {
        bool is_directory = false;
        SharedBytes content = nullptr;  // null: empty
        std::int64_t modified_ns = 0;
        std::map<std::string, Inode, std::less<>> entries = {};
    };
    static constexpr Inode kRoot = 1;

    DiskImage() { nodes[kRoot].is_directory = true; }
    std::map<Inode, Node> nodes;
};

/// One change, or one promise about earlier changes.
struct DiskChange {
    enum class Kind { Write, SyncFile, AddEntry, RemoveEntry, SyncDirectory, Mark };
    Kind kind = Kind::Mark;
    Inode inode = 0;           // the file or directory that is changed or synced
    SharedBytes content = {};  // Write: the whole content
    std::string name = {};     // AddEntry, RemoveEntry
    Inode child = 0;           // AddEntry
    bool child_is_directory = false;
    std::int64_t modified_ns = 0;
    std::uint64_t mark = 0;  // Mark

    /// "add packs to inode 1": for the message of a test that failed.
    std::string describe() const;
};

struct DiskHistory {
    DiskImage start;  // durable in full
    std::vector<DiskChange> changes;
};

struct MemoryDiskOptions {
    bool unnamed_files = true;                   // O_TMPFILE
    bool links = true;                           // link(2)
    bool rename_new = true;                      // renameat2(RENAME_NOREPLACE)
    std::uint64_t capacity = ~std::uint64_t{0};  // bytes of content, of named and of open files
};

class MemoryDisk final : public Disk {
public:
    explicit MemoryDisk(MemoryDiskOptions options = {}) : MemoryDisk(DiskImage(), options) {}
    explicit MemoryDisk(DiskImage image, MemoryDiskOptions options = {});

    /// Notes in the history that everything before this was promised to somebody.
    void mark(std::uint64_t value);
    /// What happened since the disk was made.
    DiskHistory history() const;
    /// What readers see now.
    DiskImage image() const;
    void advance_clock(std::int64_t nanoseconds);
    void set_capacity(std::uint64_t bytes);

    Result<std::unique_ptr<DiskFile>> create_unnamed(const std::string& directory) override;
    Result<std::unique_ptr<DiskFile>> create_named(const std::string& path) override;
    Result<void> write(DiskFile& file, ByteView bytes) override;
    Result<void> sync(DiskFile& file) override;
    Result<FileStatus> status(const DiskFile& file) override;
    Result<void> link_unnamed(DiskFile& file, const std::string& path) override;
    Result<void> link(const std::string& from, const std::string& to) override;
    Result<void> rename_new(const std::string& from, const std::string& to) override;
    Result<void> unlink(const std::string& path) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    Result<Buffer> read(const std::string& path, std::uint64_t offset,
                        std::uint64_t length) override;
    Result<FileStatus> stat(const std::string& path) override;
    Result<std::vector<DirectoryEntry>> list(const std::string& path) override;

private:
    class File;
    struct State {
        DiskImage start;
        DiskImage live;
        std::vector<DiskChange> changes;
        std::map<Inode, std::uint64_t> links;
        std::map<Inode, std::uint64_t> open;  // handles; such a file exists without any name
        Inode next_inode = DiskImage::kRoot + 1;
        std::uint64_t used = 0;
        std::uint64_t capacity = 0;
        std::int64_t now_ns = 0;
    };
    struct Place {  // an entry, there or not
        Inode directory = 0;
        std::string name;
    };

    static Result<Inode> find(const State& state, std::string_view path);
    static Result<Place> place_of(const State& state, const std::string& path);
    static Result<Inode> find_file(const State& state, const std::string& path);
    static FileStatus status_of(const State& state, Inode inode);
    static Result<void> add_entry(State& state, const std::string& path, Inode child);
    static void remove_entry(State& state, const Place& place);
    static void change(State& state, DiskChange change);
    static void forget_if_unused(State& state, Inode inode);
    std::unique_ptr<DiskFile> open_new(State& state);
    void close(Inode inode);

    const MemoryDiskOptions options_;
    Guarded<State> state_;
};

/// Carries out one change on `image`. Entries may name inodes that hold nothing yet.
void apply(DiskImage& image, const DiskChange& change);

}  // namespace perdure
