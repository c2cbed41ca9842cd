#include "target/directory/metadata.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <vector>

namespace perdure {

namespace {

constexpr std::uint32_t kProtectingFlags = FS_IMMUTABLE_FL | FS_APPEND_FL;
constexpr std::uint32_t kCreationFlags = FS_NOCOW_FL | FS_COMPR_FL | FS_NOCOMP_FL;
constexpr mode_t kSetIdBits = S_ISUID | S_ISGID;

constexpr const char* kDefaultAcl = "system.posix_acl_default";

std::string reason(int code) { return std::generic_category().message(code); }

bool is_user(std::string_view name) { return name.starts_with("user."); }

// Labels are the system's business: it gives every file one, and who has none had none to restore.
bool is_label(std::string_view name) { return name == "security.selinux"; }

// Applies metadata to one node.
class Applier {
public:
    Applier(const Node& node, const Entry& entry, const struct stat& info, bool fresh,
            const MetadataRules& rules, IssueLog& issues)
        : node_(node),
          entry_(entry),
          info_(info),
          bare_(fresh && !rules.inherits),
          rules_(rules),
          issues_(issues) {
        if (node.path_only) path_ = "/proc/self/fd/" + std::to_string(node.fd);
    }

    void run();

private:
    bool apply_owner();
    void apply_mode(bool owner_is_right);
    void read_existing_xattrs();
    void apply_xattrs(bool user);
    void apply_xattr(const ExtendedAttribute& wanted);
    void apply_times();

    int change_owner(uid_t uid, gid_t gid) const {
        return node_.path_only ? ::fchownat(node_.fd, "", uid, gid, AT_EMPTY_PATH)
                               : ::fchown(node_.fd, uid, gid);
    }
    int change_mode(mode_t mode) const {
        return node_.path_only ? ::chmod(path_.c_str(), mode) : ::fchmod(node_.fd, mode);
    }
    ssize_t get(const char* name, char* out, std::size_t size) const {
        return node_.path_only ? ::getxattr(path_.c_str(), name, out, size)
                               : ::fgetxattr(node_.fd, name, out, size);
    }
    ssize_t list(char* out, std::size_t size) const {
        return node_.path_only ? ::listxattr(path_.c_str(), out, size)
                               : ::flistxattr(node_.fd, out, size);
    }
    int set(const char* name, const std::string& value) const {
        return node_.path_only ? ::setxattr(path_.c_str(), name, value.data(), value.size(), 0)
                               : ::fsetxattr(node_.fd, name, value.data(), value.size(), 0);
    }
    int remove(const char* name) const {
        return node_.path_only ? ::removexattr(path_.c_str(), name)
                               : ::fremovexattr(node_.fd, name);
    }
    void lost(const std::string& what, int code) {
        if (!rules_.root && (code == EPERM || code == EACCES))
            issues_.add(entry_.path, "not restored without root: " + what);
        else
            issues_.add(entry_.path, what + " not restored: " + reason(code));
    }

