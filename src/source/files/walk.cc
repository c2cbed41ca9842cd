#include "source/files/walk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "source/files/stat_entry.h"

namespace perdure {

namespace {

// One call lists nearly every directory; larger buffers measured no faster.
constexpr std::size_t kListingBuffer = 256 * 1024;

// Listings asked for ahead: enough to keep a second thread busy, few enough to be used while they
// are fresh, and to hold few descriptors.
constexpr std::size_t kAheadInLevel = 16;
constexpr std::size_t kAheadInAll = 64;

constexpr std::string_view kCacheTag = "Signature: 8a477f597d28d172789f06886806bc55";

std::string reason(const char* doing, int code) {
    return std::string(doing) + ": " + std::generic_category().message(code);
}

Issue unreadable(std::string path, const char* doing, int code) {
    const auto kind = code == ENOENT ? IssueKind::Vanished : IssueKind::Unreadable;
    return {kind, std::move(path), reason(doing, code)};
}

bool is_cache_tag(int directory) {
    const Fd file(::openat(directory, "CACHEDIR.TAG",
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
    char start[kCacheTag.size()];
    return ::pread(file.get(), start, sizeof start, 0) == static_cast<ssize_t>(sizeof start) &&
           std::string_view(start, sizeof start) == kCacheTag;
}

}  // namespace

TreeWalk::TreeWalk(std::shared_ptr<const FilesRoot> root, std::size_t open_directories)
    : root_(std::move(root)),
      open_directories_(std::max<std::size_t>(open_directories, 2)),
      buffer_(kListingBuffer),
      listings_(root_) {}

std::size_t TreeWalk::affordable_directories() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
    if (limit.rlim_cur < limit.rlim_max) {
        const rlimit raised{limit.rlim_max, limit.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    // The rest is for directories that walked entries keep, files being read and the repository.
    return std::clamp<std::size_t>(limit.rlim_cur / 4, 16, 8192);
}

std::optional<WalkEvent> TreeWalk::next() {
    if (!started_) {
        started_ = true;
        return visit_root();
    }
    if (descend_) {
        descend_ = false;
        if (auto issue = enter()) return WalkEvent(*std::move(issue));
    }
    while (depth_ > 0) {
        Level& level = levels_[depth_ - 1];
        if (level.next_name < level.names.size()) {
            if (auto event = visit(level, level.next_name++)) return event;
        } else if (auto issue = leave()) {
            return WalkEvent(*std::move(issue));
        }
    }
    return std::nullopt;
}

WalkEvent TreeWalk::visit_root() {
    struct stat info {};
    const int directory = root_->directory->fd();
    if (::fstatat(directory, root_->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
        return unreadable("", "reading the root", errno);
    Wanted below;
    if (!root_->only.empty()) below = {false, 0, root_->only.size()};
    WalkedEntry walked;
    walked.parent = root_->directory;
    walked.name = root_->name;
    // deliver() answers nothing only for what lies below a root.
    auto event = deliver(std::move(walked), info, below);
    return event ? *std::move(event) : WalkEvent(Issue{IssueKind::Unsupported, "", "is excluded"});
}

std::optional<WalkEvent> TreeWalk::visit(Level& level, std::size_t name) {
    const std::string_view text = level.names[name];
    path_.resize(level.path_length);
    if (!path_.empty()) path_ += '/';
    path_ += text;
    if (level.excludes_all || is_excluded(path_)) return Excluded{path_};
    const auto below = wanted_below(level);
    if (!below) return std::nullopt;
    NameStat stat;
    if (name < level.stats.size())
        stat = level.stats[name];
    else if (::fstatat(level.handle->fd(), level.names.c_str(name), &stat.info,
                       AT_SYMLINK_NOFOLLOW) != 0)
        stat.failed = errno;
    if (stat.failed != 0) {
        // A name that was asked for did not come from a listing, so it cannot have vanished.
        if (stat.failed == ENOENT && !level.wanted.all)
            return Issue{IssueKind::Unreadable, path_, reason("looking for it", ENOENT)};
        return unreadable(path_, "reading its metadata", stat.failed);
    }
    WalkedEntry walked;
    walked.parent = level.handle;
    walked.name = text;
    return deliver(std::move(walked), stat.info, *below);
}

std::optional<WalkEvent> TreeWalk::deliver(WalkedEntry walked, const struct stat& info,
                                           Wanted below) {
    if (!path_.empty() && !root_->exclude_identities.empty() &&
        root_->exclude_identities.contains({info.st_dev, info.st_ino}))
        return Excluded{path_};
    Entry& entry = walked.entry;
    entry.path = path_;
    if (!fill_from_stat(entry, info))
        return Issue{IssueKind::Unsupported, path_, "is of a type this system does not name"};
    const bool is_directory = entry.type == EntryType::Directory;
    if (!is_directory && !below.all) return missing_below(below, "is not a directory");
    entry.user = ids_.user(entry.uid);
    entry.group = ids_.group(entry.gid);
    entered_device_ = entry.device;
    entered_inode_ = entry.inode;
    below_ = below;
    descend_ = is_directory &&
               !(root_->one_file_system && depth_ > 0 && entry.device != levels_[0].device);
    return walked;
}

// Nothing if the entry at path_ is neither wanted nor leads to something that is.
std::optional<TreeWalk::Wanted> TreeWalk::wanted_below(const Level& level) const {
    if (level.wanted.all) return level.wanted;
    const auto& only = root_->only;
    const auto begin = only.begin() + static_cast<std::ptrdiff_t>(level.wanted.first);
    const auto end = only.begin() + static_cast<std::ptrdiff_t>(level.wanted.end);
    const auto first = std::lower_bound(begin, end, path_, path_less);
    if (first != end && *first == path_) return Wanted{};
    const auto last = std::partition_point(
        first, end, [this](const std::string& path) { return is_beneath(path, path_); });
    if (first == last) return std::nullopt;
    return Wanted{false, static_cast<std::size_t>(first - only.begin()),
                  static_cast<std::size_t>(last - only.begin())};
}

// What was asked for below something that has no below. One issue names the first; how many more
// there are stands in its text.
std::optional<WalkEvent> TreeWalk::missing_below(const Wanted& wanted, const char* why) {
    std::string text = "\"" + path_ + "\" " + why;
    if (const auto more = wanted.end - wanted.first - 1; more > 0)
        text += " (and " + std::to_string(more) + " more paths below it)";
    return Issue{IssueKind::Unreadable, root_->only[wanted.first], std::move(text)};
}

bool TreeWalk::is_excluded(std::string_view path) {
    if (root_->exclude.empty()) return false;
    absolute_.assign(root_->absolute_path);
    absolute_ += '/';
    absolute_ += path;
    return root_->exclude.exclude(absolute_);
}

// Opens and lists the directory that was delivered last, at path_.
std::optional<Issue> TreeWalk::enter() {
    if (auto listing = listed_ahead()) return enter(*std::move(listing));
    int failed = 0;
    Listing listing;
    listing.fd = open_below(depth_, failed);
    if (!listing.fd && (failed == EMFILE || failed == ENFILE)) {
        let_go_above(1);
        listing.fd = open_below(depth_, failed);
    }
    if (!listing.fd) return unreadable(path_, "opening the directory", failed);
    if (::fstat(listing.fd.get(), &listing.info) != 0)
        return unreadable(path_, "opening the directory", errno);
    return enter(std::move(listing));
}

std::optional<Issue> TreeWalk::enter(Listing listing) {
    const struct stat& info = listing.info;
    if (info.st_dev != entered_device_ || info.st_ino != entered_inode_)
        return Issue{IssueKind::Vanished, path_, "another directory stood in its place"};

    if (levels_.size() == depth_) levels_.emplace_back();
    Level& level = levels_[depth_++];
    level.handle =
        std::make_shared<DirectoryHandle>(std::move(listing.fd), info.st_dev, info.st_ino);
    level.device = info.st_dev;
    level.inode = info.st_ino;
    level.names.clear();
    level.stats.clear();
    level.next_name = level.next_ahead = 0;
    level.path_length = path_.size();
    level.wanted = below_;
    level.excludes_all = holds_exclusion_mark(level.handle->fd());
    let_go_above(open_directories_);
    if (listing.listed) {
        std::swap(level.names, listing.names);
        std::swap(level.stats, listing.stats);
    } else {
        listing.failed = list(level);
    }
    ask_ahead(level);
    if (listing.failed != 0) return unreadable(path_, "listing the directory", listing.failed);
    return std::nullopt;
}

// Opens the directory that level `depth` is to be about: the root, or the one that the level above
// visited last.
Fd TreeWalk::open_below(std::size_t depth, int& failed) const {
    const Level* above = depth > 0 ? &levels_[depth - 1] : nullptr;
    const int at = above != nullptr ? above->handle->fd() : root_->directory->fd();
    const char* name = above != nullptr ? above->names.c_str(above->next_name - 1) : ".";
    Fd fd = open_directory(at, name);
    failed = fd ? 0 : errno;
    return fd;
}

// The errno of a failure, else 0.
int TreeWalk::list(Level& level) {
    if (level.wanted.all || level.excludes_all)
        return level.names.read(level.handle->fd(), buffer_);
    const std::size_t skip = path_.empty() ? 0 : path_.size() + 1;
    for (std::size_t i = level.wanted.first; i < level.wanted.end; ++i) {
        const std::string_view rest = std::string_view(root_->only[i]).substr(skip);
        level.names.add(rest.substr(0, rest.find('/')));
    }
    level.names.sort();
    return 0;
}

// Of the directory that was delivered last, if it was asked for and made.
std::optional<Listing> TreeWalk::listed_ahead() {
    if (depth_ == 0) return std::nullopt;
    Level& parent = levels_[depth_ - 1];
    std::optional<Listing> listing;
    while (!parent.ahead.empty() && parent.ahead.front().name < parent.next_name) {
        ListingAhead::Request& request = *parent.ahead.front().request;
        if (parent.ahead.front().name + 1 == parent.next_name)
            listing = ListingAhead::take(request);
        else
            ListingAhead::drop(request);
        parent.ahead.pop_front();
        --asked_;
    }
    ask_ahead(parent);
    return listing;
}

// Only for what will be entered: nothing that is excluded is touched.
void TreeWalk::ask_ahead(Level& level) {
    if (!level.wanted.all || level.excludes_all || !level.handle) return;
    level.next_ahead = std::max(level.next_ahead, level.next_name);
    std::string path;
    while (level.ahead.size() < kAheadInLevel && asked_ < kAheadInAll &&
           level.next_ahead < level.names.size()) {
        const std::size_t name = level.next_ahead++;
        if (!level.names.is_directory(name)) continue;
        if (!root_->exclude.empty()) {
            path.assign(path_, 0, level.path_length);
            if (!path.empty()) path += '/';
            path += level.names[name];
            if (is_excluded(path)) continue;
        }
        level.ahead.push_back({name, listings_.ask(level.handle, level.names[name], depth_)});
        ++asked_;
    }
}

void TreeWalk::drop_ahead(Level& level) {
    for (const Ahead& ahead : level.ahead) ListingAhead::drop(*ahead.request);
    asked_ -= level.ahead.size();
    level.ahead.clear();
}

// Goes back to the parent; an issue if it had been let go and is no longer found.
std::optional<Issue> TreeWalk::leave() {
    Level& left = levels_[--depth_];
    left.handle.reset();
    drop_ahead(left);
    let_go_ = std::min(let_go_, depth_);
    if (depth_ == 0) return std::nullopt;
    Level& parent = levels_[depth_ - 1];
    if (parent.handle || parent.next_name == parent.names.size()) return std::nullopt;
    const int failed = find_again(depth_ - 1);
    if (failed == 0) return std::nullopt;
    parent.next_name = parent.names.size();
    path_.resize(parent.path_length);
    return unreadable(path_, "going back to it for the rest of it", failed);
}

// Opens level `depth` again, by the names that led to it, and keeps half of what may be held of the
// levels above it, so that a deep tree is not walked from the root for each of its levels.
int TreeWalk::find_again(std::size_t depth) {
    const std::size_t first_kept = depth - std::min(depth, open_directories_ / 2);
    for (std::size_t i = 0; i <= depth; ++i) {
        int failed = 0;
        Fd fd = open_below(i, failed);
        struct stat info {};
        if (fd && ::fstat(fd.get(), &info) != 0) failed = errno;
        Level& level = levels_[i];
        if (failed == 0 && (info.st_dev != level.device || info.st_ino != level.inode))
            failed = ENOENT;
        if (i > 0 && (i - 1 < first_kept || failed != 0)) levels_[i - 1].handle.reset();
        if (failed != 0) {
            let_go_above(0);
            return failed;
        }
        level.handle = std::make_shared<DirectoryHandle>(std::move(fd), info.st_dev, info.st_ino);
    }
    let_go_ = first_kept;
    return 0;
}

// Lets go of all handles but the deepest `keep`.
void TreeWalk::let_go_above(std::size_t keep) {
    while (depth_ > keep && let_go_ < depth_ - keep) levels_[let_go_++].handle.reset();
}

bool TreeWalk::holds_exclusion_mark(int directory) const {
    struct stat info {};
    for (const auto& name : root_->exclude_if_present)
        if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return true;
    return root_->exclude_caches && is_cache_tag(directory);
}

}  // namespace perdure
