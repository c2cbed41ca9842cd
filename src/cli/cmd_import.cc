#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "app/endpoints.h"
#include "app/machine.h"
#include "base/fd.h"
#include "base/try.h"
#include "cli/backup_report.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/traffic.h"
#include "engine/backup.h"

namespace perdure {

namespace {

struct ImportArguments {
    std::string file;
    std::string path = "/";
    std::vector<std::string> tags;
    std::string host;
    std::string compression = "auto";
    unsigned workers = 0;
};

Result<std::unique_ptr<FileSource>> open_source(const std::string& file, std::stop_token stop) {
    if (file == "-") {
        if (::isatty(STDIN_FILENO) != 0)
            return Error(ErrorKind::InvalidInput, "standard input is a terminal")
                .with_hint("pipe an archive in: restic dump latest / | perdure import tar -");
        return open_archive(STDIN_FILENO, "standard input", std::move(stop));
    }
    const Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) return system_error(errno, "opening " + file);
    return open_archive(opened.get(), file, std::move(stop));
}

std::string temporary_directory() {
    const char* given = std::getenv("TMPDIR");
    return given != nullptr && *given != '\0' ? given : "/var/tmp";
}

Result<void> run_import_tar(Context& context, const ImportArguments& a) {
    if (!a.path.starts_with('/'))
        return Error(ErrorKind::InvalidInput, "\"" + a.path + "\" is no absolute path")
            .with_hint("--path says where the names in the archive begin, as in --path /home");
    std::string root = std::filesystem::path(a.path).lexically_normal().string();
    while (root.size() > 1 && root.ends_with('/')) root.pop_back();
    BackupOptions options;
    options.compression = PERDURE_TRY(parse_compression(a.compression));
    options.host = a.host.empty() ? host_name() : a.host;
    options.tags = a.tags;
    options.workers = a.workers > 0 ? a.workers : std::max(2U, std::thread::hardware_concurrency());
    options.command = {"import", "tar", a.file};
    options.spool_directory = temporary_directory();
    auto source = PERDURE_TRY(open_source(a.file, context.stop()));
    const auto opened = PERDURE_TRY(context.open(Need::Writer));
    remember_records(opened);
    auto prices = PERDURE_TRY(prices_of(context, *opened.store));
    std::vector<BackupRoot> roots;
    roots.push_back({root, std::move(source), EndKind::Files});
    ProgressReporter reporter(context, "import");
    auto result = run_backup(*opened.repository, *opened.writer, opened.cache, std::move(roots),
                             options, reporter, context.stop());
    reporter.finish();
    const BackupResult& done = PERDURE_TRY(std::move(result));
    report_backup(context, opened, done, {false, false, std::move(prices)});
    return {};
}

}  // namespace

void add_import_command(CLI::App& app, Context& context) {
    auto* import = app.add_subcommand("import", "take what other programs backed up");
    import->require_subcommand(1);
    auto* command = import->add_subcommand(
        "tar", "make a point of a tar archive: plain, or compressed by gzip, zstd, bzip2, xz, lz4");
    auto a = std::make_shared<ImportArguments>();
    command->add_option("file", a->file, "the archive; - is standard input")->required();
    command->add_option("--path", a->path, "where the names in the archive begin")
        ->capture_default_str();
    command->add_option("--tag", a->tags, "tag the point (repeatable)")->allow_extra_args(false);
    command->add_option("--host,-H", a->host, "host name of the point")->envname("PERDURE_HOST");
    command->add_option("--compression", a->compression, "auto, off, fast, default, max or 1-12")
        ->envname("PERDURE_COMPRESSION")
        ->capture_default_str();
    command->add_option("--workers", a->workers, "worker threads (default: one a processor)");
    command->footer(
        "An archive that is damaged, cut short or without its end mark makes no point.");
    run_command(*command, context, [&context, a] { return run_import_tar(context, *a); });
}

}  // namespace perdure
