#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/say.h"
#include "cli/text.h"
#include "repo/ledger.h"

namespace perdure {

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + printable(word);
    return text;
}

/// What was decided about a point since, for the end of its line.
std::string fate_text(const Point& point) {
    std::string text;
    if (!point.tags.empty()) text += " [" + joined(point.tags) + "]";
    if (point.expired)
        text += " expired " + local_time(point.expired_ns) +
                (point.expired_reason.empty() ? "" : ": " + printable(point.expired_reason));
    else if (point.is_protected)
        text += " protected";
    return text;
}

void print_point(const Context& context, const Point& point,
                 std::optional<std::int64_t> verified_ns) {
    if (context.options.json) {
        nlohmann::json fields = to_json(point);
        put_verified(fields, verified_ns);
        return print_json("point", std::move(fields));
    }
    const PointHeader& h = point.header;
    fmt::print("{:<10} {:<19} {:<16} {:>11} {:<8} {:<10} {}{}\n", short_text(h.session),
               local_time(h.finished_ns), printable(h.host), human_bytes(h.statistics.bytes),
               h.outcome == PointOutcome::Success ? "success" : "partial",
               verified_ns ? local_time(*verified_ns).substr(0, 10) : "-", joined(h.sources),
               fate_text(point));
}

Result<void> run_list(Context& context, const PointFilter& filter, bool all) {
    const auto opened = PERDURE_TRY(context.open(Need::AnyKey));
    remember_records(opened);
    PointList list = PERDURE_TRY(opened.repository->list_points(context.stop()));
    if (all) {
        const auto middle =
            list.points.insert(list.points.end(), list.expired.begin(), list.expired.end());
        std::inplace_merge(list.points.begin(), middle, list.points.end(),
                           [](const Point& a, const Point& b) {
                               return a.header.finished_ns < b.header.finished_ns;
                           });
    }
    const Ledger ledger = PERDURE_TRY(load_ledger(*opened.repository, context.stop()));
    std::size_t shown = 0;
    if (!context.options.json)
        fmt::print("{:<10} {:<19} {:<16} {:>11} {:<8} {:<10} {}\n", "ID", "TIME", "HOST", "SIZE",
                   "OUTCOME", "VERIFIED", "PATHS [TAGS]");
    for (const Point& point : list.points) {
        if (!PERDURE_TRY(matches(point, filter))) continue;
        ++shown;
        print_point(context, point, ledger.verified_at(point));
    }
    for (const Problem& problem : list.problems) {
        if (context.options.json)
            print_json("problem", {{"object", problem.object}, {"text", problem.text}});
        else
            say("perdure: not believed: {}\n", problem.text.starts_with(problem.object)
                                                   ? problem.text
                                                   : problem.object + ": " + problem.text);
    }
    if (!context.options.json) fmt::print("{} points\n", shown);
    if (!list.problems.empty()) context.exit_code = kExitPartial;
    return {};
}

}  // namespace

void add_list_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("list", "list recovery points")->alias("snapshots");
    auto filter = std::make_shared<PointFilter>();
    auto all = std::make_shared<bool>(false);
    command->add_flag("--all,-a", *all, "points that have expired too");
    add_filter_options(*command, *filter);
    run_command(*command, context,
                [&context, filter, all] { return run_list(context, *filter, *all); });
}

}  // namespace perdure
