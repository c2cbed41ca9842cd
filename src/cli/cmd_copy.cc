// perdure copy: points into another repository.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>
#include <thread>

#include "app/open_store.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/text.h"
#include "engine/replicate.h"

namespace perdure {

namespace {

struct CopyArguments {
    std::vector<std::string> points;
    PointFilter filter;
    std::string to;
    PasswordSource password;
    std::string compression = "auto";
    bool dry_run = false;
    unsigned workers = 0;
};

const char* to_text(PointCopy::State state) {
    switch (state) {
        case PointCopy::State::Copied: return "copied";
        case PointCopy::State::AlreadyThere: return "there";
        case PointCopy::State::WouldCopy: return "would copy";
        case PointCopy::State::Failed: return "failed";
        case PointCopy::State::Forgotten: return "forgotten";
    }
    return "";
}

void print_copy(const Context& context, const PointCopy& copy) {
    const std::string from = short_text(copy.from.session());
    const std::string to = copy.to ? short_text(*copy.to) : "";
    if (context.options.json) {
        print_json("copy", {{"point", from},
                            {"state", to_text(copy.state)},
                            {"to", to.empty() ? nlohmann::json() : nlohmann::json(to)},
                            {"new", copy.bytes_new},
                            {"stored", copy.bytes_stored},
                            {"text", copy.problem}});
        return;
    }
    const std::uint64_t bytes = copy.from.header.statistics.bytes;
    switch (copy.state) {
        case PointCopy::State::Copied:
            if (!context.options.quiet)
                fmt::print("{} -> {}: {}, {} new, {} stored\n", from, to, human_bytes(bytes),
                           human_bytes(copy.bytes_new), human_bytes(copy.bytes_stored));
            break;
        case PointCopy::State::AlreadyThere:
            if (context.options.verbose > 0) fmt::print("{} -> {}: there already\n", from, to);
            break;
        case PointCopy::State::WouldCopy:
            fmt::print("{}: {} of {} would be copied\n", from, human_bytes(bytes),
                       printable(copy.from.header.host));
            break;
        case PointCopy::State::Forgotten:
            if (context.options.verbose > 0)
                fmt::print("{}: was forgotten there, which is for good\n", from);
            break;
        case PointCopy::State::Failed:
            say("perdure: {}: not copied: {}\n", from, copy.problem);
            break;
    }
}

void print_summary(const Context& context, const CopyArguments& a, const CopyResult& r) {
    std::size_t count[5] = {};
    for (const PointCopy& copy : r.points) ++count[static_cast<std::size_t>(copy.state)];
    if (context.options.json) {
        print_json("summary", {{"outcome", to_string(r.outcome)},
                               {"to", a.to},
                               {"dry_run", a.dry_run},
                               {"copied", count[0]},
                               {"there", count[1]},
                               {"would_copy", count[2]},
                               {"failed", count[3]},
                               {"forgotten", count[4]},
                               {"read", r.bytes_read},
                               {"new", r.bytes_new},
                               {"stored", r.bytes_stored},
                               {"seconds", r.seconds}});
        return;
    }
    if (context.options.quiet) return;
    fmt::print("{} {}, {} there already{}{}; {} stored in {}\n",
               counted(a.dry_run ? count[2] : count[0], "point"),
               a.dry_run ? "would be copied" : "copied", count[1],
               count[4] > 0 ? fmt::format(", {} forgotten there", count[4]) : "",
               count[3] > 0 ? fmt::format(", {} failed", count[3]) : "",
               human_bytes(r.bytes_stored), human_duration(r.seconds));
}

Result<std::vector<Point>> select_points(const Context& context, const Repository& repository,
                                         const CopyArguments& a) {
    const PointList list = PERDURE_TRY(repository.list_points(context.stop()));
    std::set<SessionName> named;
    for (const std::string& selector : a.points)
        named.insert(PERDURE_TRY(select_point(list, selector, a.filter)).session());
    std::vector<Point> chosen;
    for (const Point& point : list.points)
        if (a.points.empty() ? PERDURE_TRY(matches(point, a.filter))
                             : named.contains(point.session()))
            chosen.push_back(point);
    if (chosen.empty() && !list.points.empty())
        return Error(ErrorKind::NotFound, "no point matches").with_hint("see `perdure list`");
    return chosen;
}

/// Whether what lies there is under the same keys; those are then brought up to date.
Result<bool> is_replica_of(const Context& context, const Repository& from, const CopyArguments& a) {
    const auto store = PERDURE_TRY(open_store(a.to, context.options.store));
    const StoredConfig config = PERDURE_TRY(Repository::read_config(*store, context.stop()));
    if (config.digest != from.config_digest()) return false;
    const WriterNumber first =
        PERDURE_TRY(Repository::read_first_enrolment(*store, context.stop()));
    if (first == PERDURE_TRY(from.enrolments(context.stop())).first)
        return Error(ErrorKind::InvalidInput, a.to + " is the same repository");
    if (number(first) < kFirstOfReplicas)
        return Error(ErrorKind::InvalidInput, a.to + " is what this is a replica of")
            .with_hint("to make good what it has lost: `perdure -r " + a.to + " repair --from`");
    if (!a.dry_run) PERDURE_TRY(from.replicate_keys(*store, "", context.stop()));
    return true;
}

Result<void> run_copy(Context& context, const CopyArguments& a) {
    CopyOptions options;
    options.dry_run = a.dry_run;
    options.compression = PERDURE_TRY(parse_compression(a.compression));
    options.workers = a.workers > 0 ? a.workers : std::max(2U, std::thread::hardware_concurrency());
    const auto from = PERDURE_TRY(context.open(Need::Owner));
    const std::vector<Point> points = PERDURE_TRY(select_points(context, *from.repository, a));
    const bool replica = PERDURE_TRY(is_replica_of(context, *from.repository, a));
    const Context there = context.at(a.to, replica ? context.options.password : a.password);
    const auto to = PERDURE_TRY(there.open(a.dry_run ? Need::Owner : Need::Maintainer));
    ProgressReporter reporter(context, "copy");
    for (const Point& point : points)
        reporter.progress.total_bytes += point.header.statistics.bytes;
    const WriterIdentity nobody{};
    const WriterIdentity& as = to.writer ? *to.writer : nobody;
    const auto on_copied = [&](const PointCopy& copy) { print_copy(context, copy); };
    const auto result =
        replica ? replicate_points(*from.repository, points, *to.repository, as, to.cache, options,
                                   reporter, on_copied, context.stop())
                : copy_points(*from.repository, points, *to.repository, as, to.cache, options,
                              reporter, on_copied, context.stop());
    reporter.finish();
    const CopyResult& done = PERDURE_TRY(result);
    print_summary(context, a, done);
    context.exit_code = exit_code(done.outcome);
    if (done.interrupted) {
        print_note(context,
                   "interrupted; what was stored is kept, and the next run goes on from it");
        context.exit_code = kExitInterrupted;
    }
    return {};
}

}  // namespace

void add_copy_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("copy", "copy points into another repository");
    auto a = std::make_shared<CopyArguments>();
    a->password.environment = "PERDURE_TO_PASSWORD";
    a->password.option = "--to-password";
    command->add_option("points", a->points, "which points (default: all)");
    command->add_option("--to", a->to, "the repository to copy to")
        ->envname("PERDURE_TO_REPOSITORY")
        ->required();
    command->add_option("--to-password-file", a->password.file, "read its password from this file")
        ->envname("PERDURE_TO_PASSWORD_FILE");
    command
        ->add_option("--to-password-command", a->password.command,
                     "run this command for its password")
        ->envname("PERDURE_TO_PASSWORD_COMMAND");
    command->add_option("--compression", a->compression, "auto, off, fast, default, max or 1-12")
        ->capture_default_str();
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    add_filter_options(*command, a->filter);
    command->footer(
        "A point that was copied already is left out; content that is there is not stored again.");
    run_command(*command, context, [&context, a] { return run_copy(context, *a); });
}

}  // namespace perdure
