#include "source/files/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/try.h"
#include "source/files/details.h"
#include "source/files/open_file.h"
#include "source/files/root.h"
#include "source/files/walk.h"

namespace perdure {

namespace {

class FilesSource final : public FileSource {
public:
    explicit FilesSource(std::shared_ptr<const FilesRoot> root) : root_(std::move(root)) {}

    std::unique_ptr<FileWalk> walk() override {
        return std::make_unique<TreeWalk>(root_, TreeWalk::affordable_directories());
    }
    std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) override {
        return open_walked_file(walked);
    }
    std::vector<Issue> read_details(WalkedEntry& walked, const OpenFile* file) override {
        // Every open file a caller can have of this source came from open().
        return read_entry_details(walked, static_cast<const ReadFile*>(file));
    }

private:
    std::shared_ptr<const FilesRoot> root_;
};

// As a user who looks at the path would name it, so that exclude patterns match what they see.
std::string absolute_path_of(const std::string& root) {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(root, failed);
    std::string path = (failed ? std::filesystem::path(root) : absolute).lexically_normal();
    while (path.ends_with('/')) path.pop_back();
    return path;
}

Result<std::shared_ptr<const DirectoryHandle>> open_directory(const std::string& path) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0)
        return system_error(errno, "opening \"" + path + "\"");
    return std::shared_ptr<const DirectoryHandle>(
        std::make_shared<DirectoryHandle>(std::move(fd), info.st_dev, info.st_ino));
}

// A root that is no directory is found by its name in the directory that holds it.
Result<void> open_root(const std::string& path, FilesRoot& root) {
    struct stat info {};
    if (path.empty()) return Error(ErrorKind::InvalidInput, "the path of the source is empty");
    if (::lstat(path.c_str(), &info) != 0) return system_error(errno, "opening \"" + path + "\"");
    if (S_ISDIR(info.st_mode) || path.ends_with('/')) {
        root.directory = PERDURE_TRY(open_directory(path));
        root.name.assign(1, '.');
        return {};
    }
    const auto slash = path.rfind('/');
    root.name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    root.directory =
        PERDURE_TRY(open_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1)));
    return {};
}

Result<std::vector<std::string>> wanted_paths(std::vector<std::string> only) {
    for (const auto& path : only)
        if (!is_clean_path(path))
            return Error(ErrorKind::InvalidInput,
                         "\"" + path + "\" is not a path within the source");
    std::sort(only.begin(), only.end(), path_less);
    std::vector<std::string> wanted;
    for (auto& path : only) {
        if (path.empty()) return std::vector<std::string>();
        if (wanted.empty() || (wanted.back() != path && !is_beneath(path, wanted.back())))
            wanted.push_back(std::move(path));
    }
    return wanted;
}

}  // namespace

Result<std::unique_ptr<FileSource>> open_files(const std::string& root,
                                               const FilesOptions& options) {
    auto opened = std::make_shared<FilesRoot>();
    PERDURE_TRY(open_root(root, *opened));
    opened->absolute_path = absolute_path_of(root);
    opened->exclude = PERDURE_TRY(Patterns::parse(options.exclude));
    opened->exclude_if_present = options.exclude_if_present;
    opened->exclude_caches = options.exclude_caches;
    opened->one_file_system = options.one_file_system;
    opened->exclude_identities = {options.exclude_identities.begin(),
                                  options.exclude_identities.end()};
    opened->only = PERDURE_TRY(wanted_paths(options.only));
    return std::unique_ptr<FileSource>(std::make_unique<FilesSource>(std::move(opened)));
}

}  // namespace perdure
