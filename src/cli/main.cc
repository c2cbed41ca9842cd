// perdure: the command line.

#include <fmt/core.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <system_error>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/say.h"

namespace {

void add_global_options(CLI::App& app, perdure::GlobalOptions& options) {
    app.add_option("--repo,-r", options.repository, "the repository")
        ->envname("PERDURE_REPOSITORY");
    app.add_option("--password-file,-p", options.password.file, "read the password from this file")
        ->envname("PERDURE_PASSWORD_FILE");
    app.add_option("--password-command", options.password.command,
                   "run this command for the password")
        ->envname("PERDURE_PASSWORD_COMMAND");
    app.add_option("--writer-key", options.writer_key, "key file of an enrolled writer")
        ->envname("PERDURE_WRITER_KEY");
    app.add_option("--cache-dir", options.cache_directory, "where to cache")
        ->envname("PERDURE_CACHE_DIR");
    app.add_flag("--no-cache", options.no_cache, "do not use a cache");
    app.add_option("--option,-o", options.store.settings,
                   "a setting of the store, NAME=VALUE (repeatable); see `perdure help s3`")
        ->allow_extra_args(false)
        ->delimiter(',')
        ->envname("PERDURE_OPTIONS");
    app.add_option("--cacert", options.store.ca_file,
                   "certificate authorities that the store's server may have");
    app.add_option("--limit-upload", options.store.upload_kib, "at most so many KiB a second")
        ->check(CLI::Range(1ULL, 1ULL << 40));
    app.add_option("--limit-download", options.store.download_kib, "at most so many KiB a second")
        ->check(CLI::Range(1ULL, 1ULL << 40));
    app.add_flag("--json", options.json, "print JSON lines");
    app.add_flag("--quiet,-q", options.quiet, "print errors only");
    app.add_flag("--verbose,-v", options.verbose, "print more");
}

int run(int argc, char** argv) {
    using namespace perdure;
    CLI::App app("Perdure backs up hosts and brings them back.", "perdure");
    app.require_subcommand(0, 1);
    app.fallthrough();
    app.set_help_all_flag("--help-all", "help of all commands");
    app.set_version_flag("--version", std::string("perdure ") + PERDURE_VERSION);
    Context context;
    add_global_options(app, context.options);
    add_init_command(app, context);
    add_backup_command(app, context);
    add_list_command(app, context);
    add_show_command(app, context);
    add_ls_command(app, context);
    add_find_command(app, context);
    add_diff_command(app, context);
    add_restore_command(app, context);
    add_dump_command(app, context);
    add_import_command(app, context);
    add_copy_command(app, context);
    add_check_command(app, context);
    add_repair_command(app, context);
    add_stats_command(app, context);
    add_gc_command(app, context);
    add_cache_command(app, context);
    add_tag_command(app, context);
    add_protect_command(app, context);
    add_forget_command(app, context);
    add_key_command(app, context);
    add_lock_command(app, context);
    add_store_command(app, context);
    add_iam_command(app, context);
    add_cat_command(app, context);
    add_version_command(app, context);
    add_completion_command(app, context);
    add_help_command(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        perdure::say("perdure: {}\n  next: see `perdure --help`\n", error.what());
        return kExitFailed;
    }
    if (app.get_subcommands().empty()) {
        fmt::print("{}", app.help());
        return kExitFailed;
    }
    return context.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    // Keys pass through this process: no core dumps, no ptrace by others of the same user.
    prctl(PR_SET_DUMPABLE, 0);
    // Blocks of 1 MiB come and go all the time: keep their memory instead of giving it back and
    // touching it anew. Buffers of packs stay out of the heap, which would be left in pieces by
    // them: fixed, since glibc otherwise raises the threshold by itself.
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_ARENA_MAX, 4);
    int code = perdure::kExitFailed;
    try {
        perdure::install_interrupts();
        code = run(argc, argv);
    } catch (const std::system_error& error) {
        // From printing, or no thread was to be had. Whoever closed the other end of a pipe has
        // seen enough.
        if (error.code() != std::errc::broken_pipe) perdure::say("perdure: {}\n", error.what());
    } catch (const std::exception& error) {
        perdure::say("perdure: internal error: {}\n", error.what());
    }
    if (std::fflush(stdout) != 0 && code == perdure::kExitSuccess) {
        perdure::say("perdure: writing to standard output failed\n");
        code = perdure::kExitFailed;
    }
    // Threads that wait for signals end with the process.
    std::_Exit(code);
}
