#include "target/directory/directory.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/try.h"
#include "target/directory/creator.h"
#include "target/directory/new_file.h"
#include "target/directory/remove.h"

namespace perdure {

namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

mode_t type_bits(EntryType type) {
    switch (type) {
        case EntryType::File: return S_IFREG;
        case EntryType::Directory: return S_IFDIR;
        case EntryType::Symlink: return S_IFLNK;
        case EntryType::Fifo: return S_IFIFO;
        case EntryType::Socket: return S_IFSOCK;
        case EntryType::CharDevice: return S_IFCHR;
        case EntryType::BlockDevice: return S_IFBLK;
    }
    return 0;
}

bool same_mtime(const Entry& entry, const struct stat& info) {
    const timespec wanted = timespec_of(entry.mtime_ns);
    return wanted.tv_sec == info.st_mtim.tv_sec && wanted.tv_nsec == info.st_mtim.tv_nsec;
}

class RestoreDirectory final : public DirectoryTarget {
public:
    RestoreDirectory(Resolver resolver, const DirectoryTargetOptions& options)
        : state_(std::move(resolver), options) {}

    Result<void> make(const Entry& entry) override;
    Result<void> make_way(const std::string& path) override;
    Result<BeginFile> begin_file(const Entry& entry) override;
    Result<std::vector<std::string>> remove_others(std::string_view directory,
                                                   const std::vector<std::string>& names) override;
    Result<void> finish() override;
    std::vector<RestoreIssue> take_issues() override { return state_.issues.take(); }

private:
    Result<void> make_directory(const Entry& entry);
    Result<bool> make_new_directory(const Place& place, const Entry& entry);
    void keep_directory(int parent, const char* name);
    Result<void> make_node(const Entry& entry);
    Result<bool> place_node(const Place& place, const Entry& entry);
    int create_node(const Place& place, const std::string& name, const Entry& entry) const;
    bool is_same_node(const Place& place, const Entry& entry, const struct stat& info) const;
    Result<struct stat> finish_node(const Place& place, const Entry& entry, bool fresh);
    bool is_unchanged(const Entry& entry, const struct stat& info) const;
    std::optional<BeginFile> settle_existing(const Place& place, const Entry& entry);
    Result<bool> link_instead(const Entry& entry);
    void finish_directory(const Entry& entry, bool fresh);
    void finish_flags(const Entry& entry);

    DirectoryState state_;
};

Result<void> RestoreDirectory::make(const Entry& entry) {
    if (entry.type == EntryType::Directory) return make_directory(entry);
    if (entry.type == EntryType::File)
        return Error(ErrorKind::Internal, "make() does not make files");
    return make_node(entry);
}

// ---- directories

Result<void> RestoreDirectory::make_directory(const Entry& entry) {
    bool fresh = false;
    if (entry.path.empty()) {
        keep_directory(state_.parents.root(), ".");
    } else {
        const Place place = PERDURE_TRY(find_place(state_, entry.path));
        fresh = PERDURE_TRY(make_new_directory(place, entry));
        if (!fresh) keep_directory(place.directory(), place.name.c_str());
    }
    if (!fresh && state_.options.overwrite == Overwrite::Never) return {};
    state_.directories.with([&](auto& all) { all.emplace_back(entry, fresh); });
    return {};
}

Result<void> RestoreDirectory::make_way(const std::string& path) {
    for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
        const std::string above = path.substr(0, at);
        const Place place = PERDURE_TRY(find_place(state_, above));
        if (::mkdirat(place.directory(), place.name.c_str(), 0755) != 0 && errno != EEXIST)
            return system_error(errno, doing("making", above));
    }
    return {};
}

