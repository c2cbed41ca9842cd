#include "cli/command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/machine.h"
#include "app/open_store.h"
#include "base/try.h"
#include "cli/interrupt.h"
#include "cli/say.h"
#include "repo/session.h"

namespace perdure {

namespace {

/// This machine's identity in place of a password that is not given: scheduled backups hold no
/// password. Someone at a terminal who only lists is asked, as the password shows more.
Result<std::optional<WriterIdentity>> identity_for(Store& store, Need need,
                                                   const PasswordSource& password,
                                                   std::stop_token stop) {
    const bool serves = need == Need::Writer || (need == Need::AnyKey && !can_ask());
    if (!serves || has_password(password)) return std::optional<WriterIdentity>();
    const StoredConfig stored = PERDURE_TRY(Repository::read_config(store, stop));
    return find_identity(stored.config.repository);
}

}  // namespace

std::stop_token Context::stop() const { return interrupt_token(); }

Result<OpenedRepository> Context::open(Need need) const {
    OpenedRepository opened;
    opened.store = PERDURE_TRY(open_store(options.repository, options.store));
    if (!options.writer_key.empty() && need == Need::Owner && !has_password(options.password))
        return Error(ErrorKind::Denied,
                     "this takes the repository's password: a writer's key adds points and reads "
                     "none, not even its own")
            .with_hint(
                "give the password or the recovery key with --password-file or --password-command");
    Credentials credentials;
    if (!options.writer_key.empty() && need != Need::Owner)
        credentials.writer = PERDURE_TRY(read_writer_key(options.writer_key));
    else
        credentials.writer =
            PERDURE_TRY(identity_for(*opened.store, need, options.password, stop()));
    if (!credentials.writer) {
        // A location without a repository is said before a password is asked for.
        const auto config = opened.store->stat(names::config(), stop());
        if (!config && config.error().kind() == ErrorKind::NotFound)
            return Error(ErrorKind::NoRepository, "there is no repository at " + options.repository)
                .with_hint("check the location, or make one with `perdure init`");
        credentials.passphrase = PERDURE_TRY(
            read_password(options.password, "password of " + options.repository, false));
    }
    opened.repository = PERDURE_TRY(
        Repository::open(*opened.store, credentials, system_clock(), system_random(), stop()));
    opened.writer = std::move(credentials.writer);
    if (!opened.writer && opened.repository->is_owner()) {
        opened.writer = PERDURE_TRY(load_identity(*opened.repository));
        if (!opened.writer && need == Need::Writer) {
            opened.writer =
                PERDURE_TRY(enrol_this_machine(*opened.repository, host_name(), stop()));
            print_note(*this, fmt::format("enrolled this machine as writer {}",
                                          number(opened.writer->enrolment)));
        }
    }
    if (!options.no_cache)
        opened.cache =
            LocalCache(cache_directory(options.cache_directory), opened.repository->id(),
                       cache_key(*opened.repository, opened.writer ? &*opened.writer : nullptr));
    if (!opened.cache.problem().empty()) print_note(*this, opened.cache.problem());
    return opened;
}

int exit_code_of(const Error& error) {
    switch (error.kind()) {
        case ErrorKind::NoRepository: return kExitNoRepository;
        case ErrorKind::WrongKey: return kExitWrongKey;
        case ErrorKind::Cancelled: return kExitInterrupted;
        case ErrorKind::Timeout: return kExitUnknown;
        default: return kExitFailed;
    }
}

void print_error(const Context& context, const Error& error) {
    if (context.options.json) {
        nlohmann::json line{
            {"type", "error"},
            {"version", 1},
            {"kind", to_string(error.kind())},
            {"message", error.describe()},
            {"hint", error.hint().empty() ? nlohmann::json() : nlohmann::json(error.hint())},
            {"exit_code", exit_code_of(error)}};
        say("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        return;
    }
    say("perdure: {}\n", error.describe());
    if (!error.hint().empty()) say("  next: {}\n", error.hint());
}

void print_note(const Context& context, std::string_view text) {
    if (!context.options.quiet && !context.options.json) say("perdure: {}\n", text);
}

void run_command(CLI::App& command, Context& context, std::function<Result<void>()> body) {
    command.callback([&context, body = std::move(body)] {
        const auto done = body();
        if (done) return;
        print_error(context, done.error());
        context.exit_code = exit_code_of(done.error());
    });
}

}  // namespace perdure
