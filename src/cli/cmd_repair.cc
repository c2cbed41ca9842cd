// perdure repair: make good what is damaged, from another repository or from what is left.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <thread>

#include "app/endpoints.h"
#include "app/machine.h"
#include "app/open_store.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "engine/repair.h"

namespace perdure {

namespace {

struct RepairArguments {
    std::string from;
    std::string level = "aead";
    bool from_source = false, dry_run = false;
    unsigned workers = 0;
};

constexpr std::size_t kShownPaths = 20;

void print_action(const Context& context, const RepairAction& action, bool dry_run) {
    if (context.options.json) {
        print_json("repair", {{"action", to_string(action.kind)},
                              {"object", action.object},
                              {"blocks", action.blocks},
                              {"text", action.text},
                              {"lost", action.lost},
                              {"read_again", action.read_again},
                              {"dry_run", dry_run}});
        return;
    }
    fmt::print("{}{} {}{}{}\n", dry_run ? "would " : "", to_string(action.kind),
               printable(action.object),
               action.blocks > 0 ? fmt::format(": {}", counted(action.blocks, "block")) : "",
               action.text.empty() ? "" : " (" + printable(action.text) + ")");
    for (std::size_t i = 0; i < std::min(action.lost.size(), kShownPaths); ++i)
        fmt::print("  lost: {}\n", printable(action.lost[i]));
    if (action.lost.size() > kShownPaths)
        fmt::print("  lost {} paths in all (--json names them)\n", action.lost.size());
}

std::size_t count_problems(const std::vector<CheckFinding>& findings) {
    return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                  [](const CheckFinding& f) { return !f.note; }));
}

void print_summary(const Context& context, const RepairArguments& a, const RepairResult& r) {
    std::size_t lost = 0;
    for (const RepairAction& action : r.actions) lost += action.lost.size();
    if (context.options.json) {
        print_json("summary", {{"outcome", to_string(r.outcome)},
                               {"dry_run", a.dry_run},
                               {"actions", r.actions.size()},
                               {"problems_before", count_problems(r.before)},
                               {"problems_after", count_problems(r.after)},
                               {"paths_lost", lost},
                               {"seconds", r.seconds}});
        return;
    }
    if (context.options.quiet) return;
    if (!a.dry_run)
        for (const CheckFinding& f : r.after)
            if (!f.note)
                fmt::print("remains: {} ({}): {}\n", printable(f.object), f.kind,
                           printable(f.text));
    fmt::print("{} before, {}; {}\n", counted(count_problems(r.before), "problem"),
               a.dry_run ? "nothing was changed" : fmt::format("{} after", count_problems(r.after)),
               human_duration(r.seconds));
}

Result<void> run_repair_command(Context& context, const RepairArguments& a) {
    RepairOptions options;
    options.dry_run = a.dry_run;
    options.level = PERDURE_TRY(parse_check_level(a.level));
    options.workers = a.workers > 0 ? a.workers : std::max(2U, std::thread::hardware_concurrency());
    if (a.from_source) {
        options.open_live = open_if_unchanged;
        options.host = host_name();
    }
    std::optional<OpenedRepository> from;
    std::vector<std::string> roots;
    if (!a.from.empty()) {
        from = PERDURE_TRY(context.at(a.from, context.options.password).open(Need::Owner));
        options.from = from->repository.get();
        const auto store =
            PERDURE_TRY(open_store(context.options.repository, context.options.store));
        roots =
            PERDURE_TRY(repair_root_records(*store, *from->repository, a.dry_run, context.stop()));
    }
    RepairResult done;
    if (!(a.dry_run && !roots.empty())) {
        const auto opened = PERDURE_TRY(context.open(a.dry_run ? Need::Owner : Need::Maintainer));
        const WriterIdentity nobody{};
        ProgressReporter reporter(context, "repair");
        auto result = run_repair(*opened.repository, opened.writer ? *opened.writer : nobody,
                                 opened.cache, options, reporter, context.stop());
        reporter.finish();
        done = PERDURE_TRY(std::move(result));
    }
    for (const std::string& name : roots)
        done.actions.insert(
            done.actions.begin(),
            {RepairAction::Kind::PutBack, name, "nothing opens without it", 0, {}, 0});
    for (const RepairAction& action : done.actions) print_action(context, action, a.dry_run);
    print_summary(context, a, done);
    context.exit_code = exit_code(done.outcome);
    return {};
}

}  // namespace

void add_repair_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "repair", "make good what is damaged, from another repository or from what is left");
    auto a = std::make_shared<RepairArguments>();
    command->add_option("--from", a->from,
                        "a repository under the same keys: a replica, or what this is one of");
    command->add_flag("--from-source", a->from_source,
                      "read lost content again from this machine's files, where they are as they "
                      "were");
    command
        ->add_option("--level", a->level,
                     "how deep to look for damage: structure, aead or deep, as in check")
        ->capture_default_str();
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    command->footer(
        "Deletes nothing: what is damaged is set aside, with a signed record of why. Exit codes as "
        "those of check, of what is so afterwards.");
    run_command(*command, context, [&context, a] { return run_repair_command(context, *a); });
}

}  // namespace perdure
