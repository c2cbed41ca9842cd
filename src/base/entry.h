// One entry of a file tree, as a source saw it and a target makes it again.
//
// Paths are bytes, not text: components joined by '/', no leading or trailing '/', no empty, "." or
// ".." component; the root of a tree is "". Entries are ordered by path_less(): component by
// component, bytes unsigned, so a directory comes right before all that lies below it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace perdure {

enum class EntryType : std::uint8_t {  // on disk: FORMAT.md, tree pages
    File = 1,
    Directory = 2,
    Symlink = 3,
    Fifo = 4,
    Socket = 5,
    CharDevice = 6,
    BlockDevice = 7,
};

struct ExtendedAttribute {
    std::string name;   // full name: "user.x", "system.posix_acl_access", "security.capability"
    std::string value;  // raw bytes as listxattr/getxattr give them; ACLs in the kernel's form
    friend bool operator==(const ExtendedAttribute&, const ExtendedAttribute&) = default;
};

/// A stretch of a sparse file that holds data; everything between extents reads as zero and is a
/// hole.
struct DataExtent {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    friend bool operator==(const DataExtent&, const DataExtent&) = default;
};

/// The inode flags (FS_*_FL of linux/fs.h, which are on disk as they are) that a program can set
/// again: secure deletion, undelete, compress, sync, immutable, append only, no dump, no atime, no
/// compression, data journalling, no tail merging, directory sync, top directory, no copy-on-write,
/// DAX, project inheritance, case folding. The others tell how the filesystem keeps the file.
constexpr std::uint32_t kSettableInodeFlags = 0x6283c4ff;

struct Entry {
    std::string path;
    EntryType type = EntryType::File;
    std::uint32_t mode = 0;  // permission bits, setuid, setgid, sticky: 07777
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string user;  // name of uid when captured, "" if it had none
    std::string group;
    std::int64_t mtime_ns = 0;  // since 1970, negative before
    std::int64_t ctime_ns = 0;
    std::uint64_t size = 0;  // files: bytes; symlinks: length of the target; else 0
    std::uint64_t inode = 0;
    std::uint64_t device = 0;        // of the filesystem: hard links have equal (device, inode)
    std::uint64_t links = 1;         // link count
    std::uint32_t device_major = 0;  // CharDevice, BlockDevice
    std::uint32_t device_minor = 0;
    std::uint32_t inode_flags = 0;  // of kSettableInodeFlags; 0 where the filesystem has none
    std::uint32_t project_id = 0;
    std::string link_target;                // symlinks: bytes, verbatim
    std::vector<ExtendedAttribute> xattrs;  // ascending by name
    bool sparse = false;                    // files: true if data_extents is a map with holes
    std::vector<DataExtent> data_extents;   // ascending, not touching; only if sparse
    friend bool operator==(const Entry&, const Entry&) = default;
};

/// The order of entries: like comparing bytes with '/' below every other byte.
bool path_less(std::string_view a, std::string_view b);

/// True for "a/b" beneath "a" and for anything beneath ""; false for "ab" beneath "a" and for "a"
/// itself.
bool is_beneath(std::string_view path, std::string_view directory);

/// A path that obeys the rules above: what a restore may be asked to create. The longest component
/// is 255.
bool is_clean_path(std::string_view path);

}  // namespace perdure
