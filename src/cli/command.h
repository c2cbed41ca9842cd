// What every command shares: the global options, opening the repository, and saying how it ended.
//
// A command is one file, cmd_<name>.cc, with one function add_<name>_command that declares its
// options and registers what to run. Texts for people go to stdout; errors, notes and progress to
// stderr. With --json stdout carries JSON lines only (json.h) and stderr a last line of type
// "error" when the command fails.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/credentials.h"
#include "app/store_options.h"
#include "base/outcome.h"
#include "base/result.h"
#include "repo/local_cache.h"
#include "repo/repository.h"

namespace CLI {
class App;
}

namespace perdure {

struct GlobalOptions {
    std::string repository;
    StoreOptions store;
    PasswordSource password;
    std::string writer_key;
    std::string cache_directory;
    bool no_cache = false;
    bool json = false;
    bool quiet = false;
    int verbose = 0;
};

/// How much of the repository a command needs.
enum class Need {
    Owner,       // reads content, or decides: takes the password
    AnyKey,      // lists: a writer's key will do
    Writer,      // makes points
    Maintainer,  // makes points that speak for others', or moves blocks: takes the password
};

struct OpenedRepository {
    std::unique_ptr<Store> store;
    std::unique_ptr<Repository> repository;
    std::optional<WriterIdentity> writer;  // given, or this machine's
    LocalCache cache;
};

/// What deciding about points, and collecting, takes: the password, or a maintainer's key file.
inline Need need_to_decide(const GlobalOptions& options) {
    const bool by_key = !options.writer_key.empty() && !has_password(options.password);
    return by_key ? Need::AnyKey : Need::Owner;
}

/// Reads records that were read before from the cache, where listings show that they are there
/// still. Not for commands that look for damage in the store.
inline void remember_records(const OpenedRepository& opened) {
    opened.repository->keep_records_in(opened.cache);
}

class Context {
public:
    GlobalOptions options;

    /// Opens store and repository with what the options give: a writer's key file, the password, or
    /// without one this machine's identity where that will do; asks for the password else. For
    /// Need::Writer this machine is enrolled if it is not; for Need::Maintainer as one of these.
    Result<OpenedRepository> open(Need) const;
    /// The same of another repository than the one that is worked on.
    Context at(std::string repository, PasswordSource password) const;
    std::stop_token stop() const;

    /// Exit code of the command, set by it.
    int exit_code = kExitSuccess;
};

/// Registers a command's callback: runs `body` and turns its error into a message and an exit code.
void run_command(CLI::App& command, Context& context, std::function<Result<void>()> body);

void print_error(const Context&, const Error&);
/// A remark on stderr, unless quiet or JSON.
void print_note(const Context&, std::string_view text);
int exit_code_of(const Error&);

/// Threads that read packs: as many as asked for, or one a processor; over a network as many as it
/// answers at once, since each of them waits.
unsigned readers_of(const Store&, unsigned asked);

// One a command, in cmd_<name>.cc.
void add_init_command(CLI::App&, Context&);
void add_backup_command(CLI::App&, Context&);
void add_store_command(CLI::App&, Context&);
void add_iam_command(CLI::App&, Context&);
void add_list_command(CLI::App&, Context&);
void add_show_command(CLI::App&, Context&);
void add_lock_command(CLI::App&, Context&);
void add_ls_command(CLI::App&, Context&);
void add_find_command(CLI::App&, Context&);
void add_diff_command(CLI::App&, Context&);
void add_restore_command(CLI::App&, Context&);
void add_copy_command(CLI::App&, Context&);
void add_dump_command(CLI::App&, Context&);
void add_import_command(CLI::App&, Context&);
void add_check_command(CLI::App&, Context&);
void add_repair_command(CLI::App&, Context&);
void add_stats_command(CLI::App&, Context&);
void add_gc_command(CLI::App&, Context&);
void add_tag_command(CLI::App&, Context&);
void add_protect_command(CLI::App&, Context&);
void add_forget_command(CLI::App&, Context&);
void add_key_command(CLI::App&, Context&);
void add_cat_command(CLI::App&, Context&);
void add_cache_command(CLI::App&, Context&);
void add_version_command(CLI::App&, Context&);
void add_completion_command(CLI::App&, Context&);
void add_help_command(CLI::App&, Context&);

}  // namespace perdure
