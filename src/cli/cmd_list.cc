#include <fmt/core.h>

#include <CLI/CLI.hpp>
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

Result<void> run_list(Context& context, const PointFilter& filter) {
    const auto opened = PERDURE_TRY(context.open(Need::AnyKey));
    const PointList list = PERDURE_TRY(opened.repository->list_points(context.stop()));
    const Ledger ledger = PERDURE_TRY(load_ledger(*opened.repository, context.stop()));
    std::size_t shown = 0;
    if (!context.options.json)
        fmt::print("{:<10} {:<19} {:<16} {:>11} {:<8} {:<10} {}\n", "ID", "TIME", "HOST", "SIZE",
                   "OUTCOME", "VERIFIED", "PATHS [TAGS]");
    for (const Point& point : list.points) {
        if (!PERDURE_TRY(matches(point, filter))) continue;
        ++shown;
        if (context.options.json) {
            nlohmann::json fields = to_json(point);
            put_verified(fields, ledger.verified_at(point));
            print_json("point", std::move(fields));
            continue;
        }
        const auto verified = ledger.verified_at(point);
        const PointHeader& h = point.header;
        fmt::print("{:<10} {:<19} {:<16} {:>11} {:<8} {:<10} {}{}\n", short_text(h.session),
                   local_time(h.finished_ns), printable(h.host), human_bytes(h.statistics.bytes),
                   h.outcome == PointOutcome::Success ? "success" : "partial",
                   verified ? local_time(*verified).substr(0, 10) : "-", joined(h.sources),
                   point.tags.empty() ? "" : " [" + joined(point.tags) + "]");
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
    add_filter_options(*command, *filter);
    run_command(*command, context, [&context, filter] { return run_list(context, *filter); });
}

}  // namespace perdure
