#include "target/directory/remove.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "base/fd.h"

namespace perdure {

namespace {

constexpr int kReadDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// A directory being emptied; on a stack of our own, since trees may be deeper than the thread's.
struct Level {
    Fd fd;
    std::string name;
    std::vector<std::string> names;
};

class Remover {
public:
    Remover(int directory, std::uint64_t device) : directory_(directory), device_(device) {}

    std::vector<NotRemoved> run(const std::string& name) {
        take(name);
        while (!levels_.empty()) {
            if (levels_.back().names.empty()) {
                leave();
            } else {
                const std::string next = std::move(levels_.back().names.back());
                levels_.back().names.pop_back();
                take(next);
            }
        }
        return std::move(left_);
    }

private:
    int at() const { return levels_.empty() ? directory_ : levels_.back().fd.get(); }

    // Removes an entry, or goes into it.
    void take(const std::string& name) {
        if (::unlinkat(at(), name.c_str(), 0) == 0 || errno == ENOENT) return;
        if (errno != EISDIR) return stays(name, errno);
        if (::unlinkat(at(), name.c_str(), AT_REMOVEDIR) == 0) return;
        Level level{Fd(::openat(at(), name.c_str(), kReadDirectory)), name, {}};
        struct stat info {};
        if (!level.fd || ::fstat(level.fd.get(), &info) != 0) return stays(name, errno);
        if (info.st_dev != device_) return stays(name, EXDEV);
        if (const int failed = list_names(level.fd.get(), level.names)) return stays(name, failed);
        levels_.push_back(std::move(level));
    }

    void leave() {
        const std::string name = std::move(levels_.back().name);
        levels_.pop_back();
        if (::unlinkat(at(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
        // What stayed in it has been told already.
        if (errno != ENOTEMPTY || left_.empty()) stays(name, errno);
    }

    void stays(const std::string& name, int code) {
        std::string path;
        for (const auto& level : levels_) path += level.name + "/";
        path += name;
        // Relative to the first name.
        const auto slash = path.find('/');
        left_.push_back({slash == std::string::npos ? "" : path.substr(slash + 1), code});
    }

    const int directory_;
    const std::uint64_t device_;
    std::vector<Level> levels_;
    std::vector<NotRemoved> left_;
};

}  // namespace

std::vector<NotRemoved> remove_tree(int directory, const std::string& name, std::uint64_t device) {
    return Remover(directory, device).run(name);
}

int list_names(int directory, std::vector<std::string>& names) {
    // fdopendir() takes its descriptor over, so it gets one of its own.
    Fd own(::openat(directory, ".", kReadDirectory));
    if (!own) return errno;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), ::closedir);
    if (!stream) return errno;
    own.release();
    for (;;) {
        errno = 0;
        const dirent* found = ::readdir(stream.get());
        if (found == nullptr) return errno;
        const std::string_view name = found->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
}

}  // namespace perdure
