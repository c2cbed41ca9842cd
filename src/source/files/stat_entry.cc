#include "source/files/stat_entry.h"

#include <sys/sysmacros.h>

#include <limits>

namespace perdure {

std::optional<EntryType> type_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG: return EntryType::File;
        case S_IFDIR: return EntryType::Directory;
        case S_IFLNK: return EntryType::Symlink;
        case S_IFIFO: return EntryType::Fifo;
        case S_IFSOCK: return EntryType::Socket;
        case S_IFCHR: return EntryType::CharDevice;
        case S_IFBLK: return EntryType::BlockDevice;
        default: return std::nullopt;
    }
}

std::int64_t nanoseconds_of(const timespec& time) {
    std::int64_t result = 0;
    if (__builtin_mul_overflow(std::int64_t{time.tv_sec}, std::int64_t{1'000'000'000}, &result) ||
        __builtin_add_overflow(result, std::int64_t{time.tv_nsec}, &result))
        return time.tv_sec < 0 ? std::numeric_limits<std::int64_t>::min()
                               : std::numeric_limits<std::int64_t>::max();
    return result;
}

bool fill_from_stat(Entry& entry, const struct stat& info) {
    const auto type = type_of(info.st_mode);
    if (!type) return false;
    entry.type = *type;
    entry.mode = info.st_mode & 07777;
    entry.uid = info.st_uid;
    entry.gid = info.st_gid;
    entry.mtime_ns = nanoseconds_of(info.st_mtim);
    entry.ctime_ns = nanoseconds_of(info.st_ctim);
    const bool has_size = *type == EntryType::File || *type == EntryType::Symlink;
    entry.size = has_size ? static_cast<std::uint64_t>(info.st_size) : 0;
    entry.inode = info.st_ino;
    entry.device = info.st_dev;
    entry.links = info.st_nlink;
    const bool is_device = *type == EntryType::CharDevice || *type == EntryType::BlockDevice;
    entry.device_major = is_device ? major(info.st_rdev) : 0;
    entry.device_minor = is_device ? minor(info.st_rdev) : 0;
    return true;
}

bool is_same_inode(const Entry& entry, const struct stat& info) {
    return info.st_ino == entry.inode && info.st_dev == entry.device &&
           type_of(info.st_mode) == entry.type;
}

}  // namespace perdure
