#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "app/endpoints.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/text.h"
#include "cli/traffic.h"
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
    std::string overwrite;
    PointFilter filter;
    unsigned workers = 0;
};

constexpr std::string_view kSpecial = "*?[\\!";

bool has_glob(std::string_view path) {
    return path.find_first_of(kSpecial) != std::string_view::npos;
}

/// The pattern that matches `path` and nothing else.
std::string literal_pattern(std::string_view path) {
    std::string pattern;
    for (const char c : path) {
        if (kSpecial.find(c) != std::string_view::npos) pattern += '\\';
        pattern += c;
    }
    return pattern;
}

/// Whether `path` or a directory above it matches.
bool matches_any(const Patterns& patterns, std::string_view path) {
    while (!path.empty()) {
        if (patterns.exclude(path)) return true;
        path = path.substr(0, path.rfind('/'));
    }
    return false;
}

/// What is restored of the trees; all of it if there are no patterns.
struct Choice {
    std::optional<Patterns> include, exclude;
    std::vector<std::string> included;  // the patterns of `include`

    bool wants(std::string_view path) const {
        if (include) return matches_any(*include, path);
        return !exclude || !matches_any(*exclude, path);
    }
    /// Whether something wanted may lie in a directory that is not wanted itself.
    bool may_lie_in(std::string_view directory) const {
        return include &&
               std::any_of(included.begin(), included.end(), [&](std::string_view pattern) {
                   if (!pattern.starts_with('/')) return true;
                   const auto fixed = pattern.substr(0, pattern.find_first_of(kSpecial));
                   const auto above = fixed.substr(0, std::max<std::size_t>(fixed.rfind('/'), 1));
                   return above == directory || above == "/" || is_beneath(above, directory) ||
                          is_beneath(directory, above);
               });
    }
};

Result<Choice> parse_choice(const RestoreArguments& a) {
    Choice choice;
    if (!a.include.empty()) choice.include = PERDURE_TRY(Patterns::parse(a.include));
    if (!a.exclude.empty()) choice.exclude = PERDURE_TRY(Patterns::parse(a.exclude));
    choice.included = a.include;
    return choice;
}

/// Paths that name nothing but are patterns become what is to be included; then all paths do.
Result<void> take_patterns(PointReader& reader, RestoreArguments& a) {
    const auto names_nothing = [&](const std::string& path) {
        if (!has_glob(path)) return false;
        const auto place = reader.resolve(path);
        return !place || !reader.find(*place);
    };
    if (std::none_of(a.paths.begin(), a.paths.end(), names_nothing)) return {};
    if (!a.exclude.empty())
        return Error(ErrorKind::InvalidInput,
                     "patterns to restore and --exclude do not go together");
    for (const std::string& path : a.paths)
        a.include.push_back(names_nothing(path) ? path : literal_pattern(path));
    a.paths.clear();
    return {};
}

/// A restore over files that are there is asked for, not stumbled into.
Result<void> check_target(const RestoreArguments& a) {
    if (a.in_place || !a.overwrite.empty()) return {};
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(a.target, failed)) {
        if (entry.path().filename() == "lost+found") continue;
        return Error(ErrorKind::InvalidInput, a.target + " is not empty")
            .with_hint(
                "say what is to become of files that are there: --overwrite always, if-changed "
                "(goes on with an earlier restore) or never");
    }
    return {};
}

std::string without_leading_slash(std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    return std::string(path);
}

Result<Overwrite> parse_overwrite(const std::string& text) {
    if (text.empty() || text == "always") return Overwrite::Always;
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
                  const RestoreResult& result, const Store& store,
                  const std::optional<Prices>& prices) {
    for (const RestoreIssue& issue : result.issues) {
        if (context.options.json) {
            nlohmann::json fields{{"text", issue.text}};
            put_bytes(fields, "path", issue.path);
            print_json("issue", std::move(fields));
        } else {
            say("perdure: {}: {}\n", printable(issue.path.empty() ? "." : issue.path), issue.text);
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
                               {"traffic", traffic_json(store, prices)},
                               {"seconds", result.seconds}});
    } else if (!context.options.quiet) {
        fmt::print(
            "{} {} entries, {} files, {}{} to {} in {}: {}\n",
            a.dry_run ? "would restore" : "restored", result.entries, result.files,
            human_bytes(result.bytes),
            result.unchanged > 0 ? fmt::format(" ({} files unchanged)", result.unchanged) : "",
            a.target, human_duration(result.seconds), to_string(result.outcome));
        print_traffic(store, prices);
    }
}

