// perdure key: the passwords of a repository, and who may write to it.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/machine.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/kdf_options.h"
#include "cli/text.h"

namespace perdure {

namespace {

struct NewPassword {
    PasswordSource source;
    std::string label;
    Argon2Cost cost;
};

struct WriterArguments {
    std::string name, output, reason;
    std::string role = "writer";
    std::vector<std::string> hosts;
    std::uint64_t last = 0;
    bool last_given = false;
};

void add_new_password_options(CLI::App& command, NewPassword& wanted) {
    wanted.source.read_environment = false;
    wanted.source.option = "--new-password";
    command.add_option("--new-password-file", wanted.source.file,
                       "read the new password from this file");
    command.add_option("--new-password-command", wanted.source.command,
                       "run this command for the new password");
    command.add_option("--label", wanted.label,
                       "what to call the slot (default: this host's name)");
    add_kdf_options(command, wanted.cost);
}

Result<Passphrase> read_new_password(const NewPassword& wanted) {
    return read_password(wanted.source, "new password", true);
}

std::string label_of(const NewPassword& wanted) {
    return wanted.label.empty() ? host_name() : wanted.label;
}

// ------------------------------------------------------------------------------------ slots

Result<void> run_list(Context& context) {
    const auto opened = PERDURE_TRY(context.open(Need::AnyKey));
    const auto states = PERDURE_TRY(opened.repository->key_slots(context.stop()));
    if (!context.options.json)
        fmt::print("{:<34} {:<19} {:<10} {}\n", "SLOT", "MADE", "STATE", "LABEL");
    for (const KeySlotState& state : states) {
        const std::string id = state.reference.id.hex();
        const std::string word = state.slot ? "intact" : state.problem.substr(3);  // "is missing"
        const std::int64_t made =
            state.slot ? static_cast<std::int64_t>(state.slot->created_ns) : 0;
        if (!state.slot) context.exit_code = kExitPartial;
        if (context.options.json) {
            print_json("key_slot", {{"id", id},
                                    {"label", state.reference.label},
                                    {"state", word},
                                    {"made", state.slot ? to_iso8601(Time{made}) : ""}});
            continue;
        }
        fmt::print("{:<34} {:<19} {:<10} {}\n", id, state.slot ? local_time(made) : "-", word,
                   printable(state.reference.label));
    }
    return {};
}

Result<void> run_add(Context& context, const NewPassword& wanted) {
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    const Passphrase password = PERDURE_TRY(read_new_password(wanted));
    const SlotId id = PERDURE_TRY(
        opened.repository->add_slot(password, wanted.cost, label_of(wanted), context.stop()));
    if (context.options.json)
        print_json("key_slot",
                   {{"id", id.hex()}, {"label", label_of(wanted)}, {"state", "intact"}});
    else
        fmt::print("added key slot {}\n", id.hex());
    return {};
}

/// The slot whose id begins with `text`.
Result<SlotId> find_slot(const Repository& repository, const std::string& text) {
    std::vector<SlotId> found;
    for (const SlotReference& slot : repository.epoch().slots)
        if (slot.id.hex().starts_with(text)) found.push_back(slot.id);
    if (found.size() == 1 && !text.empty()) return found.front();
    const std::string what =
        found.empty() ? "there is no key slot " : "several key slots begin with ";
    return Error(found.empty() ? ErrorKind::NotFound : ErrorKind::InvalidInput,
                 what + "\"" + text + "\"")
        .with_hint("see `perdure key list`");
}

Result<void> run_remove(Context& context, const std::string& slot) {
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    const SlotId id = PERDURE_TRY(find_slot(*opened.repository, slot));
    PERDURE_TRY(opened.repository->remove_slot(id, context.stop()));
    if (context.options.json)
        print_json("key_slot", {{"id", id.hex()}, {"state", "removed"}});
    else
        fmt::print("removed key slot {}; its password no longer opens the repository\n", id.hex());
    return {};
}

Result<void> run_rotate(Context& context, const NewPassword& wanted) {
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    const Passphrase password = PERDURE_TRY(read_new_password(wanted));
    const std::string recovery_key = PERDURE_TRY(
        opened.repository->rotate(password, wanted.cost, label_of(wanted), context.stop()));
    const auto epoch = number(opened.repository->epoch().number);
    if (context.options.json) {
        print_json("rotation", {{"epoch", epoch}, {"recovery_key", recovery_key}});
        return {};
    }
    fmt::print("rotated the keys: epoch {}\n\nnew recovery key: {}\n\n", epoch, recovery_key);
    fmt::print(
        "The passwords and the recovery key from before are refused from now on. What was\n"
        "written under the old keys can still be read by whoever kept those and a copy.\n");
    return {};
}

// ------------------------------------------------------------------------------------ writers

std::string words(const std::vector<std::string>& list, const char* if_empty) {
    std::string text;
    for (const std::string& word : list) text += (text.empty() ? "" : ", ") + printable(word);
    return text.empty() ? if_empty : text;
}

std::string_view name_of(Role role) {
    switch (role) {
        case Role::Writer: return "writer";
        case Role::Maintainer: return "maintainer";
        case Role::Verifier: return "verifier";
        default: return "owner";
    }
}

Result<void> run_writer_add(Context& context, const WriterArguments& a) {
    std::error_code failed;
    if (std::filesystem::exists(std::filesystem::symlink_status(a.output, failed)))
        return Error(ErrorKind::AlreadyExists, a.output + ": is there already")
            .with_hint("name a file that does not exist yet");
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    Certificate certificate;
    certificate.name = a.name;
    certificate.hosts = a.hosts;
    certificate.role = a.role == name_of(Role::Maintainer) ? Role::Maintainer : Role::Writer;
    const WriterIdentity identity =
        PERDURE_TRY(opened.repository->enrol(certificate, context.stop()));
    auto written = write_writer_key(a.output, identity);
    if (!written)
        return std::move(written).error().context(fmt::format(
            "writer {} is enrolled, but its key is lost (revoke it)", number(identity.enrolment)));
    if (context.options.json) {
        print_json("writer", {{"writer", number(identity.enrolment)},
                              {"name", a.name},
                              {"role", a.role},
                              {"hosts", a.hosts},
                              {"state", "enrolled"},
                              {"output", a.output}});
        return {};
    }
    if (certificate.role == Role::Maintainer) {
        fmt::print("enrolled maintainer {} \"{}\"; its key is in {}\n", number(identity.enrolment),
                   printable(a.name), a.output);
        fmt::print(
            "With --writer-key it can run forget, protect, tag and gc without the password. It\n"
            "can expire every point, and read none.\n");
        return {};
    }
    fmt::print("enrolled writer {} \"{}\" for {}; its key is in {}\n", number(identity.enrolment),
               printable(a.name), words(a.hosts, "any host"), a.output);
    fmt::print(
        "Move that file to the host and set PERDURE_WRITER_KEY there: backups then need no\n"
        "password, and the host can add points but read none.\n");
    return {};
}

Result<void> run_writer_list(Context& context) {
    const auto opened = PERDURE_TRY(context.open(Need::AnyKey));
    const EnrolmentList list = PERDURE_TRY(opened.repository->enrolments(context.stop()));
    if (!context.options.json)
        fmt::print("{:<7} {:<11} {:<19} {:<20} {:<20} {}\n", "WRITER", "ROLE", "ENROLLED", "NAME",
                   "HOSTS", "STATE");
    for (const auto& [w, enrolment] : list.by_number) {
        if (enrolment.kind != EnrolmentKind::Certificate) continue;
        const Certificate& c = enrolment.certificate;
        const Revocation* revoked = opened.repository->epoch().revocation_of(w);
        const auto time = static_cast<std::int64_t>(enrolment.time_ns);
        if (context.options.json) {
            nlohmann::json fields{{"writer", number(w)},
                                  {"name", c.name},
                                  {"role", name_of(c.role)},
                                  {"hosts", c.hosts},
                                  {"enrolled", to_iso8601(Time{time})},
                                  {"state", revoked == nullptr ? "enrolled" : "revoked"}};
            if (revoked != nullptr) {
                fields["last_number"] = number(revoked->last_number);
                fields["reason"] = revoked->reason;
            }
            print_json("writer", std::move(fields));
            continue;
        }
        const std::string state =
            revoked == nullptr
                ? "enrolled"
                : fmt::format("revoked after session {}{}", number(revoked->last_number),
                              revoked->reason.empty() ? "" : ": " + printable(revoked->reason));
        fmt::print("{:<7} {:<11} {:<19} {:<20} {:<20} {}\n", number(w), name_of(c.role),
                   local_time(time), printable(c.name), words(c.hosts, "any"), state);
    }
    for (const Problem& problem : list.problems)
        print_note(context, "not believed: " + problem.object + ": " + problem.text);
    if (!list.problems.empty()) context.exit_code = kExitPartial;
    return {};
}

/// By number, or by a name that only one enrolled writer has.
Result<WriterNumber> find_writer(const EnrolmentList& list, const Repository& repository,
                                 const std::string& text) {
    std::vector<WriterNumber> found;
    for (const auto& [w, enrolment] : list.by_number) {
        if (enrolment.kind != EnrolmentKind::Certificate) continue;
        if (std::to_string(number(w)) == text) return w;
        if (enrolment.certificate.name == text && repository.epoch().revocation_of(w) == nullptr)
            found.push_back(w);
    }
    if (found.size() == 1) return found.front();
    return Error(found.empty() ? ErrorKind::NotFound : ErrorKind::InvalidInput,
                 (found.empty() ? "there is no writer \"" : "several writers are called \"") +
                     text + "\"")
        .with_hint("see `perdure key writer list`");
}

/// The highest number in a writer's log.
Result<SessionNumber> last_number_of(Store& store, WriterNumber w, std::stop_token stop) {
    SessionNumber last{};
    PERDURE_TRY(store.list(
        names::log_prefix(w),
        [&](std::string_view name, const ObjectStat&) {
            if (const auto entry = names::parse_log_entry(name))
                last = std::max(last, entry->session);
            return true;
        },
        stop));
    return last;
}

Result<void> run_writer_revoke(Context& context, const WriterArguments& a) {
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    const EnrolmentList list = PERDURE_TRY(opened.repository->enrolments(context.stop()));
    const WriterNumber w = PERDURE_TRY(find_writer(list, *opened.repository, a.name));
    SessionNumber last = PERDURE_TRY(last_number_of(*opened.store, w, context.stop()));
    if (a.last_given) last = std::min(last, SessionNumber{a.last});
    PERDURE_TRY(opened.repository->revoke(w, last, a.reason, context.stop()));
    if (context.options.json) {
        print_json("writer",
                   {{"writer", number(w)}, {"state", "revoked"}, {"last_number", number(last)}});
        return {};
    }
    fmt::print("revoked writer {}: its points up to session {} stay, later ones do not count\n",
               number(w), number(last));
    return {};
}

void add_writer_commands(CLI::App& key, Context& context) {
    auto* writer = key.add_subcommand("writer", "hosts that may add points");
    writer->require_subcommand(1);
    auto a = std::make_shared<WriterArguments>();
    auto* add = writer->add_subcommand("add", "enrol a host and write its key file");
    add->add_option("name", a->name, "what to call it")->required();
    add->add_option("--output,-o", a->output, "where to write the key file")->required();
    add->add_option("--host,-H", a->hosts,
                    "host name its points may carry (repeatable; default: any)")
        ->allow_extra_args(false);
    add->add_option("--role", a->role,
                    "writer adds points; maintainer forgets, protects, tags and collects them")
        ->check(CLI::IsMember({"writer", "maintainer"}))
        ->capture_default_str();
    run_command(*add, context, [&context, a] { return run_writer_add(context, *a); });

    auto* list = writer->add_subcommand("list", "list enrolled hosts");
    run_command(*list, context, [&context] { return run_writer_list(context); });

    auto* revoke = writer->add_subcommand("revoke", "take a host's right to add points");
    revoke->add_option("writer", a->name, "its number, or its name")->required();
    revoke->add_option("--reason", a->reason, "why");
    auto* last = revoke->add_option(
        "--last", a->last, "the last session of it that counts (default: the newest there is)");
    run_command(*revoke, context, [&context, a, last] {
        a->last_given = last->count() > 0;
        return run_writer_revoke(context, *a);
    });
}

}  // namespace

void add_key_command(CLI::App& app, Context& context) {
    auto* key = app.add_subcommand("key", "passwords, the recovery key, and hosts that may write");
    key->require_subcommand(1);
    auto* list = key->add_subcommand("list", "list key slots");
    run_command(*list, context, [&context] { return run_list(context); });

    auto wanted = std::make_shared<NewPassword>();
    auto* add = key->add_subcommand("add", "add a password");
    add_new_password_options(*add, *wanted);
    run_command(*add, context, [&context, wanted] { return run_add(context, *wanted); });

    auto slot = std::make_shared<std::string>();
    auto* remove = key->add_subcommand("remove", "remove a password");
    remove->add_option("slot", *slot, "the slot's id, or its beginning")->required();
    run_command(*remove, context, [&context, slot] { return run_remove(context, *slot); });

    auto* rotate = key->add_subcommand("rotate", "new keys, a new password and a new recovery key");
    add_new_password_options(*rotate, *wanted);
    run_command(*rotate, context, [&context, wanted] { return run_rotate(context, *wanted); });
    add_writer_commands(*key, context);
}

}  // namespace perdure
