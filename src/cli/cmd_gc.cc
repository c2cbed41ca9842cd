// perdure gc: free the space of what no point needs any more.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/machine.h"
#include "app/open_store.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/gc_arguments.h"
#include "cli/json.h"
#include "cli/lock_report.h"
#include "cli/option_values.h"
#include "cli/text.h"
#include "cli/traffic.h"
#include "engine/gc.h"

namespace perdure {

namespace {

Result<GcOptions> options_of(const Context& context, const GcArguments& a) {
    GcOptions options;
    options.dry_run = a.dry_run;
    options.rules.now = a.now;
    options.rules.force = a.force;
    options.rules.host = host_name();
    options.rules.idle_ns = PERDURE_TRY(parse_period(a.idle));
    options.rules.max_drop = PERDURE_TRY(parse_share(a.max_drop));
    // A local repository has readers on this machine alone, whose points nobody expires under them.
    const bool is_local = !local_directory(context.options.repository).empty();
    if (!a.grace.empty())
        options.rules.grace_ns = PERDURE_TRY(parse_period(a.grace));
    else if (is_local)
        options.rules.grace_ns = 0;
    if (!a.max_repack.empty()) options.repack.max_bytes = PERDURE_TRY(parse_size(a.max_repack));
    if (a.max_unused == "unlimited") {
        options.repack.max_bytes = 0;
    } else if (a.max_unused.ends_with('%')) {
        options.repack.max_unused_share = PERDURE_TRY(parse_share(a.max_unused));
    } else {
        options.repack.max_unused_share = 0;
        options.repack.max_unused_bytes = PERDURE_TRY(parse_size(a.max_unused));
    }
    return options;
}

std::string text_of(const PackAmount& amount) {
    return fmt::format("{} ({})", counted(amount.packs, "pack"), human_bytes(amount.bytes));
}

nlohmann::json to_json(const PackAmount& amount) {
    return {{"packs", amount.packs}, {"bytes", amount.bytes}};
}

nlohmann::json time_or_null(std::int64_t ns) {
    return ns == 0 ? nlohmann::json() : nlohmann::json(to_iso8601({ns}));
}

// ------------------------------------------------------------------------------------ the plan

void print_plan_json(const GcPlan& plan) {
    const CollectionPlan& c = plan.collection;
    print_json("gc_plan",
               {{"points", c.points},
                {"stored", to_json(c.stored)},
                {"condemnable", to_json(c.condemnable)},
                {"orphaned", to_json(c.orphaned)},
                {"unfinished_lists", c.unfinished},
                {"listed", to_json(c.listed)},
                {"due", to_json(c.due)},
                {"in_grace", to_json(c.in_grace)},
                {"grace_ends", time_or_null(c.grace_ends_ns)},
                {"locked", to_json(c.locked)},
                {"locked_until", time_or_null(c.locked_until_ns)},
                {"unused", c.unused},
                {"repack", to_json(plan.repack.from)},
                {"repack_live_bytes", plan.repack.live_bytes},
                {"refusal", c.refusal ? nlohmann::json(c.refusal->describe()) : nlohmann::json()}});
}

void print_plan(const GcPlan& plan) {
    const CollectionPlan& c = plan.collection;
    fmt::print("{} in all; {} keep blocks of them\n", text_of(c.stored),
               counted(c.points, "point"));
    if (c.due.packs > 0) fmt::print("to delete:   {}, condemned before\n", text_of(c.due));
    if (c.listed.packs > 0)
        fmt::print("to finish:   {} on {} begun before\n", text_of(c.listed),
                   counted(c.unfinished.size(), "list"));
    fmt::print("to condemn:  {}\n", text_of(c.condemnable));
    if (c.orphaned.packs > 0)
        fmt::print("             of these {} of sessions that were broken off\n",
                   text_of(c.orphaned));
    if (plan.repack.from.packs > 0)
        fmt::print("to repack:   {}, of which about {} are needed\n", text_of(plan.repack.from),
                   human_bytes(plan.repack.live_bytes));
    if (c.unused > 0)
        fmt::print("unused:      about {} in {} that stay or are repacked\n", human_bytes(c.unused),
                   counted(c.partly_dead.packs, "pack"));
    if (c.in_grace.packs > 0)
        fmt::print("in grace:    {} until {}\n", text_of(c.in_grace), local_time(c.grace_ends_ns));
    if (c.locked.packs > 0)
        fmt::print("locked:      {}, condemned before; the last until {}\n", text_of(c.locked),
                   local_time(c.locked_until_ns));
    if (c.refusal) fmt::print("refused:     {}\n", printable(c.refusal->describe()));
}

// ------------------------------------------------------------------------------------ the result

nlohmann::json to_json(const std::vector<OpenSession>& waiting) {
    nlohmann::json list = nlohmann::json::array();
    for (const OpenSession& open : waiting) {
        nlohmann::json fields{{"session", short_text(open.session)},
                              {"purpose", to_string(open.purpose)},
                              {"last_sign", time_or_null(open.last_sign_ns)}};
        put_bytes(fields, "host", open.host);
        list.push_back(std::move(fields));
    }
    return list;
}

void print_result_json(const GcResult& result, bool dry_run, const nlohmann::json& traffic) {
    const CollectionResult& c = result.collection;
    nlohmann::json fenced = nlohmann::json::array();
    for (const SessionName session : c.fenced) fenced.push_back(short_text(session));
    nlohmann::json problems = nlohmann::json::array();
    for (const auto* list : {&c.problems, &result.repack.problems})
        for (const Problem& problem : *list)
            problems.push_back({{"object", problem.object}, {"text", problem.text}});
    print_json("summary",
               {{"dry_run", dry_run},
                {"freed", to_json(c.deleted)},
                {"condemned", to_json(c.condemned)},
                {"in_grace", to_json(c.in_grace)},
                {"grace_ends", time_or_null(c.grace_ends_ns)},
                {"list", c.list == 0 ? nlohmann::json() : nlohmann::json(c.list)},
                {"repacked", to_json(result.repack.from)},
                {"locked", to_json(c.locked)},
                {"locked_until", time_or_null(c.locked_until_ns)},
                {"indexes_deleted", c.indexes},
                {"settled", c.settled},
                {"merged", {{"objects", result.merged.merges}, {"records", result.merged.records}}},
                {"repacked_blocks", result.repack.blocks},
                {"repacked_into", result.repack.bytes},
                {"waiting", to_json(c.waiting)},
                {"fenced", fenced},
                {"problems", problems},
                {"traffic", traffic}});
}

void print_result(const GcResult& result) {
    const CollectionResult& c = result.collection;
    if (result.repack.from.packs > 0)
        fmt::print("repacked {} into {}\n", text_of(result.repack.from),
                   human_bytes(result.repack.bytes));
    for (const SessionName session : c.fenced)
        fmt::print("session {} did not end; it is void now\n", short_text(session));
    if (c.condemned.packs > 0) fmt::print("condemned {}\n", text_of(c.condemned));
    for (const OpenSession& open : c.waiting)
        fmt::print("waits for session {} ({}) of host {}, last heard of at {}\n",
                   short_text(open.session), to_string(open.purpose), printable(open.host),
                   local_time(open.last_sign_ns));
    if (!c.waiting.empty())
        fmt::print(
            "nothing on this list is deleted before they end: run gc again then; if they are "
            "dead, with --now\n");
    if (c.in_grace.packs > 0)
        fmt::print("{} in grace; gc deletes them after {}\n", text_of(c.in_grace),
                   local_time(c.grace_ends_ns));
    if (c.locked.packs > 0)
        fmt::print("{} cannot be deleted before {}: Object Lock keeps them; a later gc does\n",
                   text_of(c.locked), local_time(c.locked_until_ns));
    fmt::print("freed {}\n", text_of(c.deleted));
    for (const auto* list : {&c.problems, &result.repack.problems})
        for (const Problem& problem : *list)
            fmt::print("note: {}: {}\n", printable(problem.object), printable(problem.text));
}

}  // namespace

Result<void> collect(const Context& context, const OpenedRepository& opened, const GcArguments& a) {
    const GcOptions options = PERDURE_TRY(options_of(context, a));
    const auto prices = PERDURE_TRY(prices_of(context, *opened.store));
    Repository& repository = *opened.repository;
    const WriterIdentity* writer = opened.writer ? &*opened.writer : nullptr;
    const Maintainer maintainer = PERDURE_TRY(Maintainer::from(repository, writer));
    const auto identity = [&]() -> Result<WriterIdentity> {
        if (writer != nullptr && writer->role == Role::Maintainer) return *writer;
        return maintainer_of_this_machine(repository, host_name(), context.stop());
    };
    const auto on_plan = [&](const GcPlan& plan) {
        if (context.options.json)
            print_plan_json(plan);
        else if (!context.options.quiet)
            print_plan(plan);
    };
    const GcResult result =
        PERDURE_TRY(run_gc(maintainer, identity, options, on_plan, context.stop()));
    if (context.options.json)
        print_result_json(result, a.dry_run, traffic_json(*opened.store, prices));
    else if (!context.options.quiet && !a.dry_run)
        print_result(result);
    if (!a.dry_run) PERDURE_TRY(extend_due_locks(context, maintainer));
    if (!context.options.json && !context.options.quiet) print_traffic(*opened.store, prices);
    return {};
}

namespace {

Result<void> run_gc_command(Context& context, const GcArguments& a) {
    const auto opened = PERDURE_TRY(context.open(need_to_decide(context.options)));
    remember_records(opened);
    return collect(context, opened, a);
}

}  // namespace

void add_gc_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("gc", "free the space of what no point needs any more");
    command->alias("prune");
    auto a = std::make_shared<GcArguments>();
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_flag("--now", a->now,
                      "wait for no session and no grace period: what still runs is void");
    command->add_option("--grace", a->grace,
                        "how long what is condemned stays, as in 24h or 7d (default: 24h, none for "
                        "a local directory)");
    command
        ->add_option("--idle", a->idle,
                     "sessions of which nothing came for so long are void, as in 24h")
        ->capture_default_str();
    command->add_option("--max-repack,--max-repack-size", a->max_repack,
                        "copy no more than this much out of partly needed packs, as in 10G");
    command
        ->add_option("--max-unused", a->max_unused,
                     "how much that is not needed may stay in packs: 5%, 10G or unlimited")
        ->capture_default_str();
    command
        ->add_option("--max-drop", a->max_drop,
                     "refuse if more than this share of what is stored would go")
        ->capture_default_str();
    command->add_flag("--force", a->force,
                      "also if more would go, and though points that were there are gone");
    command->footer(
        "Points go by other commands; this frees what only they needed. Sessions that may still\n"
        "build on it are waited for: the next gc goes on from there.");
    run_command(*command, context, [&context, a] { return run_gc_command(context, *a); });
}

}  // namespace perdure
