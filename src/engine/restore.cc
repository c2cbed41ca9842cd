#include "engine/restore.h"

#include <algorithm>
#include <map>

#include "base/bounded_queue.h"
#include "base/task_group.h"
#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kBatchFiles = 128;
constexpr std::uint64_t kBatchBytes = 8U << 20;
// Batches that are written at the same time lie near each other: what one reads ahead the next ones
// find.
constexpr std::uint64_t kBytesAtATime = 16U << 20;
constexpr std::size_t kQueuedBatches = 6;

struct FileBatch {
    std::vector<TreeEntry> files;  // with paths in the target
    std::uint64_t bytes = 0;
};

class RestoreRun {
public:
    RestoreRun(PointReader& reader, DirectoryTarget* target, const RestoreOptions& options,
               Reporter& reporter)
        : reader_(reader),
          target_(target),
          options_(options),
          reporter_(reporter),
          queue_(kQueuedBatches),
          batch_bytes_(std::min(kBatchBytes, kBytesAtATime / std::max(1U, options.workers))) {}

    Result<RestoreResult> run(const std::vector<RestoreItem>& items, std::stop_token stop);

private:
    Result<void> restore_item(const RestoreItem& item, std::stop_token stop);
    Result<void> restore_wanted(TreeCursor& cursor, TreeEntry entry, const std::string& original,
                                const std::string& tree_path);
    Result<void> make_open_directories(TreeCursor& cursor);
    Result<void> restore_entry(TreeEntry entry);
    Result<void> end_batch();
    Result<void> restore_file(const TreeEntry& entry, std::stop_token stop);
    void note(const std::string& path, const Error& error);
    Result<void> remove_others();

    PointReader& reader_;
    DirectoryTarget* target_;  // null on a dry run
    const RestoreOptions& options_;
    Reporter& reporter_;
    BoundedQueue<FileBatch> queue_;
    const std::uint64_t batch_bytes_;
    FileBatch batch_;
    RestoreResult result_;
    std::atomic<std::uint64_t> unchanged_{0}, kept_{0};
    Guarded<std::vector<RestoreIssue>> issues_;
    /// The directories above the entry that the walk is at, made or not.
    struct OpenDirectory {
        TreeEntry entry;
        bool made = false;
        std::vector<std::string>* kept = nullptr;  // names that stay, if others are to go
    };
    std::vector<OpenDirectory> open_;
    std::map<std::string, std::vector<std::string>> staying_;  // by directory, for remove_others
};

std::string join(std::string_view a, std::string_view b) {
    if (a.empty()) return std::string(b);
    if (b.empty()) return std::string(a);
    return std::string(a) + "/" + std::string(b);
}

/// Where an entry of the item's tree was, and where it goes.
std::string original_path(const RestoreItem& item, const std::string& path) {
    const std::string& root = item.from.root->name;
    return root == "/" ? root + path : join(root, path);
}
std::string target_path(const RestoreItem& item, const std::string& path) {
    std::string_view rest = std::string_view(path).substr(item.from.path.size());
    if (rest.starts_with('/')) rest.remove_prefix(1);
    return join(item.to, rest);
}

/// Trouble that ends the whole run, as opposed to one entry's.
bool is_fatal(const Error& error) {
    return error.kind() == ErrorKind::NoSpace || error.kind() == ErrorKind::Cancelled ||
           error.kind() == ErrorKind::Internal || error.kind() == ErrorKind::WrongKey;
}

void RestoreRun::note(const std::string& path, const Error& error) {
    ++reporter_.progress.issues;
    issues_.with([&](auto& issues) { issues.push_back({path, error.describe()}); });
}

Result<void> RestoreRun::restore_file(const TreeEntry& entry, std::stop_token stop) {
    BeginFile begun = PERDURE_TRY(target_->begin_file(entry.entry));
    if (std::holds_alternative<Unchanged>(begun)) {
        ++unchanged_;
    } else if (std::holds_alternative<Kept>(begun)) {
        ++kept_;
    } else if (auto* file = std::get_if<std::unique_ptr<TargetFile>>(&begun)) {
        PERDURE_TRY(reader_.read(
            entry.recipe, true,
            [&](std::uint64_t offset, ByteView bytes) {
                reporter_.progress.bytes += bytes.size();
                return (*file)->write(offset, bytes);
            },
            stop));
        return (*file)->commit();
    }
    return {};
}

Result<void> RestoreRun::end_batch() {
    if (batch_.files.empty()) return {};
    const bool pushed = queue_.push(std::move(batch_));
    batch_ = {};
    if (!pushed) return Error(ErrorKind::Cancelled, "interrupted");
    return {};
}

Result<void> RestoreRun::restore_entry(TreeEntry entry) {
    ++result_.entries;
    ++reporter_.progress.entries;
    if (entry.entry.type == EntryType::File) {
        ++result_.files;
        result_.bytes += entry.entry.size;
        ++reporter_.progress.files;
    }
    if (options_.dry_run) return {};
    if (entry.entry.type == EntryType::File) {
        entry.entry.sparse = std::any_of(entry.recipe.begin(), entry.recipe.end(),
                                         [](const Run& run) { return run.is_hole(); });
        batch_.bytes += entry.entry.size;
        batch_.files.push_back(std::move(entry));
        if (batch_.files.size() >= kBatchFiles || batch_.bytes >= batch_bytes_) return end_batch();
        return {};
    }
    auto made = target_->make(entry.entry);
    if (!made && is_fatal(made.error())) return made;
    if (!made) note(entry.entry.path, made.error());
    return {};
}

