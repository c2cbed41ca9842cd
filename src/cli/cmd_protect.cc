#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/selector.h"
#include "cli/text.h"
#include "repo/fates.h"

namespace perdure {

namespace {

struct ProtectArguments {
    std::vector<std::string> selectors;
    std::string reason;
    bool remove = false;
    PointFilter filter;
};

Result<void> run_protect(Context& context, const ProtectArguments& a) {
    const auto opened = PERDURE_TRY(context.open(need_to_decide(context.options)));
    remember_records(opened);
    const FateWriter fates = PERDURE_TRY(
        FateWriter::open(*opened.repository, opened.writer ? &*opened.writer : nullptr));
    const PointList list = PERDURE_TRY(opened.repository->list_points(context.stop()));
    std::vector<Point> points;
    for (const std::string& selector : a.selectors) {
        Point point = PERDURE_TRY(select_point(list, selector, a.filter));
        points.push_back(std::move(point));
    }
    for (const Point& point : points) {
        const bool changed = point.is_protected == a.remove;
        if (changed) {
            Fate fate;
            fate.kind = a.remove ? FateKind::Unprotected : FateKind::Protected;
            fate.reason = a.reason;
            PERDURE_TRY(fates.add(point, std::move(fate), context.stop()));
        }
        if (context.options.json)
            print_json("protection", {{"point", short_text(point.session())},
                                      {"protected", !a.remove},
                                      {"changed", changed}});
        else if (!context.options.quiet)
            fmt::print("point {}: {}{}\n", short_text(point.session()),
                       a.remove ? "not protected" : "protected", changed ? "" : " (as before)");
    }
    return {};
}

}  // namespace

void add_protect_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("protect", "keep points whatever the policy of forget says");
    auto a = std::make_shared<ProtectArguments>();
    command->add_option("points", a->selectors, "which points; see `perdure help selectors`")
        ->required();
    command->add_flag("--remove", a->remove, "take the protection back");
    command->add_option("--reason", a->reason, "why; recorded with it");
    add_filter_options(*command, a->filter);
    run_command(*command, context, [&context, a] { return run_protect(context, *a); });
}

}  // namespace perdure