Result<void> verify_items(PointReader& reader, const std::vector<RestoreItem>& items,
                          const std::string& target, const Choice& choice, RestoreResult& result,
                          std::stop_token stop) {
    for (const RestoreItem& item : items) {
        const auto tree =
            PERDURE_TRY(open_files(target + (item.to.empty() ? "" : "/" + item.to), {}));
        const auto differences = PERDURE_TRY(compare_with_source(reader, item.from, *tree, stop));
        for (const Difference& d : differences) {
            const std::string inside =
                item.from.path + (item.from.path.empty() || d.path.empty() ? "" : "/") + d.path;
            if (choice.wants(absolute_path(*item.from.root, inside)))
                result.issues.push_back({d.path, "verify: " + d.text});
        }
    }
    if (!result.issues.empty()) result.outcome = Outcome::Partial;
    return {};
}

Result<void> check_arguments(const RestoreArguments& a) {
    if (a.target.empty() != a.in_place)
        return Error(ErrorKind::InvalidInput, "say where to: --target DIRECTORY, or --in-place");
    if (a.remove_others && !a.in_place && a.target == "/")
        return Error(ErrorKind::InvalidInput, "--delete at / takes --in-place");
    if (!a.include.empty() && !a.exclude.empty())
        return Error(ErrorKind::InvalidInput, "--include and --exclude do not go together");
    return check_target(a);
}

/// What ended a restore, with where it was going and how to go on.
Error with_target(Error error, const std::string& target) {
    if (error.kind() != ErrorKind::NoSpace) return error;
    return std::move(error)
        .context("restoring into " + target)
        .with_hint(
            "free space there, then run this again with --overwrite if-changed: it goes on where "
            "this one stopped");
}

Result<void> run_restore_command(Context& context, RestoreArguments& a) {
    PERDURE_TRY(check_arguments(a));
    if (a.in_place) a.target = "/";
    DirectoryTargetOptions target_options;
    target_options.overwrite = PERDURE_TRY(parse_overwrite(a.overwrite));
    target_options.restore_owner = ::geteuid() == 0;
    const auto opened = PERDURE_TRY(open_point(context, a.selector, a.filter));
    const auto prices = PERDURE_TRY(prices_of(context, *opened.opened.store));
    PointReader& reader = *opened.reader;
    if (opened.path) a.paths.insert(a.paths.begin(), *opened.path);
    PERDURE_TRY(take_patterns(reader, a));
    const Choice choice = PERDURE_TRY(parse_choice(a));
    RestoreOptions options;
    options.workers = readers_of(*opened.opened.store, a.workers);
    options.dry_run = a.dry_run;
    options.remove_others = a.remove_others;
    if (choice.include || choice.exclude) {
        options.wanted = [&](std::string_view path) { return choice.wants(path); };
        options.may_hold_wanted = [&](std::string_view path) { return choice.may_lie_in(path); };
    }
    const auto items = PERDURE_TRY(plan_items(reader, a));
    ProgressReporter reporter(context, a.dry_run ? "dry run" : "restore");
    for (const RestoreItem& item : items)
        reporter.progress.total_bytes +=
            item.from.path.empty() ? item.from.root->statistics.bytes : 0;
    std::unique_ptr<DirectoryTarget> target;
    if (!a.dry_run) target = PERDURE_TRY(open_directory_target(a.target, target_options));
    auto done = run_restore(reader, items, target.get(), options, reporter, context.stop());
    if (done && a.verify && !a.dry_run) {
        auto verified = verify_items(reader, items, a.target, choice, *done, context.stop());
        if (!verified) done = std::move(verified).error();
    }
    reporter.finish();
    if (!done) return with_target(std::move(done).error(), a.target);
    const RestoreResult& result = *done;
    print_result(context, a, reader.point(), result, *opened.opened.store, prices);
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
    command->add_option("--overwrite", a->overwrite,
                        "always, if-changed or never; needed where the target is not empty");
    command->add_flag("--verify", a->verify, "read everything again and compare");
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    add_filter_options(*command, a->filter);
    run_command(*command, context, [&context, a] { return run_restore_command(context, *a); });
}

}  // namespace perdure
