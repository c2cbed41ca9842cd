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
#include "cli/backup_report.h"
#include "cli/command.h"
#include "cli/option_values.h"
#include "cli/progress.h"
#include "cli/traffic.h"
#include "engine/backup.h"
#include "engine/dry_run.h"

namespace perdure {

namespace {

struct BackupArguments {
    std::vector<std::string> paths;
    FilesOptions files;
    std::vector<std::string> exclude_files, files_from, files_from_raw;
    std::vector<std::string> tags;
    std::string host;
    std::string compression = "auto";
    std::string verify_writes = "all";
    std::string retention_class{kDefaultRetentionClass};
    bool standard_input = false;
    std::vector<std::string> command;  // --stdin-from-command -- WORDS
    bool from_command = false;
    std::string stream_name = "stdin";
    bool force = false, dry_run = false, estimate = false;
    unsigned workers = 0;
};

using ListParser = Result<std::vector<std::string>> (*)(std::istream&);

/// What stands in a list, or on standard input for "-".
Result<std::vector<std::string>> read_list(const std::string& path, ListParser parse) {
    if (path == "-") return parse(std::cin).context("standard input");
    std::ifstream file(path);
    if (!file) return system_error(errno, "opening " + path);
    std::error_code failed;
    if (std::filesystem::is_directory(path, failed))
        return Error(ErrorKind::InvalidInput, path + " is a directory, not a list")
            .with_hint(
                "name a file that holds the list; what is backed up is named without an option");
    return parse(file).context(path);
}

/// Reads lists and puts what they hold behind what is there.
Result<void> append_lists(const std::vector<std::string>& lists, ListParser parse,
                          std::vector<std::string>& to) {
    for (const std::string& list : lists) {
        auto found = PERDURE_TRY(read_list(list, parse));
        to.insert(to.end(), std::make_move_iterator(found.begin()),
                  std::make_move_iterator(found.end()));
    }
    return {};
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

/// What is left out of every tree is a mistake as a root of its own.
Result<void> check_root(const FilesOptions& files, const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    for (const auto& [device, inode] : files.exclude_identities)
        if (status.st_dev == device && status.st_ino == inode)
            return Error(ErrorKind::InvalidInput,
                         path + " is the repository or cache of this very backup")
                .with_hint("leave it out, or back it up to another repository");
    return {};
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
        PERDURE_TRY(check_root(arguments.files, absolute));
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
    PERDURE_TRY(append_lists(arguments.files_from, parse_lines, arguments.paths));
    PERDURE_TRY(append_lists(arguments.files_from_raw, parse_names, arguments.paths));
    if (stream && arguments.dry_run)
        return Error(ErrorKind::InvalidInput, "--dry-run does not go with a stream");
    if (stream != arguments.paths.empty())
        return Error(ErrorKind::InvalidInput,
                     stream ? "paths and a stream do not go into one point" : "nothing to back up")
            .with_hint(stream ? "run two backups"
                              : "name at least one path, or use --files-from or --stdin");
    PERDURE_TRY(append_lists(arguments.exclude_files, parse_lines, arguments.files.exclude));
    BackupOptions options;
    options.compression = PERDURE_TRY(parse_compression(arguments.compression));
    if (arguments.verify_writes != "all" && arguments.verify_writes != "sample")
        return Error(ErrorKind::InvalidInput, "--verify-writes takes all or sample");
    options.verify_one_in = arguments.verify_writes == "sample" ? 16 : 1;
    options.host = arguments.host.empty() ? host_name() : arguments.host;
    options.tags = arguments.tags;
    options.retention_class = arguments.retention_class;
    options.force = arguments.force;
    options.workers = arguments.workers > 0 ? arguments.workers
                                            : std::max(2U, std::thread::hardware_concurrency());
    for (const std::string& path : arguments.paths) options.command.push_back(path);

    const auto opened = PERDURE_TRY(context.open(arguments.dry_run ? Need::AnyKey : Need::Writer));
    remember_records(opened);
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
    report_backup(context, opened, done,
                  {arguments.dry_run, arguments.estimate, std::move(prices)});
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
                     "read paths from this file, one a line, - for standard input")
        ->allow_extra_args(false);
    command
        ->add_option("--files-from-raw", a->files_from_raw,
                     "read paths from this file, as they are, a NUL after each")
        ->allow_extra_args(false);
    command->add_flag("--stdin", a->standard_input, "back up standard input");
    command->add_option("--stdin-name,--stdin-filename", a->stream_name, "name of the stream")
        ->capture_default_str();
    command->add_flag("--stdin-from-command", a->from_command,
                      "back up what a command prints; its words follow --");
    command->add_option("--tag", a->tags, "tag the point (repeatable)")->allow_extra_args(false);
    command
        ->add_option("--retention-class", a->retention_class, "store it under this class: see lock")
        ->envname("PERDURE_RETENTION_CLASS")
        ->capture_default_str();
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
