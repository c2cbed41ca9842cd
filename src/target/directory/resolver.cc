#include "target/directory/resolver.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/try.h"

namespace perdure {

namespace {

// openat2() takes paths shorter than PATH_MAX; a longer one goes in stretches.
constexpr std::size_t kLongestStretch = 3840;

constexpr int kDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Fd open_beneath(int from, const std::string& path) {
    open_how how{};
    how.flags = kDirectory;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (;;) {
        const long fd = ::syscall(SYS_openat2, from, path.c_str(), &how, sizeof how);
        // EAGAIN: something was renamed meanwhile and the kernel could not vouch for the result.
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return Fd(static_cast<int>(fd));
    }
}

Fd open_by_components(int from, const std::string& path) {
    Fd at;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const std::string name = path.substr(start, end - start);
        at = Fd(::openat(at ? at.get() : from, name.c_str(), kDirectory));
        if (!at) return {};
        start = end + 1;
    }
    return at;
}

Result<void> make_directories(const std::string& path) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            // Above what has to be made, "cannot" is no obstacle if it is there.
            const int code = errno;
            struct stat info {};
            if (::stat(part.c_str(), &info) != 0)
                return system_error(code, "making \"" + part + '"');
        }
        if (end == std::string::npos) return {};
    }
}

}  // namespace

Result<Resolver> Resolver::open(const std::string& path) {
    if (path.empty()) return Error(ErrorKind::InvalidInput, "the path of the target is empty");
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    Fd root(::open(path.c_str(), kFlags));
    if (!root && errno == ENOENT) {
        PERDURE_TRY(make_directories(path));
        root = Fd(::open(path.c_str(), kFlags));
    }
    if (!root) return system_error(errno, "opening the target \"" + path + '"');
    // Old sandboxes answer EPERM to calls they do not know.
    const bool knows_openat2 = static_cast<bool>(open_beneath(root.get(), "."));
    return Resolver(std::move(root), knows_openat2 ? Method::Openat2 : Method::Components);
}

Fd Resolver::step(int from, const std::string& path) const {
    return method_ == Method::Openat2 ? open_beneath(from, path) : open_by_components(from, path);
}

Result<Fd> Resolver::directory(std::string_view path) const {
    if (path.empty()) path = ".";
    Fd at;
    for (std::size_t start = 0; start <= path.size();) {
        std::size_t end = path.size();
        if (end - start > kLongestStretch) end = path.rfind('/', start + kLongestStretch);
        at = step(at ? at.get() : root_.get(), std::string(path.substr(start, end - start)));
        if (!at) break;
        start = end + 1;
    }
    if (at) return at;
    const std::string what = "opening \"" + std::string(path) + "\" in the target";
    if (errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
        return Error(ErrorKind::Denied,
                     what + ": a symbolic link or a file stands where a directory belongs");
    return system_error(errno, what);
}

std::string_view parent_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace perdure
