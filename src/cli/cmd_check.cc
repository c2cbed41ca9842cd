// perdure check: is everything there, whole, and believed.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/option_values.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/traffic.h"
#include "engine/check.h"

namespace perdure {

namespace {

struct CheckArguments {
    std::vector<std::string> points;
    std::string level;
    std::string older_than, budget;
    bool due = false, no_record = false;
    std::string subset;
    bool read_data = false;
    unsigned workers = 0;
    PointFilter filter;
};

constexpr std::size_t kShownPaths = 20;  // of a finding, for people
constexpr std::size_t kShownBlocks = 10;

// ------------------------------------------------------------------------------------ what was
// found

nlohmann::json to_json(const PathRange& range) {
    nlohmann::json fields;
    put_bytes(fields, "from", range.from);
    fields["before"] = nullptr;
    if (range.before) put_bytes(fields, "before", *range.before);
    return fields;
}

void print_finding_json(const CheckFinding& f) {
    nlohmann::json points = nlohmann::json::array();
    for (const SessionName point : f.points) points.push_back(short_text(point));
    nlohmann::json ranges = nlohmann::json::array();
    for (const PathRange& range : f.ranges) ranges.push_back(to_json(range));
    print_json(f.note ? "note" : "problem", {{"object", f.object},
                                             {"kind", f.kind},
                                             {"text", f.text},
                                             {"blocks", f.blocks},
                                             {"points", points},
                                             {"paths", f.paths},
                                             {"paths_in_all", f.paths_in_all},
                                             {"path_ranges", ranges}});
}

std::string list_of(const std::vector<SessionName>& points) {
    std::string text;
    for (const SessionName point : points) text += (text.empty() ? "" : ", ") + short_text(point);
    return text;
}

std::string list_of(const std::vector<std::uint32_t>& blocks) {
    std::string text;
    for (std::size_t i = 0; i < std::min(blocks.size(), kShownBlocks); ++i)
        text += (text.empty() ? "" : ", ") + std::to_string(blocks[i]);
    if (blocks.size() > kShownBlocks)
        text += fmt::format(" and {} more", blocks.size() - kShownBlocks);
    return text;
}

void print_finding(const CheckFinding& f) {
    fmt::print("{}: {} ({}): {}\n", f.note ? "note" : "problem", printable(f.object), f.kind,
               printable(f.text));
    if (!f.blocks.empty()) fmt::print("  blocks: {}\n", list_of(f.blocks));
    if (!f.points.empty()) fmt::print("  hurts points: {}\n", list_of(f.points));
    for (std::size_t i = 0; i < std::min(f.paths.size(), kShownPaths); ++i)
        fmt::print("  hurts: {}\n", printable(f.paths[i]));
    if (f.paths_in_all > kShownPaths)
        fmt::print("  hurts {} paths in all (--json names {})\n", f.paths_in_all, f.paths.size());
    for (const PathRange& range : f.ranges)
        fmt::print("  hurts: everything from {} {}\n", printable(range.from),
                   range.before ? "up to " + printable(*range.before) : "on");
}

/// A rolling check reads packs, so it has to be one that does.
std::string level_of(const CheckArguments& a) {
    if (a.read_data) return "deep";
    if (!a.level.empty()) return a.level;
    return a.due || !a.older_than.empty() || !a.budget.empty() ? "deep" : "structure";
}

void print_summary(const Context& context, const CheckArguments& a, const CheckResult& r,
                   const Store& store, const std::optional<Prices>& prices,
                   const std::vector<std::string>& dangers) {
    std::size_t problems = 0;
    std::set<SessionName> hurt;
    for (const CheckFinding& f : r.findings) {
        problems += f.note ? 0 : 1;
        hurt.insert(f.points.begin(), f.points.end());
    }
    if (context.options.json) {
        print_json("summary", {{"outcome", to_string(r.outcome)},
                               {"level", level_of(a)},
                               {"with_owner_keys", r.with_owner_keys},
                               {"problems", problems},
                               {"points", r.points},
                               {"points_hurt", hurt.size()},
                               {"objects", r.objects},
                               {"pages", r.pages},
                               {"entries", r.entries},
                               {"packs", r.packs},
                               {"packs_read", r.packs_read},
                               {"packs_due", r.packs_due},
                               {"points_whole", r.whole_points.size()},
                               {"blocks_read", r.blocks_read},
                               {"leaves_hashed", r.leaves_hashed},
                               {"bytes_read", r.bytes_read},
                               {"bytes_decoded", r.bytes_decoded},
                               {"unreferenced_packs", r.unreferenced_packs},
                               {"unreferenced_bytes", r.unreferenced_bytes},
                               {"dangers", dangers},
                               {"traffic", traffic_json(store, prices)},
                               {"seconds", r.seconds}});
        return;
    }
    if (context.options.quiet) return;
    fmt::print("{} objects, {} points, {} packs; {} pages with {} entries read\n", r.objects,
               r.points, r.packs, r.pages, r.entries);
    if (r.packs_read > 0)
        fmt::print("{} packs read: {} in {} blocks{}, {}/s\n", r.packs_read,
                   human_bytes(r.bytes_read), r.blocks_read,
                   r.leaves_hashed > 0 ? fmt::format(", {} leaves of {} hashed", r.leaves_hashed,
                                                     human_bytes(r.bytes_decoded))
                                       : "",
                   human_bytes(static_cast<std::uint64_t>(
                       static_cast<double>(std::max(r.bytes_read, r.bytes_decoded)) /
                       std::max(r.seconds, 1e-3))));
    if (r.packs_due > 0) fmt::print("{} more packs are due: run the check again\n", r.packs_due);
    if (r.unreferenced_packs > 0)
        fmt::print("{} packs ({}) belong to sessions that did not end; nothing needs them\n",
                   r.unreferenced_packs, human_bytes(r.unreferenced_bytes));
    if (!r.with_owner_keys)
        fmt::print("without the password only checksums and what writers share were checked\n");
    print_traffic(store, prices);
    print_dangers(dangers);
    if (problems == 0)
        fmt::print("no problems found in {}\n", human_duration(r.seconds));
    else
        fmt::print("{} problems, {} of {} points hurt; {}\n", problems, hurt.size(), r.points,
                   human_duration(r.seconds));
}

// ------------------------------------------------------------------------------------ the command

Result<std::set<SessionName>> select_points(const Context& context, const Repository& repository,
                                            const CheckArguments& a) {
    std::set<SessionName> selected;
    const bool filtered = !a.filter.tags.empty() || !a.filter.hosts.empty() ||
                          !a.filter.paths.empty() || !a.filter.before.empty();
    if (a.points.empty() && !filtered) return selected;
    const PointList list = PERDURE_TRY(repository.list_points(context.stop()));
    for (const std::string& selector : a.points)
        selected.insert(PERDURE_TRY(select_point(list, selector, a.filter)).session());
    for (const Point& point : list.points)
        if (a.points.empty() && PERDURE_TRY(matches(point, a.filter)))
            selected.insert(point.session());
    if (selected.empty())
        return Error(ErrorKind::NotFound, "no point matches").with_hint("see `perdure list`");
    return selected;
}

Result<std::optional<CheckOptions::Rolling>> rolling_of(const CheckArguments& a, CheckLevel level) {
    std::optional<CheckOptions::Rolling> rolling;
    if (!a.due && a.older_than.empty() && a.budget.empty()) return rolling;
    if (level == CheckLevel::Structure)
        return Error(ErrorKind::InvalidInput, "a check of the structure reads no packs")
            .with_hint("with --due, --older-than or --budget-bytes use --level aead or deep");
    rolling.emplace();
    rolling->before_ns = system_clock().now().nanoseconds;
    if (a.due || !a.older_than.empty())
        rolling->before_ns -=
            PERDURE_TRY(parse_period(a.older_than.empty() ? "30d" : a.older_than));
    if (!a.budget.empty()) rolling->budget_bytes = PERDURE_TRY(parse_size(a.budget));
    return rolling;
}

Result<void> run_check_command(Context& context, const CheckArguments& a) {
    CheckOptions options;
    options.level = PERDURE_TRY(parse_check_level(level_of(a)));
    options.rolling = PERDURE_TRY(rolling_of(a, options.level));
    options.subset = PERDURE_TRY(parse_subset(a.subset));
    const bool as_owner =
        context.options.writer_key.empty() || has_password(context.options.password);
    const auto opened = PERDURE_TRY(context.open(as_owner ? Need::Owner : Need::AnyKey));
    options.workers = readers_of(*opened.store, a.workers);
    const auto prices = PERDURE_TRY(prices_of(context, *opened.store));
    options.points = PERDURE_TRY(select_points(context, *opened.repository, a));
    const Ledger ledger = PERDURE_TRY(load_ledger(*opened.repository, context.stop()));
    options.ledger = &ledger;
    ProgressReporter reporter(context, "check");
    const auto result = run_check(*opened.repository, options, reporter, context.stop());
    reporter.finish();
    const CheckResult& done = PERDURE_TRY(result);
    for (const CheckFinding& finding : done.findings) {
        if (context.options.json)
            print_finding_json(finding);
        else
            print_finding(finding);
    }
    if (!a.no_record && opened.repository->is_owner()) {
        const auto recorded = record_check(*opened.repository, done, options.level, context.stop());
        // A store that takes nothing can be checked all the same.
        if (!recorded)
            print_note(context, "what was checked is not recorded: " + recorded.error().describe());
    }
    print_summary(context, a, done, *opened.store, prices,
                  look_for_dangers(context, *opened.repository));
    context.exit_code = exit_code(done.outcome);
    return {};
}

}  // namespace

void add_check_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("check", "check the repository, and name what damage hurts");
    auto a = std::make_shared<CheckArguments>();
    command->add_option("points", a->points, "only these points and what they need");
    command->add_option("--level", a->level,
                        "structure (records and trees), aead (also opens all blocks) or deep (also "
                        "re-hashes all content); structure if not given");
    command->add_flag("--read-data", a->read_data, "the same as --level deep");
    command->add_option("--subset", a->subset, "read only this share of the packs, as in 5%");
    command->add_flag("--due", a->due,
                      "read only packs that were not found whole in the last 30 days");
    command->add_option("--older-than", a->older_than,
                        "read only packs that were last found whole longer ago, as in 30d");
    command->add_option("--budget-bytes", a->budget,
                        "read no more than this, as in 10G: what is due longest goes first");
    command->add_flag("--no-record", a->no_record,
                      "do not write down in the repository what was found whole");
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    add_filter_options(*command, a->filter);
    command->footer(
        "Exit codes: 0 all is well, 1 a point is hurt, 3 something is wrong that hurts no point.");
    run_command(*command, context, [&context, a] { return run_check_command(context, *a); });
}

}  // namespace perdure
