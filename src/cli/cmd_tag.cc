#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
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

struct TagArguments {
    std::vector<std::string> selectors;
    std::vector<std::string> add, remove, set;
    bool clear = false;
    PointFilter filter;
};

Result<void> check_tags(const TagArguments& a) {
    for (const auto* list : {&a.add, &a.remove, &a.set})
        for (const std::string& tag : *list)
            if (tag.empty() || tag.find(',') != std::string::npos)
                return Error(ErrorKind::InvalidInput, "\"" + tag + "\" is no tag")
                    .with_hint("a tag is not empty and has no comma; repeat the option for more");
    if (a.clear && !a.set.empty())
        return Error(ErrorKind::InvalidInput, "--set and --clear do not go together");
    if ((!a.set.empty() || a.clear) && (!a.add.empty() || !a.remove.empty()))
        return Error(ErrorKind::InvalidInput,
                     "--set and --clear replace all tags; --add and --remove change some");
    if (a.set.empty() && !a.clear && a.add.empty() && a.remove.empty())
        return Error(ErrorKind::InvalidInput, "nothing to do")
            .with_hint("use --add, --remove, --set or --clear");
    return {};
}

std::vector<std::string> changed_tags(const TagArguments& a, std::vector<std::string> tags) {
    if (a.clear || !a.set.empty()) tags = a.set;
    tags.insert(tags.end(), a.add.begin(), a.add.end());
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    std::erase_if(tags, [&](const std::string& tag) {
        return std::find(a.remove.begin(), a.remove.end(), tag) != a.remove.end();
    });
    return tags;
}

Result<void> run_tag(Context& context, const TagArguments& a) {
    PERDURE_TRY(check_tags(a));
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
        std::vector<std::string> before = point.tags;
        std::sort(before.begin(), before.end());
        const std::vector<std::string> after = changed_tags(a, before);
        const bool changed = before != after;
        if (changed) {
            Fate fate;
            fate.kind = FateKind::Tags;
            fate.tags = after;
            PERDURE_TRY(fates.add(point, std::move(fate), context.stop()));
        }
        if (context.options.json) {
            print_json(
                "tags",
                {{"point", short_text(point.session())}, {"tags", after}, {"changed", changed}});
        } else if (!context.options.quiet) {
            std::string text;
            for (const std::string& tag : after)
                text += (text.empty() ? "" : ", ") + printable(tag);
            fmt::print("point {}: {}{}\n", short_text(point.session()),
                       text.empty() ? "no tags" : text, changed ? "" : " (as before)");
        }
    }
    return {};
}

}  // namespace

void add_tag_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("tag", "change the tags of points");
    auto a = std::make_shared<TagArguments>();
    command->add_option("points", a->selectors, "which points; see `perdure help selectors`")
        ->required();
    command->add_option("--add", a->add, "add this tag (repeatable)")->allow_extra_args(false);
    command->add_option("--remove", a->remove, "remove this tag (repeatable)")
        ->allow_extra_args(false);
    command->add_option("--set", a->set, "this tag in place of all others (repeatable)")
        ->allow_extra_args(false);
    command->add_flag("--clear", a->clear, "remove all tags");
    add_filter_options(*command, a->filter);
    run_command(*command, context, [&context, a] { return run_tag(context, *a); });
}

}  // namespace perdure