    const Node& node_;
    const Entry& entry_;
    const struct stat& info_;
    const bool bare_;  // no attributes that we did not put there
    const MetadataRules& rules_;
    IssueLog& issues_;
    std::string path_;
    std::vector<std::string> existing_;  // names of attributes, if not bare
    bool chowned_ = false;
    bool opened_up_ = false;
};

void Applier::run() {
    const bool owner_is_right = apply_owner();
    if (!bare_) {
        // Who is not root needs the right to write before user attributes may be changed.
        opened_up_ = !rules_.root && entry_.type != EntryType::Symlink &&
                     (info_.st_mode & 0600) != 0600 && change_mode(info_.st_mode | 0600) == 0;
        read_existing_xattrs();
    }
    apply_xattrs(true);
    apply_mode(owner_is_right);
    apply_xattrs(false);
    apply_times();
}

bool Applier::apply_owner() {
    if (info_.st_uid == entry_.uid && info_.st_gid == entry_.gid) return true;
    // To the kernel -1 is no id but "leave it".
    const bool is_id = entry_.uid != static_cast<uid_t>(-1) && entry_.gid != static_cast<gid_t>(-1);
    if (rules_.restore_owner && is_id) {
        chowned_ = true;
        if (change_owner(entry_.uid, entry_.gid) == 0) return true;
        // One's own files may still be given to one's other groups.
        if (change_owner(static_cast<uid_t>(-1), entry_.gid) == 0 && info_.st_uid == entry_.uid)
            return true;
    }
    issues_.owner_not_restored(entry_.path);
    return false;
}

void Applier::apply_mode(bool owner_is_right) {
    if (entry_.type == EntryType::Symlink) return;  // links have none
    mode_t mode = entry_.mode & 07777;
    if (!owner_is_right && (mode & kSetIdBits) != 0) {
        mode &= ~kSetIdBits;
        issues_.add(entry_.path, "setuid and setgid bits not restored, since its owner was not");
    }
    if (!chowned_ && !opened_up_ && (info_.st_mode & 07777) == mode) return;
    if (change_mode(mode) != 0) return lost("permissions", errno);
    // The kernel drops setgid without a word if the group is not one of ours.
    struct stat now {};
    if (!rules_.root && (mode & S_ISGID) != 0 && ::fstat(node_.fd, &now) == 0 &&
        (now.st_mode & S_ISGID) == 0)
        lost("the setgid bit", EPERM);
}

void Applier::read_existing_xattrs() {
    std::vector<char> names(1024);
    ssize_t length = list(names.data(), names.size());
    if (length < 0 && errno == ERANGE) {
        names.resize(XATTR_LIST_MAX);
        length = list(names.data(), names.size());
    }
    for (ssize_t at = 0; at < length;) {
        existing_.emplace_back(names.data() + at);
        at += static_cast<ssize_t>(existing_.back().size()) + 1;
    }
}

// Those in the user namespace, or all others.
void Applier::apply_xattrs(bool user) {
    for (const auto& name : existing_) {
        const auto wanted = [&](const ExtendedAttribute& x) { return x.name == name; };
        if (is_user(name) != user || is_label(name) ||
            std::any_of(entry_.xattrs.begin(), entry_.xattrs.end(), wanted))
            continue;
        // ENODATA: an ACL that came to say no more than the mode goes with the change of mode.
        if (remove(name.c_str()) != 0 && errno != ENODATA)
            lost("removal of extended attribute " + name, errno);
    }
    for (const auto& wanted : entry_.xattrs)
        if (is_user(wanted.name) == user) apply_xattr(wanted);
}

void Applier::apply_xattr(const ExtendedAttribute& wanted) {
    if (wanted.name.find('\0') != std::string::npos) return lost("a malformed attribute", EINVAL);
    if (set(wanted.name.c_str(), wanted.value) == 0) return;
    const int code = errno;
    // What cannot be set may be right already: the system may have set it, or an earlier restore.
    std::string value(wanted.value.size() + 1, '\0');
    const ssize_t length = get(wanted.name.c_str(), value.data(), value.size());
    value.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    if (length < 0 || value != wanted.value) lost(wanted.name, code);
}

void Applier::apply_times() {
    const timespec mtime = timespec_of(entry_.mtime_ns);
    if (mtime.tv_sec == info_.st_mtim.tv_sec && mtime.tv_nsec == info_.st_mtim.tv_nsec) return;
    const timespec times[2] = {{0, UTIME_OMIT}, mtime};
    const int failed = node_.path_only ? ::utimensat(AT_FDCWD, path_.c_str(), times, 0)
                                       : ::futimens(node_.fd, times);
    if (failed != 0) lost("modification time", errno);
}

std::string describe_flags(std::uint32_t flags) {
    constexpr std::pair<std::uint32_t, const char*> kNames[] = {
        {FS_IMMUTABLE_FL, "immutable"},
        {FS_APPEND_FL, "append-only"},
        {FS_NODUMP_FL, "no-dump"},
        {FS_NOATIME_FL, "no-atime"},
        {FS_COMPR_FL, "compress"},
        {FS_NOCOMP_FL, "no-compression"},
        {FS_NOCOW_FL, "no-copy-on-write"},
        {FS_SYNC_FL, "sync"},
        {FS_DIRSYNC_FL, "directory-sync"},
        {FS_CASEFOLD_FL, "case-folding"},
        {FS_PROJINHERIT_FL, "project-inherit"},
        {FS_DAX_FL, "dax"},
        {FS_TOPDIR_FL, "top-directory"},
        {FS_JOURNAL_DATA_FL, "journal-data"}};
    std::string text;
    for (const auto& [flag, name] : kNames)
        if ((flags & flag) != 0) text += text.empty() ? name : std::string(", ") + name;
    return text.empty() ? "inode flags" : "inode flags " + text;
}

// Sets what can be set of `wanted`; the flags that could not, and why.
std::pair<std::uint32_t, int> set_flags(int fd, std::uint32_t current, std::uint32_t wanted) {
    const auto write = [fd](std::uint32_t flags) {
        int value = static_cast<int>(flags);
        return ::ioctl(fd, FS_IOC_SETFLAGS, &value) == 0;
    };
    if (write(wanted)) return {0, 0};
    std::uint32_t failed = 0;
    int code = 0;
    // One flag that the filesystem does not know spoils the call; protecting ones last.
    for (const bool protecting : {false, true})
        for (std::uint32_t flag = 1; flag != 0; flag <<= 1) {
            if (((current ^ wanted) & flag) == 0 || ((flag & kProtectingFlags) != 0) != protecting)
                continue;
            if (write(current ^ flag)) {
                current ^= flag;
            } else {
                failed |= flag;
                code = errno;
            }
        }
    return {failed, code};
}

void apply_project(int fd, const Entry& entry, IssueLog& issues) {
    fsxattr attributes{};
    if (::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) != 0) {
        if (entry.project_id != 0)
            issues.add(entry.path, "project id not restored: " + reason(errno));
        return;
    }
    if (attributes.fsx_projid == entry.project_id) return;
    attributes.fsx_projid = entry.project_id;
    if (::ioctl(fd, FS_IOC_FSSETXATTR, &attributes) != 0)
        issues.add(entry.path, "project id not restored: " + reason(errno));
}

}  // namespace

