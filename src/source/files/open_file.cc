#include "source/files/open_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/try.h"
#include "source/files/directory_handle.h"
#include "source/files/files.h"
#include "source/files/stat_entry.h"

namespace perdure {

namespace {

// How much of the holes is read to see whether they are holes (reliability F16: zero-filled copies
// made because a filesystem named dirty pages a hole). The first and last bytes of the first holes:
// wrong answers begin or end where data was written.
constexpr std::size_t kProbedHoles = 16;
constexpr std::size_t kProbeBytes = 4096;

Issue issue_of(IssueKind kind, const WalkedEntry& walked, const char* doing, int code) {
    return {kind, walked.entry.path,
            std::string(doing) + ": " + std::generic_category().message(code)};
}

bool all_zero(ByteView bytes) {
    return bytes.empty() || (bytes[0] == std::byte{0} &&
                             std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

Result<bool> holds_data(OpenFile& file, std::uint64_t offset, std::uint64_t length) {
    std::array<std::byte, kProbeBytes> bytes;
    const auto probe = static_cast<std::size_t>(std::min<std::uint64_t>(length, kProbeBytes));
    for (const std::uint64_t place : {offset, offset + length - probe}) {
        const auto got = PERDURE_TRY(file.read(place, MutableByteView(bytes.data(), probe)));
        if (!all_zero(ByteView(bytes.data(), got))) return true;
    }
    return false;
}

}  // namespace

std::variant<std::unique_ptr<OpenFile>, Issue> open_walked_file(WalkedEntry& walked) {
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    const int directory = walked.parent->fd();
    Fd fd(::openat(directory, walked.name.c_str(), kFlags | O_NOATIME));
    // Only its owner may leave the access time alone.
    if (!fd && errno == EPERM) fd = Fd(::openat(directory, walked.name.c_str(), kFlags));
    if (!fd) {
        const bool gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO;
        return issue_of(gone ? IssueKind::Vanished : IssueKind::Unreadable, walked, "opening it",
                        errno);
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0)
        return issue_of(IssueKind::Unreadable, walked, "opening it", errno);
    if (!S_ISREG(info.st_mode) || !is_same_inode(walked.entry, info))
        return Issue{IssueKind::Vanished, walked.entry.path,
                     "another file stood in its place when it was to be read"};
    fill_from_stat(walked.entry, info);
    return std::make_unique<ReadFile>(std::move(fd), info);
}

void ReadFile::read_ahead(std::uint64_t bytes) {
    ::posix_fadvise(fd_.get(), 0, static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

Result<std::size_t> ReadFile::read(std::uint64_t offset, MutableByteView out) {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t bytes = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                      static_cast<off_t>(offset + done));
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) return system_error(errno, "reading");
        done += static_cast<std::size_t>(bytes);
        // A short read ends a regular file; one before the end that is known was interrupted.
        if (bytes == 0 || offset + done >= size()) break;
    }
    return done;
}

bool ReadFile::may_be_sparse() const {
    return static_cast<std::uint64_t>(info_.st_blocks) * 512 <
           static_cast<std::uint64_t>(info_.st_size);
}

std::uint64_t ReadFile::size() const { return static_cast<std::uint64_t>(info_.st_size); }

Result<bool> ReadFile::changed_since_open() {
    struct stat now {};
    if (::fstat(fd_.get(), &now) != 0) return system_error(errno, "reading its metadata again");
    const auto same = [](const timespec& a, const timespec& b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    return now.st_size != info_.st_size || !same(now.st_mtim, info_.st_mtim) ||
           !same(now.st_ctim, info_.st_ctim);
}

Result<std::vector<DataExtent>> ReadFile::data_extents() {
    const std::uint64_t end = size();
    if (end == 0) return std::vector<DataExtent>();
    auto extents = PERDURE_TRY(seek_extents(end));
    if (PERDURE_TRY(data_in_holes(*this, extents, end))) return std::vector<DataExtent>{{0, end}};
    return extents;
}

Result<std::vector<DataExtent>> ReadFile::seek_extents(std::uint64_t end) {
    std::vector<DataExtent> extents;
    for (std::uint64_t at = 0; at < end;) {
        const off_t data = ::lseek(fd_.get(), static_cast<off_t>(at), SEEK_DATA);
        if (data < 0 && errno == EINVAL)  // a filesystem that cannot tell
            return std::vector<DataExtent>{{0, end}};
        // ENXIO: no more data. Also if the file shrank; changed_since_open() will say so.
        if (data < 0 && errno != ENXIO) return system_error(errno, "looking for its holes");
        if (data < 0 || static_cast<std::uint64_t>(data) >= end) break;
        const off_t hole = ::lseek(fd_.get(), data, SEEK_HOLE);
        if (hole < 0 && errno != ENXIO) return system_error(errno, "looking for its holes");
        const auto start = static_cast<std::uint64_t>(data);
        const auto stop = hole < 0 ? end : std::min(static_cast<std::uint64_t>(hole), end);
        if (stop <= start) break;
        extents.push_back({start, stop - start});
        at = stop;
    }
    return extents;
}

Result<bool> data_in_holes(OpenFile& file, const std::vector<DataExtent>& extents,
                           std::uint64_t size) {
    std::uint64_t at = 0;
    std::size_t probed = 0;
    for (std::size_t i = 0; i <= extents.size() && probed < kProbedHoles; ++i) {
        const std::uint64_t start = i < extents.size() ? extents[i].offset : size;
        if (start > at) {
            ++probed;
            if (PERDURE_TRY(holds_data(file, at, start - at))) return true;
        }
        if (i < extents.size()) at = start + extents[i].length;
    }
    return false;
}

std::unique_ptr<OpenFile> open_if_unchanged(const std::string& path, const Entry& was) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat now {};
    if (!fd || ::fstat(fd.get(), &now) != 0 || !S_ISREG(now.st_mode)) return nullptr;
    const auto nanoseconds = [](const timespec& t) {
        return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
    };
    const bool same = static_cast<std::uint64_t>(now.st_size) == was.size &&
                      now.st_ino == was.inode && nanoseconds(now.st_mtim) == was.mtime_ns &&
                      nanoseconds(now.st_ctim) == was.ctime_ns;
    if (!same) return nullptr;
    return std::make_unique<ReadFile>(std::move(fd), now);
}

}  // namespace perdure
