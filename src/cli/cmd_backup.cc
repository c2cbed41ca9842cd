#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <memory>

#include "app/endpoints.h"
#include "app/machine.h"
#include "app/open_store.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/option_values.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/traffic.h"
#include "engine/backup.h"
#include "engine/dry_run.h"

namespace perdure {

namespace {

struct BackupArguments {
    std::vector<std::string> paths;
    FilesOptions files;
    std::vector<std::string> exclude_files, files_from;
    std::vector<std::string> tags;
    std::string host;
    std::string compression = "auto";
    std::string verify_writes = "all";
    bool standard_input = false;
    std::vector<std::string> command;  // --stdin-from-command -- WORDS
    bool from_command = false;
    std::string stream_name = "stdin";
    bool force = false, dry_run = false, estimate = false;
    unsigned workers = 0;
};

/// The lines of a file, or of standard input for "-".
Result<std::vector<std::string>> read_lines(const std::string& path) {
    if (path == "-") return parse_lines(std::cin);
    std::ifstream file(path);
    if (!file) return system_error(errno, "opening " + path);
    return parse_lines(file);
}

std::string absolute_of(const std::string& path) {
    std::error_code failed;
    std::string absolute = std::filesystem::absolute(path, failed).lexically_normal().string();
    while (absolute.size() > 1 && absolute.ends_with('/')) absolute.pop_back();
    return absolute;
}

void exclude_directory(FilesOptions& files, const std::string& path) {
    struct stat status {};
    if (!path.empty() && ::stat(path.c_str(), &status) == 0)
        files.exclude_identities.emplace_back(status.st_dev, status.st_ino);
}

/// The paths as roots. One that is missing or unreadable is an issue while others are there; alone
/// it is an error.
Result<std::vector<BackupRoot>> open_roots(const BackupArguments& arguments,
                                           BackupOptions& options) {
    std::vector<BackupRoot> roots;
    std::optional<Error> first_error;
    for (const std::string& path : arguments.paths) {
        const std::string absolute = absolute_of(path);
        if (std::any_of(roots.begin(), roots.end(),
                        [&](const BackupRoot& r) { return r.name == absolute; }))
            continue;
        auto source = open_files(absolute, arguments.files);
        if (!source) {
            if (source.error().kind() == ErrorKind::InvalidInput) return std::move(source).error();
            options.issues.push_back({IssueKind::Unreadable, absolute, source.error().describe()});
            if (!first_error) first_error = source.error();
            continue;
        }
        roots.push_back({absolute, std::move(*source), EndKind::Files});
    }
    if (roots.empty() && first_error) return std::move(*first_error).context("nothing to back up");
    return roots;
}

Result<std::vector<BackupRoot>> open_stream(const BackupArguments& arguments,
                                            std::stop_token stop) {
    std::vector<BackupRoot> roots;
    auto source = arguments.from_command ? open_command_stream(arguments.command, stop)
                                         : open_input_stream(STDIN_FILENO, stop);
    roots.push_back({"/" + arguments.stream_name, PERDURE_TRY(std::move(source)), EndKind::Stream});
    return roots;
}

/// What the run would ask of a store in a cloud at most, and cost.
nlohmann::json estimate_json(const Statistics& s, const Store& store, const Prices& prices) {
    const StoreTraffic traffic = estimate_backup(s.bytes_read, store.properties().pack_size);
    return {{"requests", traffic.requests()},
            {"bytes", traffic.sent},
            {"cost", cost_of(traffic, prices)},
            {"month", monthly_cost_of(traffic.sent, prices)},
            {"currency", prices.currency}};
}

void print_estimate(const Statistics& s, const Store& store, const Prices& prices) {
    const StoreTraffic traffic = estimate_backup(s.bytes_read, store.properties().pack_size);
    fmt::print(
        "store:   at most {} requests and {}: {:.4f} {} once, {:.4f} {} a month; what is stored "
        "already costs nothing again\n",
        traffic.requests(), human_bytes(traffic.sent), cost_of(traffic, prices), prices.currency,
        monthly_cost_of(traffic.sent, prices), prices.currency);
}

void print_summary(Context& context, const OpenedRepository& opened,
                   const std::optional<Prices>& prices, const BackupResult& result,
                   const BackupArguments& arguments) {
    const bool dry_run = arguments.dry_run;
    const Statistics& s = result.statistics;
    const auto destroyable = is_destroyable(*opened.repository);
    const std::string id = result.point ? short_text(result.point->session()) : "";
    if (context.options.json) {
        nlohmann::json fields = to_json(s);
        fields.update(
            {{"point", id.empty() ? nlohmann::json() : nlohmann::json(id)},
             {"outcome", to_string(result.outcome)},
             {"dry_run", dry_run},
             {"issues", result.issues.size()},
             {"statistics", to_json(s)},
             {"read", s.bytes_read},
             {"new", s.bytes_new},
             {"stored", s.bytes_stored},
             {"traffic", traffic_json(*opened.store, prices)},
             {"estimate", arguments.estimate && prices ? estimate_json(s, *opened.store, *prices)
                                                       : nlohmann::json()},
             {"destroyable", destroyable ? nlohmann::json(*destroyable) : nlohmann::json()},
             {"seconds", result.seconds}});
        print_json("summary", std::move(fields));
        return;
    }
    if (context.options.quiet) return;
    fmt::print("entries: {} captured, {} unchanged, {} excluded, {} failed\n", s.captured,
               s.unchanged, s.excluded, s.failed);
    if (dry_run) {
        fmt::print("bytes:   {} in all, {} would be read\n", human_bytes(s.bytes),
                   human_bytes(s.bytes_read));
        if (arguments.estimate && prices) print_estimate(s, *opened.store, *prices);
        return;
    }
    fmt::print("bytes:   {} in all, {} read, {} new, {} stored\n", human_bytes(s.bytes),
               human_bytes(s.bytes_read), human_bytes(s.bytes_new), human_bytes(s.bytes_stored));
    print_traffic(*opened.store, prices);
    if (destroyable.value_or(false)) fmt::print("warning: {}\n", kDestroyable);
    if (!id.empty())
        fmt::print("point {}: {}{} in {}\n", id, to_string(result.outcome),
                   result.issues.empty()
                       ? ""
                       : fmt::format(" ({})", counted(result.issues.size(), "issue")),
                   human_duration(result.seconds));
}

Result<BackupResult> run(const OpenedRepository& opened, bool dry_run,
                         std::vector<BackupRoot> roots, const BackupOptions& options,
                         Reporter& reporter, std::stop_token stop) {
    if (!dry_run)
        return run_backup(*opened.repository, *opened.writer, opened.cache, std::move(roots),
                          options, reporter, std::move(stop));
    const auto writer = opened.writer ? std::optional(opened.writer->enrolment) : std::nullopt;
    return dry_run_backup(*opened.repository, writer, opened.cache, std::move(roots), options,
                          reporter, std::move(stop));
}

Result<void> run_backup_command(Context& context, BackupArguments& arguments) {
    if (arguments.from_command != !arguments.command.empty())
        return Error(ErrorKind::InvalidInput, "--stdin-from-command needs a command")
            .with_hint("write it last: --stdin-from-command -- pg_dump mydb");
    arguments.dry_run = arguments.dry_run || arguments.estimate;
    const bool stream = arguments.standard_input || arguments.from_command;
    for (const std::string& list : arguments.files_from) {
        const auto lines = PERDURE_TRY(read_lines(list));
        arguments.paths.insert(arguments.paths.end(), lines.begin(), lines.end());
    }
    if (stream && arguments.dry_run)
        return Error(ErrorKind::InvalidInput, "--dry-run does not go with a stream");
    if (stream != arguments.paths.empty())
        return Error(ErrorKind::InvalidInput,
                     stream ? "paths and a stream do not go into one point" : "nothing to back up")
            .with_hint(stream ? "run two backups"
                              : "name at least one path, or use --files-from or --stdin");
    for (const std::string& list : arguments.exclude_files) {
        const auto lines = PERDURE_TRY(read_lines(list));
        arguments.files.exclude.insert(arguments.files.exclude.end(), lines.begin(), lines.end());
    }
    BackupOptions options;
    options.compression = PERDURE_TRY(parse_compression(arguments.compression));
    if (arguments.verify_writes != "all" && arguments.verify_writes != "sample")
        return Error(ErrorKind::InvalidInput, "--verify-writes takes all or sample");
    options.verify_one_in = arguments.verify_writes == "sample" ? 16 : 1;
    options.host = arguments.host.empty() ? host_name() : arguments.host;
    options.tags = arguments.tags;
    options.force = arguments.force;
    options.workers = arguments.workers > 0 ? arguments.workers
                                            : std::max(2U, std::thread::hardware_concurrency());
    for (const std::string& path : arguments.paths) options.command.push_back(path);

    const auto opened = PERDURE_TRY(context.open(arguments.dry_run ? Need::AnyKey : Need::Writer));
    std::optional<Prices> prices = PERDURE_TRY(prices_of(context, *opened.store));
    if (arguments.estimate && !prices)
        return Error(ErrorKind::InvalidInput, "--estimate: this repository's store is not paid for")
            .with_hint("use --dry-run");
    exclude_directory(arguments.files, local_directory(context.options.repository));
    exclude_directory(arguments.files, opened.cache.directory());
    auto roots = PERDURE_TRY(stream ? open_stream(arguments, context.stop())
                                    : open_roots(arguments, options));
    ProgressReporter reporter(context, arguments.dry_run ? "dry run" : "backup");
    auto result =
        run(opened, arguments.dry_run, std::move(roots), options, reporter, context.stop());
    reporter.finish();
    const BackupResult& done = PERDURE_TRY(std::move(result));
    print_summary(context, opened, prices, done, arguments);
    context.exit_code = exit_code(done.outcome);
    if (done.interrupted) {
        print_note(context,
                   "interrupted; what was stored is kept, and the next run goes on from it");
        context.exit_code = kExitInterrupted;
    }
    return {};
}

}  // namespace

void add_backup_command(CLI::App& app, Context& context) {
    auto* command =
        app.add_subcommand("backup", "back up paths, or a stream, into a new recovery point")
            ->alias("create");
    auto a = std::make_shared<BackupArguments>();
    command->add_option("paths", a->paths, "files and directories");
    command
        ->add_option("--exclude,-e", a->files.exclude,
                     "leave out what matches this pattern (repeatable)")
        ->allow_extra_args(false);
    command->add_option("--exclude-file", a->exclude_files, "read patterns from this file")
        ->allow_extra_args(false);
    command
        ->add_option("--exclude-if-present", a->files.exclude_if_present,
                     "store directories that hold this name without content")
        ->allow_extra_args(false);
    command->add_flag("--exclude-caches", a->files.exclude_caches,
                      "store cache directories (CACHEDIR.TAG) without content");
    command->add_flag("--one-file-system,-x", a->files.one_file_system,
                      "do not enter other filesystems");
    command
        ->add_option("--files-from", a->files_from,
                     "read paths from this file, - for standard input")
        ->allow_extra_args(false);
    command->add_flag("--stdin", a->standard_input, "back up standard input");
    command->add_option("--stdin-name,--stdin-filename", a->stream_name, "name of the stream")
        ->capture_default_str();
    command->add_flag("--stdin-from-command", a->from_command,
                      "back up what a command prints; its words follow --");
    command->add_option("--tag", a->tags, "tag the point (repeatable)")->allow_extra_args(false);
    command->add_option("--host,-H", a->host, "host name of the point")->envname("PERDURE_HOST");
    command->add_flag("--force,-f", a->force, "read every file again");
    command->add_flag("--dry-run,-n", a->dry_run, "only say what would be done");
    command->add_flag("--estimate", a->estimate,
                      "only say what it would ask of the store at most, and cost");
    command->add_option("--compression", a->compression, "auto, off, fast, default, max or 1-12")
        ->envname("PERDURE_COMPRESSION")
        ->capture_default_str();
    command
        ->add_option("--verify-writes", a->verify_writes,
                     "open blocks again before they leave memory: all or sample")
        ->capture_default_str();
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    run_command(*command, context, [&context, a]() -> Result<void> {
        if (a->from_command) std::swap(a->command, a->paths);
        return run_backup_command(context, *a);
    });
}

}  // namespace perdure