// False if a directory is there already.
Result<bool> RestoreDirectory::make_new_directory(const Place& place, const Entry& entry) {
    const auto make = [&] { return ::mkdirat(place.directory(), place.name.c_str(), 0700) == 0; };
    bool made = make();
    if (!made && errno == EEXIST) {
        const auto existing = place.look();
        if (existing && S_ISDIR(existing->st_mode)) return false;
        if (state_.options.overwrite == Overwrite::Never)
            return Error(ErrorKind::AlreadyExists,
                         doing("making", entry.path) + ": something else stands there and stays");
        PERDURE_TRY(remove_file(state_, place, entry.path));
        made = make();
    }
    if (!made) return entry_error(errno, doing("making", entry.path));
    if ((entry.inode_flags & kSettableInodeFlags) != 0 || state_.rules.inherits) {
        const Fd fd(::openat(place.directory(), place.name.c_str(), kOpenDirectory));
        if (fd) apply_creation_flags(fd.get(), entry, state_.rules);
    }
    return true;
}

// A directory that was there: makes sure that we can work in it, and notes what it hands on.
void RestoreDirectory::keep_directory(int parent, const char* name) {
    const bool may_change = state_.options.overwrite != Overwrite::Never;
    Fd fd(::openat(parent, name, kOpenDirectory));
    struct stat info {};
    if (may_change && !state_.rules.root) {
        // Its own mode comes back in finish().
        const Fd reference(::openat(parent, name, kOpenDirectory | O_PATH));
        const std::string path = "/proc/self/fd/" + std::to_string(reference.get());
        if (reference && ::fstat(reference.get(), &info) == 0 && (info.st_mode & 0700) != 0700)
            ::chmod(path.c_str(), (info.st_mode & 07777) | 0700);
        if (!fd) fd = Fd(::openat(parent, name, kOpenDirectory));
    }
    if (!fd) return;
    if (may_change) unprotect(fd.get());
    if (hands_on(fd.get())) state_.rules.inherits = true;
}

// ---- links and special files

int RestoreDirectory::create_node(const Place& place, const std::string& name,
                                  const Entry& entry) const {
    if (entry.type == EntryType::Symlink)
        return ::symlinkat(entry.link_target.c_str(), place.directory(), name.c_str());
    return ::mknodat(place.directory(), name.c_str(), type_bits(entry.type) | 0600,
                     makedev(entry.device_major, entry.device_minor));
}

bool RestoreDirectory::is_same_node(const Place& place, const Entry& entry,
                                    const struct stat& info) const {
    if ((info.st_mode & S_IFMT) != type_bits(entry.type)) return false;
    if (info.st_nlink > 1) return false;  // as in is_unchanged()
    if (entry.type == EntryType::CharDevice || entry.type == EntryType::BlockDevice)
        return info.st_rdev == makedev(entry.device_major, entry.device_minor);
    if (entry.type != EntryType::Symlink) return true;
    std::string target(entry.link_target.size() + 1, '\0');
    const ssize_t length =
        ::readlinkat(place.directory(), place.name.c_str(), target.data(), target.size());
    return length >= 0 &&
           std::string_view(target.data(), static_cast<std::size_t>(length)) == entry.link_target;
}

Result<void> RestoreDirectory::make_node(const Entry& entry) {
    if (entry.type == EntryType::Symlink &&
        (entry.link_target.empty() || entry.link_target.find('\0') != std::string::npos))
        return Error(ErrorKind::InvalidInput,
                     doing("making", entry.path) + ": the target of the link is malformed");
    const Place place = PERDURE_TRY(find_place(state_, entry.path));
    if (state_.options.overwrite == Overwrite::Never && place.look()) return {};
    const bool linked = PERDURE_TRY(link_instead(entry));
    if (linked) return {};
    auto placed = place_node(place, entry);
    if (HardLinks::concerns(entry) && (!placed || !*placed)) give_up_waiting(state_, entry);
    if (!placed) return std::move(placed).error();
    return {};
}