Result<void> RestoreRun::restore_item(const RestoreItem& item, std::stop_token stop) {
    TreeCursor cursor = reader_.cursor(*item.from.root);
    PERDURE_TRY(cursor.seek(item.from.path));
    if (!options_.dry_run) PERDURE_TRY(target_->make_way(item.to));
    open_.clear();
    for (bool first = true;; first = false) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        auto entry = PERDURE_TRY(cursor.next());
        const bool inside = entry && (entry->entry.path == item.from.path ||
                                      is_beneath(entry->entry.path, item.from.path));
        if (first && (!inside || entry->entry.path != item.from.path))
            return Error(ErrorKind::NotFound,
                         "the point holds no \"" + original_path(item, item.from.path) + "\"");
        if (!inside) return {};
        const std::string original = original_path(item, entry->entry.path);
        const std::string tree_path =
            std::exchange(entry->entry.path, target_path(item, entry->entry.path));
        if (is_clean_path(entry->entry.path))
            PERDURE_TRY(restore_wanted(cursor, std::move(*entry), original, tree_path));
        else
            note(original,
                 Error(ErrorKind::Corrupt, "its path is not one a backup makes; not restored"));
    }
}

/// `entry` has its path in the target already; `tree_path` is the one it had.
Result<void> RestoreRun::restore_wanted(TreeCursor& cursor, TreeEntry entry,
                                        const std::string& original, const std::string& tree_path) {
    const std::string path = entry.entry.path;
    while (!open_.empty() && !is_beneath(path, open_.back().entry.entry.path)) open_.pop_back();
    const bool directory = entry.entry.type == EntryType::Directory;
    const bool chosen = !options_.wanted || options_.wanted(original);
    const bool wanted = chosen || path.empty();  // the target itself is there in any case
    if (options_.remove_others) {
        // Also what is not wanted now: the point holds it, so it stays.
        if (!open_.empty() && open_.back().kept != nullptr)
            open_.back().kept->push_back(std::string(path.substr(path.rfind('/') + 1)));
    }
    if (wanted) {
        PERDURE_TRY(make_open_directories(cursor));
        PERDURE_TRY(cursor.complete(entry));
    }
    if (directory) {
        OpenDirectory open{entry, wanted, nullptr};
        if (chosen && options_.remove_others) open.kept = &staying_[path];
        open_.push_back(std::move(open));
    }
    if (wanted) return restore_entry(std::move(entry));
    // Everything below a directory comes before this: '/' sorts below every other byte.
    if (directory && options_.may_hold_wanted && !options_.may_hold_wanted(original))
        PERDURE_TRY(cursor.seek(tree_path + '\x01'));
    return {};
}

/// The directories on the way that nobody wanted for themselves.
Result<void> RestoreRun::make_open_directories(TreeCursor& cursor) {
    for (OpenDirectory& open : open_) {
        if (open.made) continue;
        open.made = true;
        PERDURE_TRY(cursor.complete(open.entry));
        PERDURE_TRY(restore_entry(open.entry));
    }
    return {};
}

Result<void> RestoreRun::remove_others() {
    for (auto& [directory, names] : staying_) {
        std::sort(names.begin(), names.end());
        result_.removed += PERDURE_TRY(target_->remove_others(directory, names)).size();
    }
    return {};
}

Result<RestoreResult> RestoreRun::run(const std::vector<RestoreItem>& items, std::stop_token stop) {
    Clock& clock = reader_.repository().clock();
    const std::uint64_t begun = clock.monotonic_nanoseconds();
    TaskGroup group(stop);
    const CloseAtEnd closing(queue_);
    for (unsigned i = 0; i < std::max(1U, options_.workers); ++i)
        group.start([this](std::stop_token group_stop) -> Result<void> {
            const CloseAtEnd worker_closing(queue_);
            Result<void> good;
            while (auto batch = queue_.pop()) {
                for (const TreeEntry& entry : batch->files) {
                    if (!good) break;
                    auto done = restore_file(entry, group_stop);
                    if (done) continue;
                    if (is_fatal(done.error()))
                        good = std::move(done);
                    else
                        note(entry.entry.path, done.error());
                }
                if (!good) queue_.close();
            }
            return good;
        });
    Result<void> walked;
    for (const RestoreItem& item : items) {
        walked = restore_item(item, group.stop_token());
        if (!walked) break;
    }
    if (walked) walked = end_batch();
    queue_.close();
    auto joined = group.join();
    if (!joined && !(!walked && joined.error().kind() == ErrorKind::Cancelled))
        walked = std::move(joined);
    PERDURE_TRY(walked);
    if (!options_.dry_run) {
        if (options_.remove_others) PERDURE_TRY(remove_others());
        PERDURE_TRY(target_->finish());
    }
    result_.unchanged = unchanged_;
    result_.kept = kept_;
    result_.issues = issues_.with([](auto& issues) { return std::move(issues); });
    if (target_ != nullptr)
        for (RestoreIssue& issue : target_->take_issues())
            result_.issues.push_back(std::move(issue));
    result_.outcome = result_.issues.empty() ? Outcome::Success : Outcome::Partial;
    result_.seconds = static_cast<double>(clock.monotonic_nanoseconds() - begun) / 1e9;
    return std::move(result_);
}

}  // namespace

Result<RestoreResult> run_restore(PointReader& reader, const std::vector<RestoreItem>& items,
                                  DirectoryTarget* target, const RestoreOptions& options,
                                  Reporter& reporter, std::stop_token stop) {
    return RestoreRun(reader, target, options, reporter).run(items, stop);
}

}  // namespace perdure
