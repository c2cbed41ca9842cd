#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "base/try.h"
#include "cli/command.h"
#include "cli/entry_text.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/text.h"
#include "engine/diff.h"

namespace perdure {

namespace {

struct DiffArguments {
    std::string before, after;
    bool metadata = false;
    PointFilter filter;
};

char letter(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::Added: return '+';
        case ChangeKind::Removed: return '-';
        case ChangeKind::Modified: return 'M';
        case ChangeKind::Type: return 'T';
        case ChangeKind::Metadata: return 'U';
    }
    return '?';
}

/// One pair of trees to compare, either of which may be missing, and the name to print paths under.
struct TreePair {
    std::optional<PointPath> before, after;
    std::string name;
};

/// With paths those two places; otherwise the roots, paired by name.
Result<std::vector<TreePair>> pair_trees(PointReader& before,
                                         const std::optional<std::string>& before_path,
                                         PointReader& after,
                                         const std::optional<std::string>& after_path) {
    if (before_path.has_value() != after_path.has_value())
        return Error(ErrorKind::InvalidInput, "give a path for both points, or for neither");
    std::vector<TreePair> pairs;
    if (before_path) {
        TreePair pair;
        pair.before = PERDURE_TRY(before.resolve(*before_path));
        pair.after = PERDURE_TRY(after.resolve(*after_path));
        pair.name = *after_path;
        PERDURE_TRY(before.find(*pair.before));
        PERDURE_TRY(after.find(*pair.after));
        while (pair.name.size() > 1 && pair.name.ends_with('/')) pair.name.pop_back();
        pairs.push_back(std::move(pair));
        return pairs;
    }
    for (const Root& root : before.body().roots)
        pairs.push_back({PointPath{&root, ""}, std::nullopt, root.name});
    for (const Root& root : after.body().roots) {
        const auto same = std::find_if(pairs.begin(), pairs.end(),
                                       [&](const TreePair& p) { return p.name == root.name; });
        if (same != pairs.end())
            same->after = PointPath{&root, ""};
        else
            pairs.push_back({std::nullopt, PointPath{&root, ""}, root.name});
    }
    return pairs;
}

void print_change(const Context& context, const std::string& name, const Change& change) {
    std::string path = name;
    if (!change.path.empty()) path += (path.ends_with('/') ? "" : "/") + change.path;
    const Entry& entry = change.after != nullptr ? *change.after : *change.before;
    if (!context.options.json) {
        fmt::print("{}  {}{}\n", letter(change.kind), printable(path),
                   entry.type == EntryType::Directory && !path.ends_with('/') ? "/" : "");
        return;
    }
    nlohmann::json fields{{"change", to_string(change.kind)}, {"kind", to_string(entry.type)}};
    fields["size_before"] =
        change.before != nullptr ? nlohmann::json(change.before->size) : nlohmann::json();
    fields["size_after"] =
        change.after != nullptr ? nlohmann::json(change.after->size) : nlohmann::json();
    put_bytes(fields, "path", path);
    print_json("change", std::move(fields));
}

nlohmann::json counts_json(const DiffCounts& c) {
    return {{"files", c.files},
            {"directories", c.directories},
            {"others", c.others},
            {"bytes", c.bytes}};
}

void print_summary(const Context& context, const Point& before, const Point& after,
                   const DiffTotals& totals) {
    if (context.options.json) {
        nlohmann::json modified = counts_json(totals.modified);
        modified["bytes_before"] = totals.modified_before;
        print_json("summary", {{"before", short_text(before.session())},
                               {"after", short_text(after.session())},
                               {"added", counts_json(totals.added)},
                               {"removed", counts_json(totals.removed)},
                               {"modified", modified},
                               {"metadata", totals.metadata}});
        return;
    }
    const auto print = [](const char* what, const DiffCounts& c, const std::string& bytes) {
        fmt::print("{:<9} {} files, {} directories, {} others; {}\n", what, c.files, c.directories,
                   c.others, bytes);
    };
    if (context.options.quiet) return;
    fmt::print("\n");
    print("added:", totals.added, human_bytes(totals.added.bytes));
    print("removed:", totals.removed, human_bytes(totals.removed.bytes));
    print("modified:", totals.modified,
          human_bytes(totals.modified_before) + " before, " + human_bytes(totals.modified.bytes) +
              " after");
    if (totals.metadata > 0) fmt::print("{:<9} {} entries\n", "metadata:", totals.metadata);
}

Result<void> run_diff(Context& context, const DiffArguments& a) {
    const auto before = PERDURE_TRY(open_point(context, a.before, a.filter));
    const PointSelector selector = split_selector(a.after);
    const PointList list = PERDURE_TRY(before.opened.repository->list_points(context.stop()));
    const Point point = PERDURE_TRY(select_point(list, selector.point, a.filter));
    const auto after = PERDURE_TRY(open_reader(context, before.opened, point));
    DiffTotals totals;
    for (const TreePair& pair :
         PERDURE_TRY(pair_trees(*before.reader, before.path, *after, selector.path))) {
        const auto stream = [&](PointReader& reader, const std::optional<PointPath>& from) {
            return from ? TreeStream(reader, *from, context.stop()) : TreeStream();
        };
        const auto sink = [&](const Change& change) { print_change(context, pair.name, change); };
        PERDURE_TRY(diff_trees(stream(*before.reader, pair.before), stream(*after, pair.after),
                               a.metadata, sink, totals, context.stop()));
    }
    print_summary(context, before.reader->point(), point, totals);
    return {};
}

}  // namespace

void add_diff_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("diff", "show what changed between two points");
    auto a = std::make_shared<DiffArguments>();
    command->add_option("before", a->before, "POINT or POINT:PATH")->required();
    command->add_option("after", a->after, "POINT or POINT:PATH")->required();
    command->add_flag("--metadata", a->metadata,
                      "also where only mode, owner, times or attributes changed");
    add_filter_options(*command, a->filter);
    command->footer(
        "Before each path: + added, - removed, M modified content, T another type, U other "
        "metadata.");
    run_command(*command, context, [&context, a] { return run_diff(context, *a); });
}

}  // namespace perdure