// False if it could not be made for want of rights, which is an issue.
Result<bool> RestoreDirectory::place_node(const Place& place, const Entry& entry) {
    bool fresh = true;
    int failed = create_node(place, place.name, entry) == 0 ? 0 : errno;
    if (failed == EEXIST) {
        const auto existing = place.look();
        fresh = !existing || state_.options.overwrite == Overwrite::Always ||
                !is_same_node(place, entry, *existing);
        failed = 0;
        const std::string temporary = temporary_name();
        if (fresh && create_node(place, temporary, entry) != 0) {
            failed = errno;
        } else if (fresh) {
            if (auto renamed = rename_over(state_, place, temporary, entry.path); !renamed) {
                ::unlinkat(place.directory(), temporary.c_str(), 0);
                return std::move(renamed).error();
            }
        }
    }
    const bool is_device =
        entry.type == EntryType::CharDevice || entry.type == EntryType::BlockDevice;
    if (failed == EPERM && is_device && !state_.rules.root) {
        state_.issues.add(entry.path, "not restored without root: the device node");
        return false;
    }
    if (failed != 0) return entry_error(failed, doing("making", entry.path));
    const auto info = PERDURE_TRY(finish_node(place, entry, fresh));
    if (HardLinks::concerns(entry)) link_waiting(state_, entry, info.st_dev, info.st_ino);
    return true;
}

// Metadata of a node, through a descriptor of what was just made and of nothing else.
Result<struct stat> RestoreDirectory::finish_node(const Place& place, const Entry& entry,
                                                  bool fresh) {
    const Fd fd(::openat(place.directory(), place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0)
        return entry_error(errno, doing("making", entry.path));
    if ((info.st_mode & S_IFMT) != type_bits(entry.type) || (fresh && info.st_nlink != 1))
        return Error(ErrorKind::Denied,
                     doing("making", entry.path) + ": it was replaced while it was restored");
    apply_metadata({fd.get(), true}, entry, info, fresh, state_.rules, state_.issues);
    return info;
}

// ---- files

bool RestoreDirectory::is_unchanged(const Entry& entry, const struct stat& info) const {
    // A file with further names, which may lie outside the target, may not be touched for their
    // sake.
    return S_ISREG(info.st_mode) && info.st_nlink == 1 &&
           static_cast<std::uint64_t>(info.st_size) == entry.size && same_mtime(entry, info);
}

// Unchanged, if that is the answer.
std::optional<BeginFile> RestoreDirectory::settle_existing(const Place& place, const Entry& entry) {
    if (state_.options.overwrite != Overwrite::IfChanged) return std::nullopt;
    const auto existing = place.look();
    if (!existing || !is_unchanged(entry, *existing)) return std::nullopt;
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    Fd fd(::openat(place.directory(), place.name.c_str(), O_RDONLY | flags));
    const bool path_only = !fd;  // a file of ours that we may not read
    if (path_only) fd = Fd(::openat(place.directory(), place.name.c_str(), O_PATH | flags));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0 || !is_unchanged(entry, info)) return std::nullopt;
    if (!path_only) unprotect(fd.get());
    apply_metadata({fd.get(), path_only}, entry, info, false, state_.rules, state_.issues);
    if (HardLinks::concerns(entry)) {  // of which only one name was restored before
        state_.late_flags.with([&](auto& late) { late.push_back(entry); });
        link_waiting(state_, entry, info.st_dev, info.st_ino);
    } else if (!path_only) {
        apply_flags(fd.get(), entry, false, state_.rules, state_.issues);
    }
    return Unchanged{};
}

// True if `entry` is, or will be, a link to another name of this restore. False: it must be made.
Result<bool> RestoreDirectory::link_instead(const Entry& entry) {
    if (!HardLinks::concerns(entry)) return false;
    const auto claim = state_.links.claim(entry);
    if (std::holds_alternative<HardLinks::Waiting>(claim)) return true;
    const auto* made = std::get_if<HardLinks::Made>(&claim);
    if (made == nullptr) return false;
    const bool linked = PERDURE_TRY(make_link(state_, *made, entry.path));
    if (!linked) state_.links.restart(entry);
    return linked;
}

