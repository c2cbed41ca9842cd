#include "target/directory/creator.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/hex.h"
#include "base/random.h"
#include "base/try.h"
#include "target/directory/remove.h"

namespace perdure {

namespace {

// Restores go in path order, and on several threads not far from it.
constexpr std::size_t kOpenParents = 128;

// An earlier restore may have made immutable what has to go now.
void unprotect_at(const Place& place) {
    const Fd old(::openat(place.directory(), place.name.c_str(),
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat info {};
    if (old && ::fstat(old.get(), &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)))
        unprotect(old.get());
}

}  // namespace

std::optional<struct stat> Place::look() const {
    struct stat info {};
    if (::fstatat(directory(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    return info;
}

DirectoryState::DirectoryState(Resolver resolver, const DirectoryTargetOptions& chosen)
    : options(chosen), parents(std::move(resolver), kOpenParents) {
    rules.root = ::geteuid() == 0;
    rules.restore_owner = chosen.restore_owner;
    rules.inherits = hands_on(parents.root());
}

Result<Place> find_place(DirectoryState& state, const std::string& path) {
    if (path.empty() || !is_clean_path(path))
        return Error(ErrorKind::InvalidInput, "\"" + path + "\" is no path for an entry");
    auto parent = PERDURE_TRY(state.parents.get(parent_of(path)));
    return Place{std::move(parent), std::string(name_of(path))};
}

std::string temporary_name() {
    std::array<std::byte, 12> random;
    system_random().fill(random);
    return ".perdure-" + to_hex(random);
}

std::string doing(const char* verb, const std::string& path) {
    return std::string(verb) + " \"" + path + '"';
}

Error entry_error(int code, std::string what) {
    switch (code) {
        case EINVAL:
        case EFBIG:
        case ENAMETOOLONG:
        case EOPNOTSUPP:
        case EILSEQ:
        case EMLINK:
        case EOVERFLOW:
        case EXDEV:
            return Error(ErrorKind::Unsupported,
                         std::move(what) + ": " + std::generic_category().message(code))
                .with_system_code(code);
        default: return system_error(code, std::move(what));
    }
}

Result<void> clear_directory(DirectoryState& state, const Place& place, const std::string& path) {
    state.parents.forget(path);
    if (::unlinkat(place.directory(), place.name.c_str(), AT_REMOVEDIR) == 0) return {};
    if (errno != ENOTEMPTY && errno != EEXIST) return entry_error(errno, doing("replacing", path));
    if (!state.options.replace_directories)
        return Error(ErrorKind::AlreadyExists,
                     doing("replacing", path) + ": a directory with content stands there");
    const auto left = remove_tree(place.directory(), place.name, place.parent->device);
    if (left.empty()) return {};
    return entry_error(left[0].code,
                       doing("replacing", path) + ": removing \"" + left[0].path + '"');
}

Result<void> remove_file(DirectoryState& state, const Place& place, const std::string& path) {
    const auto remove = [&] {
        return ::unlinkat(place.directory(), place.name.c_str(), 0) == 0 || errno == ENOENT;
    };
    if (remove()) return {};
    if (errno == EPERM && state.rules.root) {
        unprotect_at(place);
        if (remove()) return {};
    }
    return entry_error(errno, doing("replacing", path));
}

Result<void> rename_over(DirectoryState& state, const Place& place, const std::string& temporary,
                         const std::string& path) {
    const auto rename = [&] {
        return ::renameat(place.directory(), temporary.c_str(), place.directory(),
                          place.name.c_str()) == 0;
    };
    if (rename()) return {};
    if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {
        PERDURE_TRY(clear_directory(state, place, path));
        if (rename()) return {};
    } else if (errno == EPERM && state.rules.root) {
        unprotect_at(place);
        if (rename()) return {};
    }
    return entry_error(errno, doing("replacing", path));
}

Result<bool> make_link(DirectoryState& state, const HardLinks::Made& made,
                       const std::string& path) {
    const Place from = PERDURE_TRY(find_place(state, made.path));
    const Place to = PERDURE_TRY(find_place(state, path));
    const auto is_it = [&](const std::optional<struct stat>& info) {
        return info && info->st_dev == made.device && info->st_ino == made.inode;
    };
    const auto link = [&](const std::string& name) {
        return ::linkat(from.directory(), from.name.c_str(), to.directory(), name.c_str(), 0) == 0;
    };
    const auto existing = to.look();
    if (is_it(existing)) return true;
    if (existing && state.options.overwrite == Overwrite::Never) return true;
    const std::string name = existing ? temporary_name() : to.name;
    if (!link(name)) {
        const int code = errno;
        if (code != EMLINK && code != EXDEV && code != EPERM && code != EOPNOTSUPP)
            return entry_error(code, doing("linking", path));
        state.issues.add(path, "hard link to \"" + made.path +
                                   "\" not restored: " + std::generic_category().message(code));
        return false;
    }
    // What stands at the first name may have been exchanged since.
    if (!is_it(Place{to.parent, name}.look())) {
        ::unlinkat(to.directory(), name.c_str(), 0);
        return Error(ErrorKind::Denied, doing("linking", path) + ": \"" + made.path +
                                            "\" was replaced while it was restored");
    }
    if (!existing) return true;
    if (auto renamed = rename_over(state, to, name, path); !renamed) {
        ::unlinkat(to.directory(), name.c_str(), 0);
        return std::move(renamed).error();
    }
    return true;
}

void link_waiting(DirectoryState& state, const Entry& entry, std::uint64_t device,
                  std::uint64_t inode) {
    const HardLinks::Made made{entry.path, device, inode};
    for (const auto& path : state.links.made(entry, device, inode)) {
        auto linked = make_link(state, made, path);
        // Its content is not at hand any more.
        if (!linked || !*linked)
            state.issues.add(
                path, "not restored" + (linked ? std::string() : ": " + linked.error().describe()));
    }
}

void give_up_waiting(DirectoryState& state, const Entry& entry) {
    for (const auto& path : state.links.failed(entry))
        state.issues.add(path, "not restored, since \"" + entry.path +
                                   "\", which it is a hard link of, was not");
}

}  // namespace perdure
