#include "cli/lock_report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/try.h"
#include "cli/json.h"
#include "cli/say.h"
#include "cli/text.h"

namespace perdure {

void add_lock_options(CLI::App& command, LockArguments& a) {
    command.add_option("--lock", a.text,
                       "lock what is stored: MODE:DAYS[:WINDOW], with governance or compliance");
    command
        .add_option("--longest-lock", a.longest_days,
                    "no class may lock for more days than these, window included")
        ->check(CLI::Range(1U, kMostLockDays));
    command.add_flag("--yes", a.yes, "do not ask before a lock that nobody can take back");
}

Result<void> confirm_lock(const Context& context, const RetentionClass& wanted, bool yes) {
    if (wanted.lock != LockMode::Compliance || yes) return {};
    const std::uint32_t days = wanted.lock_days + wanted.window_days;
    const bool at_terminal =
        !context.options.json && ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
    if (!at_terminal)
        return Error(ErrorKind::InvalidInput,
                     "compliance locks cannot be taken back by anybody, nor the bucket be deleted "
                     "before they end")
            .with_hint("try it out with governance; give --yes if compliance is meant");
    std::fflush(stdout);
    say("What is stored will be locked for {} days, again and again while it is needed. Nobody,\n"
        "not even the owner of the account, can delete or shorten that; it is paid for until "
        "then.\n"
        "Type \"compliance\" to go on: ",
        days);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "compliance") return {};
    return Error(ErrorKind::Cancelled, "nothing was changed");
}

std::string lock_text(const RetentionClass& c) {
    if (!c.lock) return "none";
    return fmt::format("{}:{}:{}", to_string(*c.lock), c.lock_days, c.window_days);
}

nlohmann::json lock_json(const ClassLocks& of) {
    const auto time_or_null = [](std::int64_t ns) {
        return ns == 0 ? nlohmann::json() : nlohmann::json(to_iso8601({ns}));
    };
    const RetentionClass& c = of.retention_class;
    return {{"class", c.name},
            {"mode", to_string(*c.lock)},
            {"days", c.lock_days},
            {"window_days", c.window_days},
            {"locked_until", time_or_null(of.horizon ? of.horizon->until_ns : 0)},
            {"signed", time_or_null(of.horizon ? of.horizon->signed_ns : 0)},
            {"sessions", of.horizon ? of.horizon->sessions.size() : 0},
            {"due", of.is_due},
            {"next", time_or_null(of.due_ns)}};
}

std::string lock_line(const ClassLocks& of) {
    const std::string what =
        printable(of.retention_class.name) + " " + lock_text(of.retention_class) + ", ";
    if (!of.horizon) return what + "not extended yet: run `perdure lock extend`, or gc";
    return what + fmt::format("all of {} locked until {}; {} {}",
                              counted(of.horizon->sessions.size(), "session"),
                              local_time(of.horizon->until_ns),
                              of.is_due ? "an extension is due since" : "the next extension is due",
                              local_time(of.due_ns));
}

namespace {

void print_extension(const Context& context, const LockExtension& done) {
    if (context.options.json) {
        nlohmann::json problems = nlohmann::json::array();
        for (const Problem& problem : done.problems)
            problems.push_back({{"object", problem.object}, {"text", problem.text}});
        nlohmann::json horizons = nlohmann::json::array();
        for (const LockHorizon& horizon : done.horizons)
            horizons.push_back({{"class", horizon.retention_class},
                                {"locked_until", to_iso8601({horizon.until_ns})},
                                {"sessions", horizon.sessions.size()}});
        print_json("locks", {{"objects", done.objects},
                             {"failed", done.failed},
                             {"problems", problems},
                             {"horizons", horizons}});
        return;
    }
    if (context.options.quiet) return;
    fmt::print("locked {}\n", counted(done.objects, "object"));
    for (const LockHorizon& horizon : done.horizons)
        fmt::print("  class {}: all of {} until {}\n", printable(horizon.retention_class),
                   counted(horizon.sessions.size(), "session"), local_time(horizon.until_ns));
    for (const Problem& problem : done.problems)
        fmt::print("note: {}: {}\n", printable(problem.object), printable(problem.text));
}

}  // namespace

Result<void> extend_and_tell(const Context& context, const Maintainer& maintainer,
                             const std::vector<ClassLocks>& classes) {
    if (classes.empty()) return {};
    const LockExtension done = PERDURE_TRY(
        extend_locks(maintainer, classes, context.stop()).context("extending the locks"));
    print_extension(context, done);
    if (done.failed == 0) return {};
    return Error(ErrorKind::Denied,
                 fmt::format("{} could not be locked; the first: {}: {}",
                             counted(done.failed, "object"), done.problems.front().object,
                             done.problems.front().text))
        .with_hint(
            "nothing is lost by it, but these are locked for less long than their class "
            "says, and backups store anew what they would reuse");
}

Result<void> extend_due_locks(const Context& context, const Maintainer& maintainer) {
    if (!maintainer.repository().locks_objects()) return {};
    auto classes = PERDURE_TRY(look_at_locks(maintainer.repository(), context.stop()));
    std::erase_if(classes, [](const ClassLocks& of) { return !of.is_due; });
    return extend_and_tell(context, maintainer, classes);
}

}  // namespace perdure