Result<BeginFile> RestoreDirectory::begin_file(const Entry& entry) {
    if (entry.type != EntryType::File)
        return Error(ErrorKind::Internal, "begin_file() makes nothing but files");
    Place place = PERDURE_TRY(find_place(state_, entry.path));
    if (state_.options.overwrite == Overwrite::Never && place.look()) return BeginFile(Kept{});
    const bool linked = PERDURE_TRY(link_instead(entry));
    if (linked) return BeginFile(Linked{});
    if (auto settled = settle_existing(place, entry)) return *std::move(settled);
    auto file = PERDURE_TRY(NewFile::begin(state_, std::move(place), entry));
    return BeginFile(std::unique_ptr<TargetFile>(std::move(file)));
}

// ---- the end

Result<std::vector<std::string>> RestoreDirectory::remove_others(
    std::string_view directory, const std::vector<std::string>& names) {
    if (!is_clean_path(directory))
        return Error(ErrorKind::InvalidInput,
                     doing("listing", std::string(directory)) + ": that is no path");
    const auto parent = PERDURE_TRY(state_.parents.get(directory));
    std::vector<std::string> present;
    if (const int failed = list_names(parent->fd.get(), present); failed != 0)
        return entry_error(failed, doing("listing", std::string(directory)));
    std::sort(present.begin(), present.end());
    std::vector<std::string> removed;
    for (const auto& name : present) {
        if (std::binary_search(names.begin(), names.end(), name)) continue;
        const std::string path = directory.empty() ? name : std::string(directory) + "/" + name;
        const auto left = remove_tree(parent->fd.get(), name, parent->device);
        state_.parents.forget(path);
        for (const auto& [below, code] : left) {
            std::string text = "not removed: ";
            text += code == EXDEV ? "on another filesystem" : std::generic_category().message(code);
            state_.issues.add(below.empty() ? path : path + "/" + below, std::move(text));
        }
        if (left.empty()) removed.push_back(path);
    }
    return removed;
}

void RestoreDirectory::finish_flags(const Entry& entry) {
    const auto place = find_place(state_, entry.path);
    if (!place) return state_.issues.add(entry.path, place.error().describe());
    const Fd fd(::openat(place->directory(), place->name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        if (entry.inode_flags != 0 || entry.project_id != 0)
            state_.issues.add(entry.path, "inode flags not restored: it cannot be opened");
        return;
    }
    apply_flags(fd.get(), entry, false, state_.rules, state_.issues);
}

void RestoreDirectory::finish_directory(const Entry& entry, bool fresh) {
    Fd fd;
    if (entry.path.empty()) {
        fd = Fd(::openat(state_.parents.root(), ".", kOpenDirectory));
    } else {
        const auto place = find_place(state_, entry.path);
        if (!place) return state_.issues.add(entry.path, place.error().describe());
        fd = Fd(::openat(place->directory(), place->name.c_str(), kOpenDirectory));
    }
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0)
        return state_.issues.add(entry.path, "metadata of the directory not restored: " +
                                                 std::generic_category().message(errno));
    apply_metadata({fd.get(), false}, entry, info, fresh, state_.rules, state_.issues);
    apply_flags(fd.get(), entry, fresh, state_.rules, state_.issues);
}

Result<void> RestoreDirectory::finish() {
    for (const auto& entry : state_.late_flags.with([](auto& late) { return std::move(late); }))
        finish_flags(entry);
    auto directories = state_.directories.with([](auto& all) { return std::move(all); });
    std::stable_sort(directories.begin(), directories.end(), [](const auto& a, const auto& b) {
        return path_less(b.first.path, a.first.path);
    });
    for (const auto& [entry, fresh] : directories) finish_directory(entry, fresh);
    PERDURE_TRY(state_.parents.get(""));  // so that its filesystem is among those synced
    return state_.parents.sync();
}

}  // namespace

Result<std::unique_ptr<DirectoryTarget>> open_directory_target(
    const std::string& path, const DirectoryTargetOptions& options) {
    // Removing a deep tree holds a descriptor a level.
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    auto resolver = PERDURE_TRY(Resolver::open(path));
    return std::unique_ptr<DirectoryTarget>(
        std::make_unique<RestoreDirectory>(std::move(resolver), options));
}

}  // namespace perdure
