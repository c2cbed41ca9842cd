#include "cloudsim/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/fd.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/try.h"

namespace perdure::cloudsim {
namespace {

std::string random_name() {
    std::byte bytes[16];
    system_random().fill(bytes);
    return to_hex(bytes);
}

Result<void> write_file(const std::string& path, ByteView bytes) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return system_error(errno, "making " + path);
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, "writing " + path);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

}  // namespace

Blob::~Blob() {
    if (discarded_ && !path_.empty()) ::unlink(path_.c_str());
}

Result<void> Blob::read(std::uint64_t offset, MutableByteView out) const {
    if (offset > size_ || out.size() > size_ - offset)
        return Error(ErrorKind::Corrupt, "blob " + name_ + " is shorter than was asked for");
    if (out.empty()) return {};
    if (path_.empty()) {
        std::memcpy(out.data(), bytes_.data() + offset, out.size());
        return {};
    }
    const Fd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return system_error(errno, "opening " + path_);
    while (!out.empty()) {
        const ssize_t got = ::pread(fd.get(), out.data(), out.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "reading " + path_);
        if (got == 0) return Error(ErrorKind::Corrupt, path_ + " was cut off");
        out = out.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
    return {};
}

Result<Buffer> Blob::read_all() const {
    Buffer bytes(size_);
    PERDURE_TRY(read(0, bytes));
    return bytes;
}

Result<BlobPtr> BlobStore::put(Buffer bytes) {
    const std::uint64_t size = bytes.size();
    std::string name = random_name();
    if (directory_.empty())
        return BlobPtr(std::make_shared<Blob>(std::move(name), "", std::move(bytes), size));
    std::error_code ignored;
    std::filesystem::create_directories(directory_, ignored);
    std::string path = path_of(name);
    PERDURE_TRY(write_file(path, bytes));
    return BlobPtr(std::make_shared<Blob>(std::move(name), std::move(path), Buffer(), size));
}

Result<BlobPtr> BlobStore::open(const std::string& name) {
    const std::string path = path_of(name);
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return system_error(errno, "opening " + path);
    return BlobPtr(
        std::make_shared<Blob>(name, path, Buffer(), static_cast<std::uint64_t>(status.st_size)));
}

void BlobStore::remove_all_but(const std::set<std::string>& names) const {
    if (directory_.empty()) return;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, failed))
        if (!names.contains(entry.path().filename().string())) ::unlink(entry.path().c_str());
}

}  // namespace perdure::cloudsim
