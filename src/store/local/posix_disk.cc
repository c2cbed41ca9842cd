#include "store/local/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/try.h"

namespace perdure {

namespace {

// Direct I/O wants buffer, offset and length aligned to the device's block. 4 KiB is the largest in
// use; the callers' buffers are not aligned, so bytes pass through one that is. 4 MiB a call came
// out as fast as 32 MiB a call.
constexpr std::size_t kDirectAlignment = 4096;
constexpr std::size_t kDirectStep = 4u << 20;

struct PosixFile final : DiskFile {
    explicit PosixFile(Fd file) : fd(std::move(file)) {}
    Fd fd;
};

int fd_of(const DiskFile& file) { return static_cast<const PosixFile&>(file).fd.get(); }

/// Repeats a call while a signal interrupts it. Only for calls that have done nothing then.
template <class Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

Error error_of(const char* verb, const std::string& path) {
    return system_error(errno, std::string(verb) + " " + (path.empty() ? "the root" : path));
}

/// For calls that a file system may not have: the codes by which it says so.
Error error_or_unsupported(const char* verb, const std::string& path,
                           std::initializer_list<int> unsupported) {
    const int code = errno;
    if (std::find(unsupported.begin(), unsupported.end(), code) == unsupported.end())
        return error_of(verb, path);
    return Error(ErrorKind::Unsupported, std::string(verb) + " is not possible on this file system")
        .with_system_code(code);
}

/// Where fsync keeps what is in a file without a name. Btrfs takes such an fsync for pointless and
/// keeps nothing; after linkat and an fsync of the directory a power loss leaves an empty file
/// (tests/power). Others may do the same, or lie over one that does, so only those are named that
/// were seen to keep it.
bool keeps_unnamed_files(int directory) {
    struct statfs status {};
    if (::fstatfs(directory, &status) != 0) return false;
    const auto kind = static_cast<std::uint32_t>(status.f_type);
    return kind == EXT4_SUPER_MAGIC || kind == XFS_SUPER_MAGIC || kind == TMPFS_MAGIC;
}

/// "a/b/c" is "a/b" and "c"; "c" is "" and "c".
struct Place {
    std::string directory;
    std::string name;
};
Place split(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

FileStatus to_status(const struct stat& st) {
    FileStatus status;
    status.type = S_ISREG(st.st_mode)   ? FileType::File
                  : S_ISDIR(st.st_mode) ? FileType::Directory
                                        : FileType::Other;
    status.id = {st.st_dev, st.st_ino};
    status.links = st.st_nlink;
    status.size = static_cast<std::uint64_t>(st.st_size);
    status.modified_ns = st.st_mtim.tv_sec * std::int64_t{1'000'000'000} + st.st_mtim.tv_nsec;
    return status;
}

Result<void> write_at(int fd, ByteView bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const auto wrote = uninterrupted(
            [&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
        if (wrote < 0) return system_error(errno, "writing a new file");
        bytes = bytes.subspan(static_cast<std::size_t>(wrote));
        offset += static_cast<std::uint64_t>(wrote);
    }
    return {};
}

bool set_direct(int fd, bool direct) {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && ::fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

/// Writes `bytes` rounded up to the alignment; the caller cuts the file to size. False if this file
/// system refuses: the caller then writes everything again the usual way.
Result<bool> write_direct(int fd, ByteView bytes) {
    const std::unique_ptr<void, decltype(&std::free)> memory(
        std::aligned_alloc(kDirectAlignment, kDirectStep), &std::free);
    if (!memory || !set_direct(fd, true)) return false;
    auto* const step = static_cast<std::byte*>(memory.get());
    for (std::size_t offset = 0; offset < bytes.size(); offset += kDirectStep) {
        const auto part = bytes.subspan(offset, std::min(kDirectStep, bytes.size() - offset));
        const auto rounded =
            (part.size() + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
        std::memcpy(step, part.data(), part.size());
        std::memset(step + part.size(), 0, rounded - part.size());
        const auto written = write_at(fd, {step, rounded}, offset);
        if (!written && written.error().system_code() == EINVAL && set_direct(fd, false))
            return false;
        if (!written) return written.error();
    }
    return true;
}

/// One component, never through a symbolic link.
Result<Fd> open_child_directory(int parent, const std::string& name) {
    const int fd = uninterrupted([&] {
        return ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    });
    if (fd < 0 && errno == ELOOP) errno = ENOTDIR;
    if (fd < 0) return error_of("opening the directory", name);
    return Fd(fd);
}

Result<void> sync_path(const std::string& path) {
    const Fd fd(
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!fd) return error_of("opening", path);
    if (::fsync(fd.get()) != 0) return error_of("syncing the directory", path);
    return {};
}

/// mkdir -p, each new entry synced. Returns with `path` there, whoever made it.
Result<void> make_path(const std::string& path) {
    struct stat st {};
    if (path.empty() || ::stat(path.c_str(), &st) == 0) return {};
    const auto cut = path.find_last_not_of('/') + 1;
    const auto slash = path.rfind('/', cut - 1);
    const auto parent = slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
    if (slash != std::string::npos && slash > 0) PERDURE_TRY(make_path(path.substr(0, slash)));
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return error_of("making", path);
    return sync_path(parent.empty() ? "." : parent);
}

/// A fresh buffer's pages are made one fault at a time while it is filled, which costs more than
/// the copy: loading 2 GiB in packs of 32 MiB from the page cache took 1.02 s of CPU time, 0.31 s
/// with huge pages. Advice only; small buffers would waste most of a huge page.
void ask_for_huge_pages(Buffer& buffer) {
    constexpr std::uintptr_t kPage = 4096;
    constexpr std::size_t kWorthwhile = 4u << 20;
    if (buffer.size() < kWorthwhile) return;
    const auto begin = (reinterpret_cast<std::uintptr_t>(buffer.data()) + kPage - 1) & ~(kPage - 1);
    const auto end = reinterpret_cast<std::uintptr_t>(buffer.data() + buffer.size()) & ~(kPage - 1);
    static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
}

Result<Buffer> read_range(int fd, const std::string& path, std::uint64_t size, std::uint64_t offset,
                          std::uint64_t length) {
    if (length == Disk::kToEnd && offset <= size) length = size - offset;
    const Error too_short(ErrorKind::Corrupt, path + " ends before the range asked for");
    if (offset > size || length > size - offset) return too_short;
    Buffer bytes(length);
    ask_for_huge_pages(bytes);
    for (std::size_t done = 0; done < length;) {
        const auto got = uninterrupted([&] {
            return ::pread(fd, bytes.data() + done, length - done,
                           static_cast<off_t>(offset + done));
        });
        if (got < 0) return error_of("reading", path);
        if (got == 0) return too_short;
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

}  // namespace

Result<std::unique_ptr<PosixDisk>> PosixDisk::open(const std::string& path) {
    Fd root(
        uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (!root) return error_of("opening the directory", path);
    struct stat st {};
    if (::fstat(root.get(), &st) != 0) return error_of("looking at", path);
    // Others get what they have on the root directory, so that a group can share a repository.
    const mode_t file_mode = 0600 | (st.st_mode & 0040);
    const mode_t directory_mode = 0700 | (st.st_mode & 0070);
    return std::unique_ptr<PosixDisk>(new PosixDisk(std::move(root), file_mode, directory_mode));
}

Result<std::unique_ptr<PosixDisk>> PosixDisk::create(const std::string& path) {
    PERDURE_TRY(make_path(path));
    return open(path);
}

Result<Fd> PosixDisk::open_directory(const std::string& path) const {
    Fd directory = PERDURE_TRY(open_child_directory(root_.get(), "."));
    for (std::string_view rest = path; !rest.empty();) {
        const auto slash = rest.find('/');
        directory =
            PERDURE_TRY(open_child_directory(directory.get(), std::string(rest.substr(0, slash))));
        rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    }
    return directory;
}

Result<std::unique_ptr<DiskFile>> PosixDisk::create_unnamed(const std::string& directory) {
    const Fd parent = PERDURE_TRY(open_directory(directory));
    if (!keeps_unnamed_files(parent.get()))
        return Error(ErrorKind::Unsupported,
                     "syncing an unnamed file is not possible on this file system");
    Fd file(uninterrupted(
        [&] { return ::openat(parent.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, file_mode_); }));
    // EISDIR and ENOENT: kernels and file systems that do not know the flag (open(2)).
    if (!file)
        return error_or_unsupported("making an unnamed file", directory,
                                    {EOPNOTSUPP, EISDIR, ENOENT, EINVAL, ENOSYS});
    return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(std::move(file)));
}

Result<std::unique_ptr<DiskFile>> PosixDisk::create_named(const std::string& path) {
    const Place at = split(path);
    const Fd parent = PERDURE_TRY(open_directory(at.directory));
    Fd file(uninterrupted([&] {
        return ::openat(parent.get(), at.name.c_str(),
                        O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, file_mode_);
    }));
    if (!file) return error_of("creating", path);
    return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(std::move(file)));
}

Result<void> PosixDisk::write(DiskFile& file, ByteView bytes) {
    const int fd = fd_of(file);
    if (bytes.size() < kDirectFrom) return write_at(fd, bytes, 0);
    const bool written = PERDURE_TRY(write_direct(fd, bytes));
    if (!written) PERDURE_TRY(write_at(fd, bytes, 0));
    if (::ftruncate(fd, static_cast<off_t>(bytes.size())) != 0)
        return system_error(errno, "cutting a new file to size");
    return {};
}

Result<void> PosixDisk::sync(DiskFile& file) {
    if (::fsync(fd_of(file)) != 0) return system_error(errno, "syncing a new file");
    return {};
}

Result<FileStatus> PosixDisk::status(const DiskFile& file) {
    struct stat st {};
    if (::fstat(fd_of(file), &st) != 0) return system_error(errno, "looking at a new file");
    return to_status(st);
}

Result<void> PosixDisk::link_unnamed(DiskFile& file, const std::string& path) {
    const Place at = split(path);
    const Fd parent = PERDURE_TRY(open_directory(at.directory));
    char self[32];
    std::snprintf(self, sizeof self, "/proc/self/fd/%d", fd_of(file));
    if (::linkat(AT_FDCWD, self, parent.get(), at.name.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
    // Without /proc, those with CAP_DAC_READ_SEARCH have another way (linkat(2)).
    if (errno == ENOENT &&
        ::linkat(fd_of(file), "", parent.get(), at.name.c_str(), AT_EMPTY_PATH) == 0)
        return {};
    return error_or_unsupported("linking an unnamed file", path,
                                {ENOENT, EPERM, EOPNOTSUPP, ENOSYS});
}

Result<void> PosixDisk::link(const std::string& from, const std::string& to) {
    const Place old_place = split(from);
    const Place new_place = split(to);
    const Fd source = PERDURE_TRY(open_directory(old_place.directory));
    const Fd target = PERDURE_TRY(open_directory(new_place.directory));
    if (::linkat(source.get(), old_place.name.c_str(), target.get(), new_place.name.c_str(), 0) ==
        0)
        return {};
    return error_or_unsupported("linking", to, {EPERM, EOPNOTSUPP, ENOSYS});
}

Result<void> PosixDisk::rename_new(const std::string& from, const std::string& to) {
    const Place old_place = split(from);
    const Place new_place = split(to);
    const Fd source = PERDURE_TRY(open_directory(old_place.directory));
    const Fd target = PERDURE_TRY(open_directory(new_place.directory));
    if (::renameat2(source.get(), old_place.name.c_str(), target.get(), new_place.name.c_str(),
                    RENAME_NOREPLACE) == 0)
        return {};
    return error_or_unsupported("renaming without replacing", to, {EINVAL, EOPNOTSUPP, ENOSYS});
}

Result<void> PosixDisk::rename_over(const std::string& from, const std::string& to) {
    const Place old_place = split(from);
    const Place new_place = split(to);
    const Fd source = PERDURE_TRY(open_directory(old_place.directory));
    const Fd target = PERDURE_TRY(open_directory(new_place.directory));
    if (::renameat(source.get(), old_place.name.c_str(), target.get(), new_place.name.c_str()) == 0)
        return {};
    return error_of("renaming", to);
}

Result<void> PosixDisk::unlink(const std::string& path) {
    const Place at = split(path);
    const Fd parent = PERDURE_TRY(open_directory(at.directory));
    if (::unlinkat(parent.get(), at.name.c_str(), 0) != 0) return error_of("removing", path);
    return {};
}

Result<void> PosixDisk::make_directory(const std::string& path) {
    const Place at = split(path);
    const Fd parent = PERDURE_TRY(open_directory(at.directory));
    if (::mkdirat(parent.get(), at.name.c_str(), directory_mode_) != 0)
        return error_of("making the directory", path);
    return {};
}

Result<void> PosixDisk::sync_directory(const std::string& path) {
    const Fd directory = PERDURE_TRY(open_directory(path));
    if (::fsync(directory.get()) != 0) return error_of("syncing the directory", path);
    return {};
}

Result<Buffer> PosixDisk::read(const std::string& path, std::uint64_t offset,
                               std::uint64_t length) {
    const Place at = split(path);
    const Fd parent = PERDURE_TRY(open_directory(at.directory));
    // O_NONBLOCK: somebody's FIFO at that name must not hang us.
    const Fd file(uninterrupted([&] {
        return ::openat(parent.get(), at.name.c_str(),
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }));
    if (!file && (errno == ELOOP || errno == ENXIO)) errno = ENOENT;
    if (!file) return error_of("opening", path);
    struct stat st {};
    if (::fstat(file.get(), &st) != 0) return error_of("looking at", path);
    if (!S_ISREG(st.st_mode)) return system_error(ENOENT, "opening " + path);
    return read_range(file.get(), path, static_cast<std::uint64_t>(st.st_size), offset, length);
}

Result<FileStatus> PosixDisk::stat(const std::string& path) {
    const Place at = split(path);
    const Fd parent = PERDURE_TRY(open_directory(at.directory));
    struct stat st {};
    if (::fstatat(parent.get(), at.name.empty() ? "." : at.name.c_str(), &st,
                  AT_SYMLINK_NOFOLLOW) != 0)
        return error_of("looking at", path);
    return to_status(st);
}

Result<std::vector<DirectoryEntry>> PosixDisk::list(const std::string& path) {
    Fd fd = PERDURE_TRY(open_directory(path));
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), &::closedir);
    if (!stream) return error_of("listing", path);
    fd.release();  // the stream closes it
    std::vector<DirectoryEntry> entries;
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(stream.get());
        if (entry == nullptr && errno != 0) return error_of("listing", path);
        if (entry == nullptr) return entries;
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat st {};
        if (::fstatat(::dirfd(stream.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            entries.push_back({std::string(name), to_status(st)});
        else if (errno != ENOENT)
            return error_of("looking at", path + "/" + std::string(name));
    }
}

}  // namespace perdure
