#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/gc_arguments.h"
#include "cli/json.h"
#include "cli/local_zone.h"
#include "cli/say.h"
#include "cli/selector.h"
#include "cli/text.h"
#include "engine/forget.h"
#include "policy/span.h"

namespace perdure {

namespace {

struct ForgetArguments {
    std::vector<std::string> selectors;
    std::string last, hourly, daily, weekly, monthly, yearly, verified;
    std::string within, within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
    std::vector<std::string> tags;
    std::string group_by = "host,paths";
    std::string reason;
    ForgetAllowances allowed;
    bool dry_run = false, yes = false, gc = false;
    PointFilter filter;
};

/// Options that make up the policy, by what restic calls them.
struct CountOption {
    const char* names;
    const char* description;
    std::string ForgetArguments::*text;
    std::uint64_t RetentionPolicy::*value;
};
constexpr CountOption kCounts[] = {
    {"--keep-last,-l", "keep this many of the newest points", &ForgetArguments::last,
     &RetentionPolicy::last},
    {"--keep-hourly", "keep the newest point of this many hours", &ForgetArguments::hourly,
     &RetentionPolicy::hourly},
    {"--keep-daily,-d", "keep the newest point of this many days", &ForgetArguments::daily,
     &RetentionPolicy::daily},
    {"--keep-weekly,-w", "keep the newest point of this many weeks", &ForgetArguments::weekly,
     &RetentionPolicy::weekly},
    {"--keep-monthly,-m", "keep the newest point of this many months", &ForgetArguments::monthly,
     &RetentionPolicy::monthly},
    {"--keep-yearly,-y", "keep the newest point of this many years", &ForgetArguments::yearly,
     &RetentionPolicy::yearly},
    {"--keep-verified", "keep this many of the newest points that a check has verified",
     &ForgetArguments::verified, &RetentionPolicy::verified},
};
struct SpanOption {
    const char* name;
    const char* description;
    std::string ForgetArguments::*text;
    CalendarSpan RetentionPolicy::*value;
};
constexpr SpanOption kSpans[] = {
    {"--keep-within", "keep all points of this span before the newest, as in 1y6m7d12h",
     &ForgetArguments::within, &RetentionPolicy::within},
    {"--keep-within-hourly", "keep the newest of each hour in this span",
     &ForgetArguments::within_hourly, &RetentionPolicy::within_hourly},
    {"--keep-within-daily", "keep the newest of each day in this span",
     &ForgetArguments::within_daily, &RetentionPolicy::within_daily},
    {"--keep-within-weekly", "keep the newest of each week in this span",
     &ForgetArguments::within_weekly, &RetentionPolicy::within_weekly},
    {"--keep-within-monthly", "keep the newest of each month in this span",
     &ForgetArguments::within_monthly, &RetentionPolicy::within_monthly},
    {"--keep-within-yearly", "keep the newest of each year in this span",
     &ForgetArguments::within_yearly, &RetentionPolicy::within_yearly},
};

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> words;
    if (list.empty()) return words;
    for (std::size_t start = 0; start <= list.size();) {
        const std::size_t end = std::min(list.find(',', start), list.size());
        words.push_back(list.substr(start, end - start));
        start = end + 1;
    }
    return words;
}

/// The policy, and how it was asked for: what a point's fate records as the reason.
struct AskedPolicy {
    RetentionPolicy policy;
    std::string text;
};

Result<AskedPolicy> parse_policy(const ForgetArguments& a) {
    AskedPolicy asked;
    const auto note = [&](std::string_view names, const std::string& value) {
        asked.text += " " + std::string(names.substr(0, names.find(','))) + " " + value;
    };
    for (const CountOption& option : kCounts) {
        const std::string& text = a.*option.text;
        if (text.empty()) continue;
        asked.policy.*option.value = PERDURE_TRY(parse_count(text));
        note(option.names, text);
    }
    for (const SpanOption& option : kSpans) {
        const std::string& text = a.*option.text;
        if (text.empty()) continue;
        asked.policy.*option.value = PERDURE_TRY(parse_span(text));
        note(option.name, text);
    }
    for (const std::string& list : a.tags) {
        asked.policy.tags.push_back(split(list));
        note("--keep-tag", list);
    }
    return asked;
}

bool is_filtered(const PointFilter& filter) {
    return !filter.hosts.empty() || !filter.tags.empty() || !filter.paths.empty() ||
           !filter.before.empty();
}

/// What contradicts itself, or asks for nothing.
Result<void> check_request(const ForgetArguments& a, const RetentionPolicy& policy) {
    if (!a.selectors.empty()) {
        if (policy.is_empty()) return {};
        return Error(ErrorKind::InvalidInput, "points and --keep options do not go together")
            .with_hint("name points to forget these, or give a policy for all");
    }
    if (!policy.is_empty()) return {};
    if (!a.allowed.remove_all)
        return Error(ErrorKind::InvalidInput, "no policy is given: nothing would be forgotten")
            .with_hint("name points, or say what to keep, as in --keep-daily 7 --keep-weekly 5");
    if (!is_filtered(a.filter))
        return Error(ErrorKind::InvalidInput,
                     "--unsafe-allow-remove-all without a policy takes a filter")
            .with_hint("say which points with --host, --tag, --path or --before");
    return {};
}

// ------------------------------------------------------------------------------------ showing

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + printable(word);
    return text;
}