void apply_metadata(const Node& node, const Entry& entry, const struct stat& info, bool fresh,
                    const MetadataRules& rules, IssueLog& issues) {
    Applier(node, entry, info, fresh, rules, issues).run();
}

void apply_flags(int fd, const Entry& entry, bool fresh, const MetadataRules& rules,
                 IssueLog& issues) {
    const std::uint32_t wanted = entry.inode_flags & kSettableInodeFlags;
    const bool bare = fresh && !rules.inherits;
    if (wanted == 0 && entry.project_id == 0 && bare) return;
    if (entry.project_id != 0 || !bare) apply_project(fd, entry, issues);
    int flags = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
        if (wanted != 0)
            issues.add(entry.path, describe_flags(wanted) + " not restored: " + reason(errno));
        return;
    }
    const auto current = static_cast<std::uint32_t>(flags);
    const std::uint32_t target = (current & ~kSettableInodeFlags) | wanted;
    if (current == target) return;
    const auto [failed, code] = set_flags(fd, current, target);
    if (failed == 0) return;
    const std::string what = describe_flags(failed);
    issues.add(entry.path, !rules.root && code == EPERM ? "not restored without root: " + what
                                                        : what + " not restored: " + reason(code));
}

void apply_creation_flags(int fd, const Entry& entry, const MetadataRules& rules) {
    const std::uint32_t mask =
        entry.type == EntryType::Directory ? std::uint32_t{FS_CASEFOLD_FL} : kCreationFlags;
    const std::uint32_t wanted = entry.inode_flags & mask;
    int flags = 0;
    if ((wanted == 0 && !rules.inherits) || ::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return;
    const auto current = static_cast<std::uint32_t>(flags);
    const std::uint32_t target = (current & ~mask) | wanted;
    if (current != target) set_flags(fd, current, target);
}

void unprotect(int fd) {
    int flags = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return;
    const auto current = static_cast<std::uint32_t>(flags);
    if ((current & kProtectingFlags) != 0) set_flags(fd, current, current & ~kProtectingFlags);
}

bool hands_on(int directory) {
    int flags = 0;
    if (::ioctl(directory, FS_IOC_GETFLAGS, &flags) == 0 &&
        (static_cast<std::uint32_t>(flags) & kSettableInodeFlags & ~kProtectingFlags) != 0)
        return true;
    return ::fgetxattr(directory, kDefaultAcl, nullptr, 0) >= 0;
}

timespec timespec_of(std::int64_t nanoseconds) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    std::int64_t seconds = nanoseconds / kSecond;
    std::int64_t rest = nanoseconds % kSecond;
    if (rest < 0) {
        rest += kSecond;
        --seconds;
    }
    return {seconds, rest};
}

}  // namespace perdure
