#include "source/files/details.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "base/fd.h"
#include "source/files/directory_handle.h"
#include "source/files/stat_entry.h"

namespace perdure {

namespace {

bool vanished(int code) {
    return code == ENOENT || code == ENOTDIR || code == ELOOP || code == ESTALE || code == ENXIO;
}

// Reads the details of one entry.
class DetailReader {
public:
    DetailReader(WalkedEntry& walked, const ReadFile* file)
        : walked_(walked), entry_(walked.entry), fd_(file != nullptr ? file->fd() : -1) {}

    std::vector<Issue> run();

private:
    void open_own();
    void read_link();
    void read_xattrs();
    void read_xattr(const char* name);
    void read_flags();
    void check_still_there();
    ssize_t list_xattrs(char* names, std::size_t size) const;
    ssize_t get_xattr(const char* name, char* value, std::size_t size) const;
    void lost(const std::string& what, int code) {
        add(IssueKind::MetadataLost,
            "reading " + what + ": " + std::generic_category().message(code));
    }
    void gone(std::string text) {
        gone_ = true;
        issues_.clear();
        add(IssueKind::Vanished, std::move(text));
    }
    void add(IssueKind kind, std::string text) {
        issues_.push_back({kind, entry_.path, std::move(text)});
    }

    WalkedEntry& walked_;
    Entry& entry_;
    int fd_;            // of the entry, readable; -1 if there is none
    Fd own_;            // holds fd_ if it was opened here
    std::string path_;  // of the entry through /proc, if there is no descriptor
    bool gone_ = false;
    std::vector<Issue> issues_;
};

std::vector<Issue> DetailReader::run() {
    entry_.xattrs.clear();
    if (fd_ < 0) open_own();
    if (!gone_ && entry_.type == EntryType::Symlink) read_link();
    if (!gone_) read_xattrs();
    if (!gone_ && fd_ >= 0) read_flags();
    if (!gone_ && fd_ < 0) check_still_there();
    const auto at_an_end = [](std::int64_t time) {
        return time == std::numeric_limits<std::int64_t>::max() ||
               time == std::numeric_limits<std::int64_t>::min();
    };
    if (!gone_ && at_an_end(entry_.mtime_ns))
        add(IssueKind::MetadataLost, "its modification time is outside the years 1678 to 2261");
    return std::move(issues_);
}

// Only files and directories can be opened without consequences.
void DetailReader::open_own() {
    path_ = "/proc/self/fd/" + std::to_string(walked_.parent->fd()) + "/" + walked_.name;
    if (entry_.type != EntryType::File && entry_.type != EntryType::Directory) return;
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY |
                      (entry_.type == EntryType::Directory ? O_DIRECTORY : 0);
    own_ = Fd(::openat(walked_.parent->fd(), walked_.name.c_str(), flags | O_NOATIME));
    if (!own_ && errno == EPERM)
        own_ = Fd(::openat(walked_.parent->fd(), walked_.name.c_str(), flags));
    if (!own_) {
        if (vanished(errno)) return gone("gone before its attributes were read");
        return lost("its inode flags", errno);
    }
    struct stat info {};
    if (::fstat(own_.get(), &info) != 0 || !is_same_inode(entry_, info))
        return gone("another entry stood in its place when its attributes were to be read");
    fd_ = own_.get();
}

void DetailReader::read_link() {
    std::string target(entry_.size + 1, '\0');
    for (;;) {
        const ssize_t length =
            ::readlinkat(walked_.parent->fd(), walked_.name.c_str(), target.data(), target.size());
        if (length < 0) {
            // EINVAL: not a symlink any more.
            if (vanished(errno) || errno == EINVAL) return gone("gone before its target was read");
            return lost("the target of the link", errno);
        }
        // A full buffer may be a target cut short; some filesystems give no size.
        if (static_cast<std::size_t>(length) == target.size()) {
            target.resize(target.size() * 2 + 128);
            continue;
        }
        target.resize(static_cast<std::size_t>(length));
        break;
    }
    entry_.link_target = std::move(target);
    entry_.size = entry_.link_target.size();
}

ssize_t DetailReader::list_xattrs(char* names, std::size_t size) const {
    return fd_ >= 0 ? ::flistxattr(fd_, names, size) : ::llistxattr(path_.c_str(), names, size);
}

ssize_t DetailReader::get_xattr(const char* name, char* value, std::size_t size) const {
    return fd_ >= 0 ? ::fgetxattr(fd_, name, value, size)
                    : ::lgetxattr(path_.c_str(), name, value, size);
}

void DetailReader::read_xattrs() {
    std::array<char, 1024> small;
    std::string large;
    const char* names = small.data();
    ssize_t length = list_xattrs(small.data(), small.size());
    if (length < 0 && errno == ERANGE) {
        large.resize(XATTR_LIST_MAX);
        names = large.data();
        length = list_xattrs(large.data(), large.size());
    }
    if (length < 0 && errno != ENOTSUP) {
        // Without /proc nothing is found; check_still_there() tells that from an entry that is
        // gone.
        lost("its extended attributes", errno);
    }
    for (ssize_t at = 0; at < length && !gone_;) {
        const char* name = names + at;
        at += static_cast<ssize_t>(std::string_view(name).size()) + 1;
        read_xattr(name);
    }
    std::sort(entry_.xattrs.begin(), entry_.xattrs.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
}

void DetailReader::read_xattr(const char* name) {
    // The kernel gives no longer value. Kept by the thread: attributes are read in their thousands.
    thread_local std::vector<char> value(XATTR_SIZE_MAX);
    const ssize_t length = get_xattr(name, value.data(), value.size());
    if (length >= 0) {
        entry_.xattrs.push_back({name, {value.data(), static_cast<std::size_t>(length)}});
    } else if (errno != ENODATA) {  // ENODATA: removed since it was listed
        lost("extended attribute " + std::string(name), errno);
    }
}

// Filesystems without flags or projects answer ENOTTY; that is no loss.
void DetailReader::read_flags() {
    const auto unknown = [](int code) {
        return code == ENOTTY || code == EOPNOTSUPP || code == EINVAL || code == ENOSYS;
    };
    int flags = 0;  // the kernel reads and writes an int, whatever the ioctl's number says
    if (::ioctl(fd_, FS_IOC_GETFLAGS, &flags) == 0)
        entry_.inode_flags = static_cast<std::uint32_t>(flags) & kSettableInodeFlags;
    else if (!unknown(errno))
        lost("its inode flags", errno);
    fsxattr attributes{};
    if (::ioctl(fd_, FS_IOC_FSGETXATTR, &attributes) == 0)
        entry_.project_id = attributes.fsx_projid;
    else if (!unknown(errno))
        lost("its project id", errno);
}

// For what was read by name: is it the entry that the walk saw?
void DetailReader::check_still_there() {
    struct stat info {};
    if (::fstatat(walked_.parent->fd(), walked_.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (vanished(errno)) gone("gone before its attributes were read");
    } else if (!is_same_inode(entry_, info)) {
        gone("another entry stood in its place when its attributes were to be read");
    } else if (nanoseconds_of(info.st_ctim) != entry_.ctime_ns) {
        add(IssueKind::Changed, "changed while its attributes were read");
    }
}

}  // namespace

std::vector<Issue> read_entry_details(WalkedEntry& walked, const ReadFile* file) {
    return DetailReader(walked, file).run();
}

}  // namespace perdure
