#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/machine.h"
#include "app/open_store.h"
#include "app/probe_store.h"
#include "app/store_record.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/kdf_options.h"
#include "cli/lock_report.h"
#include "cli/traffic.h"

namespace perdure {

namespace {

struct InitArguments {
    Argon2Cost cost;
    std::string replica_of;
    bool create_bucket = false, no_probe = false;
    BucketWishes bucket;
    LockArguments lock;
};

/// What the store does for the credential that backups will use; never ends an init. Of a directory
/// everybody knows.
std::optional<StoreCapabilities> probe(Context& context, const RepositoryId& repository) {
    if (!local_directory(context.options.repository).empty()) return std::nullopt;
    const auto found =
        probe_store(context.options.repository, context.options.store, context.stop());
    if (!found) {
        print_note(context, "the store was not probed: " + found.error().describe());
        return std::nullopt;
    }
    const auto kept = save_store_record(repository, {*found, system_clock().now()});
    if (!kept) print_note(context, kept.error().describe());
    return *found;
}

void print_bucket(const Context& context, const std::vector<SetupStep>& steps) {
    if (context.options.json || context.options.quiet) return;
    fmt::print("made the bucket of {}\n", context.options.repository);
    for (const SetupStep& step : steps)
        fmt::print("  {}: {}\n", step.name, step.done ? "yes" : "this server does not know it");
    fmt::print("what its users need: see `perdure iam policy --role writer`\n\n");
}

void print_made(const Context& context, const InitResult& made,
                const std::optional<StoreCapabilities>& found) {
    fmt::print("made repository {} at {}\n\n", made.repository.hex(), context.options.repository);
    if (found) {
        fmt::print("the store, for this machine's credential:\n");
        print_capabilities(*found);
        fmt::print("\n");
    }
    fmt::print("recovery key: {}\n\n", made.recovery_key);
    fmt::print(
        "Print this key, or keep it in another place than this machine. With it, and only with it, "
        "the\n"
        "backups can be read after the password is lost. Whoever has it can read everything.\n");
}

Result<std::vector<SetupStep>> make_bucket(const Context& context, const InitArguments& arguments) {
    if (!arguments.create_bucket) return std::vector<SetupStep>();
    auto steps = PERDURE_TRY(create_bucket(context.options.repository, context.options.store,
                                           arguments.bucket, context.stop()));
    print_bucket(context, steps);
    return steps;
}

/// Before anything is made: a lock that cannot be, or is not wanted, must not leave half of it.
Result<std::optional<RetentionClass>> wanted_lock(const Context& context,
                                                  const InitArguments& arguments) {
    if (arguments.lock.text.empty()) return std::optional<RetentionClass>();
    RetentionClass wanted = PERDURE_TRY(
        parse_retention_class(std::string(kDefaultRetentionClass), arguments.lock.text));
    PERDURE_TRY(check_retention_class(wanted, arguments.lock.longest_days));
    if (!local_directory(context.options.repository).empty())
        return Error(ErrorKind::Unsupported,
                     context.options.repository + ": a directory has no Object Lock")
            .with_hint("S3 has; or keep a copy where this machine cannot delete");
    PERDURE_TRY(confirm_lock(context, wanted, arguments.lock.yes));
    return std::optional(std::move(wanted));
}

/// And what was made before the class was.
Result<void> begin_locks(const Context& context, Repository& repository,
                         const RetentionClass& wanted, std::uint32_t longest_days) {
    PERDURE_TRY(repository.set_retention_class(wanted, longest_days, context.stop()));
    const Maintainer owner = PERDURE_TRY(Maintainer::from(repository, nullptr));
    PERDURE_TRY(extend_due_locks(context, owner));
    return {};
}

Result<void> run_init(Context& context, InitArguments& arguments) {
    const auto lock = PERDURE_TRY(wanted_lock(context, arguments));
    if (lock && lock->lock && arguments.create_bucket) arguments.bucket.object_lock = true;
    const auto steps = PERDURE_TRY(make_bucket(context, arguments));
    const auto store = PERDURE_TRY(make_store(context.options.repository, context.options.store));
    InitOptions options;
    options.passphrase = PERDURE_TRY(read_password(
        context.options.password, "new password of " + context.options.repository, true));
    options.label = host_name();
    options.cost = arguments.cost;
    const InitResult made = PERDURE_TRY(
        Repository::initialize(*store, options, system_clock(), system_random(), context.stop()));
    Credentials credentials;
    credentials.passphrase = options.passphrase;
    const auto repository = PERDURE_TRY(
        Repository::open(*store, credentials, system_clock(), system_random(), context.stop()));
    const WriterIdentity identity =
        PERDURE_TRY(enrol_this_machine(*repository, host_name(), Role::Writer, context.stop()));
    Result<void> locked;
    if (lock && lock->lock)
        locked = begin_locks(context, *repository, *lock, arguments.lock.longest_days);
    const auto found = arguments.no_probe ? std::nullopt : probe(context, made.repository);
    if (context.options.json) {
        nlohmann::json bucket;
        for (const SetupStep& step : steps) bucket[step.name] = step.done;
        print_json("init", {{"repository", made.repository.hex()},
                            {"location", context.options.repository},
                            {"recovery_key", made.recovery_key},
                            {"bucket", bucket},
                            {"probe", found ? to_json(*found) : nlohmann::json()},
                            {"writer", number(identity.enrolment)}});
        return locked;
    }
    print_made(context, made, found);
    return std::move(locked).context("the repository is made, but not all of it is locked");
}

/// Keys and epochs of another repository, and no points yet: `copy` brings them.
Result<void> run_init_replica(Context& context, const InitArguments& arguments) {
    const std::string& of = arguments.replica_of;
    const auto source = PERDURE_TRY(context.at(of, context.options.password).open(Need::Owner));
    PERDURE_TRY(make_bucket(context, arguments));
    const auto store = PERDURE_TRY(make_store(context.options.repository, context.options.store));
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
    auto a = std::make_shared<InitArguments>();
    add_kdf_options(*command, a->cost);
    auto* create = command->add_flag("--create-bucket", a->create_bucket,
                                     "make the bucket first: private, encrypted, with versions");
    command->add_flag("--object-lock", a->bucket.object_lock, "with Object Lock")->needs(create);
    command->add_option("--bucket-kms-key", a->bucket.kms_key, "encrypted with this key of AWS KMS")
        ->needs(create);
    command
        ->add_option("--noncurrent-days", a->bucket.noncurrent_days,
                     "days until what was deleted or overwritten there really goes")
        ->needs(create)
        ->check(CLI::Range(1U, 36500U))
        ->capture_default_str();
    add_lock_options(*command, a->lock);
    command->add_flag("--no-probe", a->no_probe, "do not try what the store does");
    command->add_option("--replica-of", a->replica_of,
                        "make a replica of this repository, under its keys; see copy");
    run_command(*command, context, [&context, a] {
        return a->replica_of.empty() ? run_init(context, *a) : run_init_replica(context, *a);
    });
}

}  // namespace perdure