std::string title(const ForgetGroup& group) {
    std::string text;
    const auto add = [&](const char* what, const std::string& value) {
        if (!value.empty()) text += (text.empty() ? "" : ", ") + std::string(what) + " " + value;
    };
    add("host", printable(group.host));
    add("paths", joined(group.paths));
    add("tags", joined(group.tags));
    return text.empty() ? "all points" : "points of " + text;
}

void print_side(const ForgetGroup& group, bool keep) {
    std::size_t count = 0;
    for (const PlannedPoint& p : group.points) count += p.keep == keep ? 1 : 0;
    if (count == 0) return;
    fmt::print("\n{} {}:\n", keep ? "keep" : "forget", counted(count, "point"));
    fmt::print("  {:<10} {:<19} {:<16} {:<28} {}\n", "ID", "TIME", "HOST", "REASONS",
               "PATHS [TAGS]");
    for (const PlannedPoint& p : group.points) {
        if (p.keep != keep) continue;
        const PointHeader& h = p.point.header;
        fmt::print("  {:<10} {:<19} {:<16} {:<28} {}{}\n", short_text(h.session),
                   local_time(h.finished_ns), printable(h.host), joined(p.reasons),
                   joined(h.sources),
                   p.point.tags.empty() ? "" : " [" + joined(p.point.tags) + "]");
    }
}

void print_decision(const PlannedPoint& p) {
    const PointHeader& h = p.point.header;
    print_json("decision", {{"point", short_text(h.session)},
                            {"finished", to_iso8601(Time{h.finished_ns})},
                            {"host", h.host},
                            {"paths", h.sources},
                            {"tags", p.point.tags},
                            {"keep", p.keep},
                            {"reasons", p.reasons}});
}

void print_plan(const Context& context, const ForgetPlan& plan) {
    for (const ForgetGroup& group : plan.groups) {
        if (!context.options.json && !context.options.quiet) {
            fmt::print("{}\n", title(group));
            print_side(group, true);
            print_side(group, false);
            fmt::print("\n");
        }
        if (context.options.json)
            for (const PlannedPoint& p : group.points) print_decision(p);
    }
    for (const DoubtedPoint& doubt : plan.doubts) {
        if (context.options.json)
            print_json("doubt", {{"point", short_text(doubt.point)}, {"text", doubt.text}});
        else
            say("perdure: point {} {}\n", short_text(doubt.point), doubt.text);
    }
}

void print_result(Context& context, const ForgetPlan& plan, const ForgetResult& result,
                  bool dry_run) {
    for (const auto& kept : result.kept) say("perdure: not forgotten: {}\n", kept.why);
    if (!result.kept.empty()) context.exit_code = kExitPartial;
    const std::size_t forgotten = result.forgotten + result.already;
    if (context.options.json) {
        print_json("summary", {{"groups", plan.groups.size()},
                               {"kept", plan.kept + result.kept.size()},
                               {"forgotten", dry_run ? plan.going : forgotten},
                               {"doubts", plan.doubts.size()},
                               {"dry_run", dry_run}});
        return;
    }
    if (context.options.quiet) return;
    if (dry_run)
        fmt::print("would forget {}, keep {}\n", counted(plan.going, "point"), plan.kept);
    else
        fmt::print("forgot {}, kept {}\n", counted(forgotten, "point"),
                   plan.kept + result.kept.size());
}

// ------------------------------------------------------------------------------------ the command

/// Asks a person at a terminal; whoever is not there has decided by running the command.
Result<void> confirm(const Context& context, const ForgetArguments& a, std::size_t going) {
    if (a.yes || context.options.json || ::isatty(STDIN_FILENO) == 0 ||
        ::isatty(STDERR_FILENO) == 0)
        return {};
    std::fflush(stdout);
    say("forget {}? That is final. [y/N] ", counted(going, "point"));
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return {};
    return Error(ErrorKind::Cancelled, "nothing was forgotten");
}

