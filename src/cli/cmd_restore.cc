#include <fmt/core.h>
#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <thread>

#include "app/endpoints.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "engine/compare.h"
#include "engine/restore.h"

namespace perdure {

namespace {

struct RestoreArguments {
    std::string selector;
    std::vector<std::string> paths;
    std::vector<std::string> include, exclude;
    std::string target;
    bool in_place = false, remove_others = false, verify = false, dry_run = false;
    std::string overwrite = "always";
    PointFilter filter;
    unsigned workers = 0;
};

bool has_glob(std::string_view path) { return path.find_first_of("*?[") != std::string_view::npos; }

/// Whether `path` or a directory above it matches; patterns without a '/' match names anywhere.
bool matches_any(const std::vector<std::string>& patterns, std::string_view path) {
    for (const std::string& pattern : patterns) {
        for (std::string part(path); !part.empty();) {
            const auto slash = part.rfind('/');
            const std::string& subject =
                pattern.find('/') == std::string::npos
                    ? part.substr(slash == std::string::npos ? 0 : slash + 1)
                    : part;
            if (::fnmatch(pattern.c_str(), subject.c_str(), FNM_PATHNAME) == 0) return true;
            if (slash == std::string::npos || slash == 0) break;
            part.resize(slash);
        }
    }
    return false;
}

/// Directories above a pattern's fixed part must be made too; others only when something wanted
/// lies in them, which is not known before.
bool may_lead_to(const std::vector<std::string>& patterns, std::string_view directory) {
    for (const std::string& pattern : patterns) {
        if (pattern.find('/') == std::string::npos) continue;
        const std::size_t fixed = std::min(pattern.find_first_of("*?["), pattern.size());
        if (is_beneath(std::string_view(pattern).substr(0, fixed), directory)) return true;
    }
    return false;
}

std::string without_leading_slash(std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    return std::string(path);
}

Result<Overwrite> parse_overwrite(const std::string& text) {
    if (text == "always") return Overwrite::Always;
    if (text == "if-changed") return Overwrite::IfChanged;
    if (text == "never") return Overwrite::Never;
    return Error(ErrorKind::InvalidInput, "--overwrite takes always, if-changed or never");
}

Result<std::vector<RestoreItem>> plan_items(PointReader& reader, const RestoreArguments& a) {
    std::vector<RestoreItem> items;
    if (a.paths.empty()) {
        for (const Root& root : reader.body().roots)
            items.push_back({{&root, ""}, without_leading_slash(root.name)});
        return items;
    }
    for (const std::string& path : a.paths) {
        PointPath place = PERDURE_TRY(reader.resolve(path));
        const TreeEntry entry = PERDURE_TRY(reader.find(place));
        std::string to;
        if (a.in_place || a.paths.size() > 1) {
            to = without_leading_slash(path);  // several paths keep their places
        } else if (entry.entry.type != EntryType::Directory) {
            to = path.substr(path.rfind('/') + 1);
        }
        while (to.ends_with('/')) to.pop_back();
        items.push_back({std::move(place), std::move(to)});
    }
    return items;
}

void print_result(Context& context, const RestoreArguments& a, const Point& point,
                  const RestoreResult& result) {
    for (const RestoreIssue& issue : result.issues) {
        if (context.options.json) {
            nlohmann::json fields{{"text", issue.text}};
            put_bytes(fields, "path", issue.path);
            print_json("issue", std::move(fields));
        } else {
            fmt::print(stderr, "perdure: {}: {}\n",
                       printable(issue.path.empty() ? "." : issue.path), issue.text);
        }
    }
    if (context.options.json) {
        print_json("summary", {{"point", short_text(point.session())},
                               {"outcome", to_string(result.outcome)},
                               {"entries", result.entries},
                               {"files", result.files},
                               {"bytes", result.bytes},
                               {"unchanged", result.unchanged},
                               {"kept", result.kept},
                               {"removed", result.removed},
                               {"issues", result.issues.size()},
                               {"dry_run", a.dry_run},
                               {"seconds", result.seconds}});
    } else if (!context.options.quiet) {
        fmt::print(
            "{} {} entries, {} files, {}{} to {} in {}: {}\n",
            a.dry_run ? "would restore" : "restored", result.entries, result.files,
            human_bytes(result.bytes),
            result.unchanged > 0 ? fmt::format(" ({} files unchanged)", result.unchanged) : "",
            a.target, human_duration(result.seconds), to_string(result.outcome));
    }
}

Result<void> verify_items(PointReader& reader, const std::vector<RestoreItem>& items,
                          const std::string& target, RestoreResult& result, std::stop_token stop) {
    for (const RestoreItem& item : items) {
        const auto tree =
            PERDURE_TRY(open_files(target + (item.to.empty() ? "" : "/" + item.to), {}));
        const auto differences = PERDURE_TRY(compare_with_source(reader, item.from, *tree, stop));
        for (const Difference& d : differences)
            result.issues.push_back({d.path, "verify: " + d.text});
    }
    if (!result.issues.empty()) result.outcome = Outcome::Partial;
    return {};
}

Result<void> run_restore_command(Context& context, RestoreArguments& a) {
    if (a.target.empty() != a.in_place)
        return Error(ErrorKind::InvalidInput, "say where to: --target DIRECTORY, or --in-place");
    if (a.in_place) a.target = "/";
    if (a.remove_others && !a.in_place && a.target == "/")
        return Error(ErrorKind::InvalidInput, "--delete at / takes --in-place");
    if (!a.include.empty() && !a.exclude.empty())
        return Error(ErrorKind::InvalidInput, "--include and --exclude do not go together");
    DirectoryTargetOptions target_options;
    target_options.overwrite = PERDURE_TRY(parse_overwrite(a.overwrite));
    target_options.restore_owner = ::geteuid() == 0;
    const PointSelector selector = split_selector(a.selector);
    if (selector.path) a.paths.insert(a.paths.begin(), *selector.path);
    // A pattern as path selects below the whole tree.
    for (auto path = a.paths.begin(); path != a.paths.end();)
        if (has_glob(*path)) {
            a.include.push_back(*path);
            path = a.paths.erase(path);
        } else {
            ++path;
        }

    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    const PointList list = PERDURE_TRY(opened.repository->list_points(context.stop()));
    const Point point = PERDURE_TRY(select_point(list, selector.point, a.filter));
    RestoreOptions options;
    options.workers = a.workers > 0 ? a.workers : std::max(2U, std::thread::hardware_concurrency());
    options.dry_run = a.dry_run;
    options.remove_others = a.remove_others;
    constexpr std::size_t kCacheABlock = 48U << 20;
    const auto reader =
        PERDURE_TRY(PointReader::open(*opened.repository, point, kCacheABlock, context.stop()));
    const auto items = PERDURE_TRY(plan_items(*reader, a));
    if (!a.include.empty())
        options.wanted = [&](std::string_view path, bool directory) {
            return matches_any(a.include, path) || (directory && may_lead_to(a.include, path));
        };
    if (!a.exclude.empty())
        options.wanted = [&](std::string_view path, bool) { return !matches_any(a.exclude, path); };
    ProgressReporter reporter(context, a.dry_run ? "dry run" : "restore");
    for (const RestoreItem& item : items)
        reporter.progress.total_bytes +=
            item.from.path.empty() ? item.from.root->statistics.bytes : 0;
    std::unique_ptr<DirectoryTarget> target;
    if (!a.dry_run) target = PERDURE_TRY(open_directory_target(a.target, target_options));
    auto done = run_restore(*reader, items, target.get(), options, reporter, context.stop());
    if (done && a.verify && !a.dry_run) {
        auto verified = verify_items(*reader, items, a.target, *done, context.stop());
        if (!verified) done = std::move(verified).error();
    }
    reporter.finish();
    const RestoreResult& result = PERDURE_TRY(std::move(done));
    print_result(context, a, point, result);
    context.exit_code = exit_code(result.outcome);
    return {};
}

}  // namespace

void add_restore_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("restore", "restore files")->alias("extract");
    auto a = std::make_shared<RestoreArguments>();
    command->add_option("point", a->selector, "POINT or POINT:PATH; see `perdure help selectors`")
        ->required();
    command->add_option("paths", a->paths, "paths or patterns inside the point");
    command->add_option("--target,-t", a->target, "directory to restore into");
    command->add_flag("--in-place", a->in_place, "restore where it came from");
    command->add_option("--include,-i", a->include, "only what matches this pattern (repeatable)")
        ->allow_extra_args(false);
    command->add_option("--exclude,-e", a->exclude, "not what matches this pattern (repeatable)")
        ->allow_extra_args(false);
    command->add_flag("--delete", a->remove_others, "remove what the point does not hold");
    command->add_option("--overwrite", a->overwrite, "always, if-changed or never")
        ->capture_default_str();
    command->add_flag("--verify", a->verify, "read everything again and compare");
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    add_filter_options(*command, a->filter);
    run_command(*command, context, [&context, a] { return run_restore_command(context, *a); });
}

}  // namespace perdure
