#include "engine/restore.h"

#include <algorithm>

#include "base/bounded_queue.h"
#include "base/task_group.h"
#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kBatchFiles = 128;
constexpr std::uint64_t kBatchBytes = 8U << 20;
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
          queue_(kQueuedBatches) {}

    Result<RestoreResult> run(const std::vector<RestoreItem>& items, std::stop_token stop);

private:
    Result<void> restore_item(const RestoreItem& item, std::stop_token stop);
    Result<void> restore_entry(TreeEntry entry);
    Result<void> make_parents(std::string_view path);
    Result<void> end_batch();
    Result<void> restore_file(const TreeEntry& entry, std::stop_token stop);
    void note(const std::string& path, const Error& error);
    Result<void> remove_others();

    PointReader& reader_;
    DirectoryTarget* target_;  // null on a dry run
    const RestoreOptions& options_;
    Reporter& reporter_;
    BoundedQueue<FileBatch> queue_;
    FileBatch batch_;
    RestoreResult result_;
    std::atomic<std::uint64_t> unchanged_{0}, kept_{0};
    Guarded<std::vector<RestoreIssue>> issues_;
    std::vector<std::string> made_directories_;  // parents that no entry described
    std::vector<std::pair<std::string, std::vector<std::string>>>
        children_;  // by directory, for remove_others
};

std::string join(std::string_view a, std::string_view b) {
    if (a.empty()) return std::string(b);
    if (b.empty()) return std::string(a);
    return std::string(a) + "/" + std::string(b);
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

Result<void> RestoreRun::make_parents(std::string_view path) {
    for (std::size_t at = path.find('/'); at != std::string_view::npos;
         at = path.find('/', at + 1)) {
        const std::string parent(path.substr(0, at));
        if (std::find(made_directories_.begin(), made_directories_.end(), parent) !=
            made_directories_.end())
            continue;
        Entry entry;
        entry.path = parent;
        entry.type = EntryType::Directory;
        entry.mode = 0755;
        entry.mtime_ns = reader_.point().header.started_ns;
        PERDURE_TRY(target_->make(entry));
        made_directories_.push_back(parent);
    }
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
        batch_.bytes += entry.entry.size;
        batch_.files.push_back(std::move(entry));
        if (batch_.files.size() >= kBatchFiles || batch_.bytes >= kBatchBytes) return end_batch();
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
    if (!options_.dry_run) PERDURE_TRY(make_parents(item.to));
    bool first = true;
    while (true) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        auto entry = PERDURE_TRY(cursor.next());
        const bool inside = entry && (entry->entry.path == item.from.path ||
                                      is_beneath(entry->entry.path, item.from.path));
        if (first && (!inside || entry->entry.path != item.from.path))
            return Error(ErrorKind::NotFound, "the point holds no \"" + item.from.root->name + "/" +
                                                  item.from.path + "\"");
        if (!inside) return {};
        PERDURE_TRY(cursor.complete(*entry));
        const std::string original = join(item.from.root->name, entry->entry.path);
        std::string rest =
            entry->entry.path.substr(std::min(entry->entry.path.size(), item.from.path.size()));
        if (rest.starts_with('/')) rest.erase(0, 1);
        const bool directory = entry->entry.type == EntryType::Directory;
        entry->entry.path = join(item.to, rest);
        const bool is_root_of_restore = first && entry->entry.path.empty();
        first = false;
        if (!is_clean_path(entry->entry.path)) {
            note(original,
                 Error(ErrorKind::Corrupt, "its path is not one a backup makes; not restored"));
            continue;
        }
        if (options_.wanted && !is_root_of_restore && !options_.wanted(original, directory))
            continue;
        if (options_.remove_others && directory)
            children_.emplace_back(entry->entry.path, std::vector<std::string>());
        if (options_.remove_others && !entry->entry.path.empty()) {
            const auto slash = entry->entry.path.rfind('/');
            const std::string parent =
                slash == std::string::npos ? "" : entry->entry.path.substr(0, slash);
            for (auto at = children_.rbegin(); at != children_.rend(); ++at)
                if (at->first == parent) {
                    at->second.push_back(
                        entry->entry.path.substr(slash == std::string::npos ? 0 : slash + 1));
                    break;
                }
        }
        PERDURE_TRY(restore_entry(std::move(*entry)));
    }
}

Result<void> RestoreRun::remove_others() {
    for (auto& [directory, names] : children_) {
        std::sort(names.begin(), names.end());
        result_.removed += PERDURE_TRY(target_->remove_others(directory, names)).size();
    }
    return {};
}

Result<RestoreResult> RestoreRun::run(const std::vector<RestoreItem>& items, std::stop_token stop) {
    Clock& clock = reader_.repository().clock();
    const std::uint64_t begun = clock.monotonic_nanoseconds();
    TaskGroup group(stop);
    for (unsigned i = 0; i < std::max(1U, options_.workers); ++i)
        group.start([this](std::stop_token group_stop) -> Result<void> {
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
