#include "store/local/publisher.h"

#include <array>
#include <optional>
#include <utility>

#include "base/hex.h"
#include "base/try.h"

namespace perdure {

namespace {

// Names of our drafts: this and 32 hex digits. Nothing else in tmp/ is ever removed.
constexpr std::string_view kDraftPrefix = "draft-";
constexpr std::size_t kDraftIdBytes = 16;
// Whose process is dead cannot be known here (another host may be writing), so a draft is left
// alone for far longer than any create takes. If one that is still wanted goes, its link fails: no
// harm.
constexpr std::int64_t kStaleAfterNs = 24ll * 3600 * 1'000'000'000;

bool is_draft_name(std::string_view name) {
    std::array<std::byte, kDraftIdBytes> id{};
    return name.starts_with(kDraftPrefix) && from_hex(name.substr(kDraftPrefix.size()), id);
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool is_unsupported(const Result<void>& result) {
    return !result && result.error().kind() == ErrorKind::Unsupported;
}

/// The name is there, perhaps not for good: that must not look like one of the kinds that promise
/// "nothing happened".
Error after_naming(const Error& error, const std::string& path) {
    return Error(ErrorKind::Io, error.describe())
        .with_system_code(error.system_code())
        .context("making the name " + path + " durable");
}

}  // namespace

/// A written and synced file that has no final name yet. Removes its temporary name when it goes;
/// that may fail, and then the name waits for remove_stale_drafts().
struct Publisher::Draft {
    Draft(Disk& disk_in, std::unique_ptr<DiskFile> file_in, std::string name_in)
        : disk(&disk_in), file(std::move(file_in)), name(std::move(name_in)) {}
    Draft(Draft&&) noexcept = default;
    Draft& operator=(Draft&&) = delete;
    ~Draft() {
        if (file && !name.empty()) static_cast<void>(disk->unlink(name).has_value());
    }

    bool is_named() const { return !name.empty(); }

