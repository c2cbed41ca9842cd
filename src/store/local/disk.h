// The file-system calls a LocalStore needs and no others, so that it runs on a real file system
// (posix_disk.h) and on one in memory that can lose power at any point
// (tests/support/memory_disk.h).
//
// Paths are relative to the disk's root: names joined by '/', "" is the root itself. No symbolic
// link is followed anywhere below the root. Every method may be called from any thread at once; one
// DiskFile is used by one thread.
//
// Error kinds are those of system_error(), and: Unsupported where this file system, or this process
// on it, has no such call. A method that failed may have been carried out all the same where the
// file system is a remote one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace perdure {

enum class FileType { File, Directory, Other };

/// Identity of an inode for as long as it exists; a number may serve again after that.
struct FileId {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
};

struct FileStatus {
    FileType type = FileType::Other;
    FileId id;
    std::uint64_t links = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;  // the file system's clock
};

struct DirectoryEntry {
    std::string name;
    FileStatus status;
};

/// An open file being made. Closing one that has no name gives its space back.
class DiskFile {
public:
    virtual ~DiskFile() = default;
};

class Disk {
public:
    static constexpr std::uint64_t kToEnd = ~std::uint64_t{0};

    virtual ~Disk() = default;

    /// A file without a name, on the file system of `directory`. Unsupported also where sync()
    /// would not keep the content of such a file.
    virtual Result<std::unique_ptr<DiskFile>> create_unnamed(const std::string& directory) = 0;
    /// AlreadyExists if there is anything at `path`.
    virtual Result<std::unique_ptr<DiskFile>> create_named(const std::string& path) = 0;
    /// The whole content. Called once per file.
    virtual Result<void> write(DiskFile& file, ByteView bytes) = 0;
    /// On return content and size are durable; a name is not. After an error what is durable is
    /// unknown for good, and asking again may answer success wrongly (reliability.md R1).
    virtual Result<void> sync(DiskFile& file) = 0;
    virtual Result<FileStatus> status(const DiskFile& file) = 0;

    /// Gives a file of create_unnamed() its name. AlreadyExists if there is anything at `path`.
    virtual Result<void> link_unnamed(DiskFile& file, const std::string& path) = 0;
    /// A second name for a file. AlreadyExists if there is anything at `to`.
    virtual Result<void> link(const std::string& from, const std::string& to) = 0;
    /// AlreadyExists if there is anything at `to`; replaces nothing.
    virtual Result<void> rename_new(const std::string& from, const std::string& to) = 0;
    /// In one step, over whatever is there. Unsupported where a disk has no such call.
    virtual Result<void> rename_over(const std::string& from, const std::string& to) {
        return Error(ErrorKind::Unsupported, "renaming " + from + " over " + to);
    }
    /// NotFound; Io for a directory.
    virtual Result<void> unlink(const std::string& path) = 0;
    virtual Result<void> make_directory(const std::string& path) = 0;
    /// On return every entry made or removed in this directory before the call is durable.
    virtual Result<void> sync_directory(const std::string& path) = 0;

    /// Exactly `length` bytes, or to the end. NotFound unless a regular file is there; Corrupt if
    /// the file ends before the range does.
    virtual Result<Buffer> read(const std::string& path, std::uint64_t offset,
                                std::uint64_t length) = 0;
    virtual Result<FileStatus> stat(const std::string& path) = 0;
    /// In no order, without "." and "..". An entry that vanishes meanwhile is left out.
    virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
};

}  // namespace perdure
