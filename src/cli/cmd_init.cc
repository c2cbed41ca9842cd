#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/machine.h"
#include "app/open_store.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/kdf_options.h"

namespace perdure {

namespace {

Result<void> run_init(Context& context, Argon2Cost cost) {
    const auto store = PERDURE_TRY(make_store(context.options.repository));
    InitOptions options;
    options.passphrase = PERDURE_TRY(read_password(
        context.options.password, "new password of " + context.options.repository, true));
    options.label = host_name();
    options.cost = cost;
    const InitResult made = PERDURE_TRY(
        Repository::initialize(*store, options, system_clock(), system_random(), context.stop()));
    Credentials credentials;
    credentials.passphrase = options.passphrase;
    const auto repository = PERDURE_TRY(
        Repository::open(*store, credentials, system_clock(), system_random(), context.stop()));
    const WriterIdentity identity =
        PERDURE_TRY(enrol_this_machine(*repository, host_name(), Role::Writer, context.stop()));
    if (context.options.json) {
        print_json("init", {{"repository", made.repository.hex()},
                            {"location", context.options.repository},
                            {"recovery_key", made.recovery_key},
                            {"writer", number(identity.enrolment)}});
        return {};
    }
    fmt::print("made repository {} at {}\n\n", made.repository.hex(), context.options.repository);
    fmt::print("recovery key: {}\n\n", made.recovery_key);
    fmt::print(
        "Print this key, or keep it in another place than this machine. With it, and only with it, "
        "the\n"
        "backups can be read after the password is lost. Whoever has it can read everything.\n");
    return {};
}

/// Keys and epochs of another repository, and no points yet: `copy` brings them.
Result<void> run_init_replica(Context& context, const std::string& of) {
    const auto source = PERDURE_TRY(context.at(of, context.options.password).open(Need::Owner));
    const auto store = PERDURE_TRY(make_store(context.options.repository));
    const auto identity =
        PERDURE_TRY(source.repository->replicate_keys(*store, host_name(), context.stop()));
    if (!identity)
        return Error(ErrorKind::AlreadyExists,
                     "there is a replica of it already at " + context.options.repository)
            .with_hint("bring it up to date with `perdure copy --to`");
    const RepositoryId& id = source.repository->id();
    PERDURE_TRY(keep_identity({id, Role::Maintainer, identity->enrolment}, *identity));
    if (context.options.json)
        print_json("init", {{"repository", id.hex()},
                            {"location", context.options.repository},
                            {"replica_of", of},
                            {"recovery_key", nullptr},
                            {"writer", number(identity->enrolment)}});
    else
        fmt::print("made a replica of repository {} at {}; it opens with the same password\n",
                   id.hex(), context.options.repository);
    return {};
}

}  // namespace

void add_init_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("init", "make a repository");
    command->footer(
        "Makes the directory where missing, prints the recovery key once, and enrols this machine "
        "as a writer.");
    auto cost = std::make_shared<Argon2Cost>();
    add_kdf_options(*command, *cost);
    auto replica_of = std::make_shared<std::string>();
    command->add_option("--replica-of", *replica_of,
                        "make a replica of this repository, under its keys; see copy");
    run_command(*command, context, [&context, cost, replica_of] {
        return replica_of->empty() ? run_init(context, *cost)
                                   : run_init_replica(context, *replica_of);
    });
}

}  // namespace perdure
