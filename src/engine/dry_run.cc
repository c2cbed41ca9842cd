#include "engine/dry_run.h"

#include "base/try.h"
#include "engine/previous_tree.h"
#include "engine/unchanged.h"

namespace perdure {

namespace {

class DryRun {
public:
    DryRun(const BackupOptions& options, Reporter& reporter)
        : options_(options), reporter_(reporter) {}

    void find_previous(const Repository& repository, WriterNumber writer, const LocalCache& cache,
                       const std::vector<BackupRoot>& roots, std::stop_token stop) {
        if (options_.force) return;
        std::vector<std::string> names;
        names.reserve(roots.size());
        for (const BackupRoot& root : roots) names.push_back(root.name);
        previous_ =
            find_previous_tree(repository, cache, options_.host, names, writer, registry_, stop);
        result_.used_previous = previous_.has_value();
    }

    void note(std::string_view root, const Issue& issue) {
        ++reporter_.progress.issues;
        ++result_.statistics.failed;
        reporter_.issue(root, issue);
        result_.issues.push_back(issue);
    }

    Result<void> root(BackupRoot& root, std::stop_token stop) {
        begin(root.name);
        const auto walk = root.source->walk();
        while (auto event = walk->next()) {
            if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
            if (const auto* issue = std::get_if<Issue>(&*event))
                note(root.name, *issue);
            else if (std::holds_alternative<Excluded>(*event))
                ++result_.statistics.excluded;
            else
                entry(std::get<WalkedEntry>(*event).entry);
        }
        return {};
    }

    BackupResult finish() {
        result_.outcome = result_.issues.empty() ? Outcome::Success : Outcome::Partial;
        return std::move(result_);
    }

private:
    void begin(const std::string& name) {
        cursor_.reset();
        old_.reset();
        const PreviousRoot* root = previous_ ? previous_->root(name) : nullptr;
        if (root == nullptr) return;
        cursor_.emplace(PageAddress{registry_.number_of(root->page.pack), root->page.slot},
                        registry_, previous_->load);
        advance();
    }

    /// A previous tree that cannot be read is none.
    void advance() {
        auto next = cursor_->next();
        old_ = next ? std::move(*next) : std::nullopt;
    }

    void entry(const Entry& now) {
        while (old_ && path_less(old_->entry.path, now.path)) advance();
        const bool unchanged = old_ && old_->entry.path == now.path &&
                               is_unchanged(old_->entry, now, previous_->started_ns);
        Statistics& s = result_.statistics;
        ++s.entries;
        ++(unchanged ? s.unchanged : s.captured);
        if (now.type == EntryType::Directory) ++s.directories;
        ++reporter_.progress.entries;
        if (now.type != EntryType::File) return;
        ++s.files;
        s.bytes += now.size;
        if (!unchanged) s.bytes_read += now.size;
        ++reporter_.progress.files;
    }

    const BackupOptions& options_;
    Reporter& reporter_;
    PackRegistry registry_;
    std::optional<PreviousTree> previous_;
    std::optional<TreeCursor> cursor_;
    std::optional<TreeEntry> old_;
    BackupResult result_;
};

}  // namespace

Result<BackupResult> dry_run_backup(const Repository& repository,
                                    std::optional<WriterNumber> writer, const LocalCache& cache,
                                    std::vector<BackupRoot> roots, const BackupOptions& options,
                                    Reporter& reporter, std::stop_token stop) {
    const std::uint64_t begun = repository.clock().monotonic_nanoseconds();
    DryRun run(options, reporter);
    for (const Issue& issue : options.issues) run.note("", issue);
    if (writer) run.find_previous(repository, *writer, cache, roots, stop);
    for (BackupRoot& root : roots) PERDURE_TRY(run.root(root, stop));
    BackupResult result = run.finish();
    result.seconds = static_cast<double>(repository.clock().monotonic_nanoseconds() - begun) / 1e9;
    return result;
}

}  // namespace perdure