    Disk* disk;
    std::unique_ptr<DiskFile> file;
    std::string name;  // "" if unnamed
};

void Publisher::fill_random(MutableByteView out) {
    random_.with([&](Random* random) { random->fill(out); });
}

Result<void> Publisher::publish(const std::string& path, ByteView bytes) {
    const auto to_sync = PERDURE_TRY(make_directories(parent_of(path)));
    std::optional<Draft> draft = PERDURE_TRY(write_draft(parent_of(path), bytes));
    auto named = give_name(*draft, path);
    if (is_unsupported(named) && !draft->is_named()) {
        // It can make unnamed files but not name them (no /proc): start again with a named one.
        unnamed_works_ = false;
        draft.emplace(PERDURE_TRY(write_named_draft(bytes)));
        named = give_name(*draft, path);
    }
    if (named || is_ours(*draft, path, bytes)) {
        auto durable = sync_directories(to_sync);
        if (!durable) return after_naming(durable.error(), path);
        return {};
    }
    if (named.error().kind() != ErrorKind::AlreadyExists) return std::move(named).error();
    const auto there = disk_.stat(path);
    if (there && there->type == FileType::Directory)
        return Error(ErrorKind::InvalidInput, path + " is a directory, so it cannot be an object");
    // Whoever made it may still be on the way to this step, or have died before it.
    PERDURE_TRY(sync_directories(to_sync));
    return Error(ErrorKind::AlreadyExists, "object " + path + " exists");
}

Result<void> Publisher::replace(const std::string& path, ByteView bytes) {
    const auto to_sync = PERDURE_TRY(make_directories(parent_of(path)));
    const Draft draft = PERDURE_TRY(write_named_draft(bytes));
    PERDURE_TRY(disk_.rename_over(draft.name, path));
    auto durable = sync_directories(to_sync);
    return durable ? std::move(durable) : Result<void>(after_naming(durable.error(), path));
}

/// Makes `directory` and all above it. Answers what must be synced, deepest first, before a name in
/// `directory` may be called durable.
Result<std::vector<std::string>> Publisher::make_directories(const std::string& directory) {
    std::vector<std::string> missing;  // deepest first
    for (auto at = directory; !at.empty(); at = parent_of(at)) {
        const bool known = durable_directories_.with(
            [&](const auto& directories) { return directories.contains(at); });
        if (known) break;
        missing.push_back(at);
    }
    std::vector<std::string> to_sync{directory};
    for (const auto& at : missing) to_sync.push_back(parent_of(at));
    for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
        auto made = disk_.make_directory(*at);
        if (made) continue;
        if (made.error().kind() != ErrorKind::AlreadyExists) return std::move(made).error();
        const auto there = PERDURE_TRY(disk_.stat(*at));
        if (there.type != FileType::Directory)
            return Error(ErrorKind::InvalidInput,
                         *at + " is not a directory, so nothing can lie in it");
    }
    return to_sync;
}

Result<void> Publisher::sync_directories(const std::vector<std::string>& directories) {
    for (const auto& directory : directories) PERDURE_TRY(disk_.sync_directory(directory));
    // The last one's own entry was known to be durable before, or it is the root; every other one's
    // parent comes after it in the list.
    durable_directories_.with(
        [&](auto& known) { known.insert(directories.begin(), directories.end()); });
    return {};
}

Result<Publisher::Draft> Publisher::write_draft(const std::string& directory, ByteView bytes) {
    if (unnamed_works_) {
        auto file = disk_.create_unnamed(directory);
        if (file) {
            PERDURE_TRY(disk_.write(**file, bytes));
            PERDURE_TRY(disk_.sync(**file));
            return Draft(disk_, std::move(*file), "");
        }
        if (file.error().kind() != ErrorKind::Unsupported) return std::move(file).error();
        unnamed_works_ = false;
    }
    return write_named_draft(bytes);
}

Result<Publisher::Draft> Publisher::write_named_draft(ByteView bytes) {
    auto made = disk_.make_directory(kTempDirectory);
    if (!made && made.error().kind() != ErrorKind::AlreadyExists) return std::move(made).error();
    std::array<std::byte, kDraftIdBytes> id{};
    fill_random(id);
    auto name = std::string(kTempDirectory) + "/" + std::string(kDraftPrefix) + to_hex(id);
    auto file = PERDURE_TRY(disk_.create_named(name));
    Draft draft(disk_, std::move(file), std::move(name));
    PERDURE_TRY(disk_.write(*draft.file, bytes));
    PERDURE_TRY(disk_.sync(*draft.file));
    if (!swept_.exchange(true)) remove_stale_drafts(*draft.file);
    return draft;
}

Result<void> Publisher::give_name(Draft& draft, const std::string& path) {
    if (draft.is_named()) return give_name_to_named(draft, path);
    return disk_.link_unnamed(*draft.file, path);
}

Result<void> Publisher::give_name_to_named(Draft& draft, const std::string& path) {
    if (link_works_) {
        auto linked = disk_.link(draft.name, path);
        if (!is_unsupported(linked)) return linked;
        link_works_ = false;
    }
    auto renamed = disk_.rename_new(draft.name, path);
    if (!is_unsupported(renamed)) return renamed;
    possible_ = false;
    return Error(ErrorKind::Unsupported,
                 "this file system can neither link files nor rename without replacing")
        .with_hint(
            "two writers could overwrite each other's objects there; choose another file system");
}

bool Publisher::is_ours(const Draft& draft, const std::string& path, ByteView bytes) {
    const auto held = disk_.status(*draft.file);
    const auto there = disk_.stat(path);
    if (!held || !there || there->type != FileType::File) return false;
    const std::uint64_t links_before = draft.is_named() ? 1 : 0;
    if (!(held->id == there->id) && held->links <= links_before) return false;
    const auto content = disk_.read(path, 0, Disk::kToEnd);
    return content && equal(*content, bytes);
}

/// `fresh` was written a moment ago in tmp/: its time is the file system's own now.
void Publisher::remove_stale_drafts(const DiskFile& fresh) {
    const auto now = disk_.status(fresh);
    const auto entries = disk_.list(kTempDirectory);
    if (!now || !entries) return;
    for (const auto& entry : *entries) {
        if (entry.status.type != FileType::File || !is_draft_name(entry.name)) continue;
        if (entry.status.modified_ns > now->modified_ns - kStaleAfterNs) continue;
        // Best effort: a draft that stays costs space and nothing else.
        static_cast<void>(disk_.unlink(std::string(kTempDirectory) + "/" + entry.name).has_value());
    }
}

}  // namespace perdure
