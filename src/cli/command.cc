#include "cli/command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/machine.h"
#include "app/open_store.h"
#include "base/hex.h"
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
    const WriterNumber first = PERDURE_TRY(Repository::read_first_enrolment(store, stop));
    return find_identity({stored.config.repository, Role::Writer, first});
}

/// What this machine signs as.
Result<void> adopt_identity(const Context& context, OpenedRepository& opened, Need need,
                            std::stop_token stop) {
    const Role role = need == Need::Maintainer ? Role::Maintainer : Role::Writer;
    opened.writer = PERDURE_TRY(load_identity(*opened.repository, role, stop));
    const bool may_enrol = need == Need::Writer || need == Need::Maintainer;
    // In a replica whose source has new keys: a new enrolment vouches for those before it.
    if (opened.writer && may_enrol && PERDURE_TRY(opened.repository->is_replica(stop)) &&
        !opened.repository->is_enrolled(opened.writer->enrolment, stop))
        opened.writer.reset();
    if (opened.writer || !may_enrol) return {};
    opened.writer = PERDURE_TRY(enrol_this_machine(*opened.repository, host_name(), role, stop));
    print_note(context, fmt::format("enrolled this machine as {} {}",
                                    role == Role::Writer ? "writer" : "maintainer",
                                    number(opened.writer->enrolment)));
    return {};
}

/// Two identities of one machine must not replace each other's cache, nor those of a repository and
/// its replica, which have one id.
Result<std::string> cache_below(const Repository& repository, const std::string& given, Need need,
                                std::stop_token stop) {
    const std::string directory = cache_directory(given);
    const std::uint32_t first = number(PERDURE_TRY(repository.enrolments(stop)).first);
    std::string label = first == 1 ? "" : "replica-" + to_hex(first >> 16, 4);
    if (need == Need::Maintainer) label += label.empty() ? "maintainer" : "-maintainer";
    return label.empty() ? directory : directory + "/" + repository.id().hex() + "/" + label;
}

}  // namespace

Context Context::at(std::string repository, PasswordSource password) const {
    Context other = *this;
    other.options.repository = std::move(repository);
    other.options.password = std::move(password);
    other.options.writer_key.clear();
    return other;
}

std::stop_token Context::stop() const { return interrupt_token(); }

Result<OpenedRepository> Context::open(Need need) const {
    OpenedRepository opened;
    opened.store = PERDURE_TRY(open_store(options.repository, options.store));
    const bool as_owner = need == Need::Owner || need == Need::Maintainer;
    if (!options.writer_key.empty() && as_owner && !has_password(options.password))
        return Error(ErrorKind::Denied,
                     "this takes the repository's password: a writer's key adds points and reads "
                     "none, not even its own")
            .with_hint(
                "give the password or the recovery key with --password-file or --password-command");
    Credentials credentials;
    if (!options.writer_key.empty() && !as_owner)
        credentials.writer = PERDURE_TRY(read_writer_key(options.writer_key));
    else
        credentials.writer =
            PERDURE_TRY(identity_for(*opened.store, need, options.password, stop()));
    if (!credentials.writer) {
        // A location without a repository is said before a password is asked for.
        const auto config = Repository::read_config(*opened.store, stop());
        if (!config && config.error().kind() == ErrorKind::NoRepository)
            return Error(ErrorKind::NoRepository, "there is no repository at " + options.repository)
                .with_hint("check the location, or make one with `perdure init`");
        credentials.passphrase = PERDURE_TRY(
            read_password(options.password, "password of " + options.repository, false));
    }
    opened.repository = PERDURE_TRY(
        Repository::open(*opened.store, credentials, system_clock(), system_random(), stop()));
    opened.writer = std::move(credentials.writer);
    if (!opened.writer && opened.repository->is_owner())
        PERDURE_TRY(adopt_identity(*this, opened, need, stop()));
    if (!options.no_cache) {
        const std::string directory =
            PERDURE_TRY(cache_below(*opened.repository, options.cache_directory, need, stop()));
        opened.cache =
            LocalCache(directory, opened.repository->id(),
                       cache_key(*opened.repository, opened.writer ? &*opened.writer : nullptr));
    }
    if (!opened.cache.problem().empty()) print_note(*this, opened.cache.problem());
    return opened;
}

unsigned readers_of(const Store& store, unsigned asked) {
    if (asked > 0) return asked;
    return std::max({2U, std::thread::hardware_concurrency(), store.properties().connections});
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