/// The named points as a plan of one group, all of them to go.
Result<ForgetPlan> plan_named(const Repository& repository, const PointList& list,
                              const ForgetArguments& a, std::stop_token stop) {
    ForgetPlan plan;
    ForgetGroup group;
    const Time now = PERDURE_TRY(lock_time(repository, stop));
    for (const std::string& selector : a.selectors) {
        const Point point = PERDURE_TRY(select_point(list, selector, a.filter));
        if (point.is_protected)
            return Error(ErrorKind::Denied,
                         "point " + short_text(point.session()) + " is protected")
                .with_hint("take the protection back first: `perdure protect --remove " +
                           short_text(point.session()) + "`");
        const std::int64_t until = locked_until(repository, point, now);
        if (until > 0)
            return Error(ErrorKind::Denied, "point " + short_text(point.session()) +
                                                " is locked until " + local_time(until))
                .with_hint("what it needs cannot be deleted before; forget it then");
        const bool named_twice = std::any_of(
            group.points.begin(), group.points.end(),
            [&](const PlannedPoint& p) { return p.point.session() == point.session(); });
        if (!named_twice) group.points.push_back({point, false, {"named"}});
    }
    plan.going = group.points.size();
    plan.groups.push_back(std::move(group));
    return plan;
}

Result<ForgetPlan> plan_by_policy(const Context& context, const Repository& repository,
                                  const PointList& list, const ForgetArguments& a,
                                  const RetentionPolicy& policy) {
    ForgetOptions options;
    options.policy = policy;
    options.group_by = PERDURE_TRY(parse_group_by(a.group_by));
    options.everything = policy.is_empty();
    std::vector<Point> chosen;
    for (const Point& point : list.points)
        if (PERDURE_TRY(matches(point, a.filter))) chosen.push_back(point);
    return plan_forget(repository, list.points, chosen, options, LocalZone(), context.stop());
}

Result<void> run_forget(Context& context, const ForgetArguments& a) {
    const AskedPolicy asked = PERDURE_TRY(parse_policy(a));
    PERDURE_TRY(check_request(a, asked.policy));
    const auto opened = PERDURE_TRY(context.open(need_to_decide(context.options)));
    remember_records(opened);
    const Repository& repository = *opened.repository;
    const FateWriter fates =
        PERDURE_TRY(FateWriter::open(repository, opened.writer ? &*opened.writer : nullptr));
    const PointList list = PERDURE_TRY(repository.list_points(context.stop()));
    const bool named = !a.selectors.empty();
    const ForgetPlan plan =
        PERDURE_TRY(named ? plan_named(repository, list, a, context.stop())
                          : plan_by_policy(context, repository, list, a, asked.policy));
    print_plan(context, plan);
    const auto refused = named ? Result<void>() : refusal(plan, a.allowed);
    if (a.dry_run) {
        print_result(context, plan, {}, true);
        if (!refused) print_note(context, "it would be refused: " + refused.error().describe());
        return {};
    }
    PERDURE_TRY(refused);
    ForgetResult result;
    if (plan.going > 0) {
        PERDURE_TRY(confirm(context, a, plan.going));
        std::vector<Point> going;
        for (const ForgetGroup& group : plan.groups)
            for (const PlannedPoint& p : group.points)
                if (!p.keep) going.push_back(p.point);
        const std::string why = a.reason.empty() ? "forget" + asked.text : a.reason;
        result = PERDURE_TRY(forget_points(repository, fates, going, why, context.stop()));
    }
    print_result(context, plan, result, false);
    return a.gc ? collect(context, opened, {}) : Result<void>();
}

}  // namespace

void add_forget_command(CLI::App& app, Context& context) {
    auto* command =
        app.add_subcommand("forget", "expire points: those named, or those a policy does not keep");
    auto a = std::make_shared<ForgetArguments>();
    command->add_option("points", a->selectors, "these points; see `perdure help selectors`");
    for (const CountOption& option : kCounts)
        command->add_option(option.names, (*a).*option.text, option.description);
    for (const SpanOption& option : kSpans)
        command->add_option(option.name, (*a).*option.text, option.description);
    command
        ->add_option("--keep-tag", a->tags,
                     "keep points with this tag; a,b means both (repeatable)")
        ->allow_extra_args(false);
    command
        ->add_option("--group-by,-g", a->group_by,
                     "apply the policy to points of the same host, paths, tags")
        ->capture_default_str();
    add_filter_options(*command, a->filter);
    command->add_option("--reason", a->reason, "why; recorded with every point forgotten");
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_flag("--yes", a->yes, "do not ask");
    command->add_flag("--gc,--prune", a->gc, "then free the space, as gc does");
    command->add_flag("--unsafe-allow-remove-all", a->allowed.remove_all,
                      "also where no point of a group is left");
    command->add_flag("--unsafe-allow-sudden-change", a->allowed.sudden_change,
                      "also where more than half of many points go");
    command->add_flag("--unsafe-allow-odd-times", a->allowed.odd_times,
                      "also where the times of points cannot be right");
    run_command(*command, context, [&context, a] { return run_forget(context, *a); });
}

}  // namespace perdure
