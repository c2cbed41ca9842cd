// perdure lock: retention classes, whose objects nobody can delete before their time.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/lock_report.h"
#include "cli/text.h"

namespace perdure {

namespace {

struct SetArguments {
    std::string name;
    LockArguments lock;
};

Result<void> run_set(Context& context, const SetArguments& a) {
    const RetentionClass wanted = PERDURE_TRY(parse_retention_class(a.name, a.lock.text));
    PERDURE_TRY(check_retention_class(wanted, a.lock.longest_days));
    PERDURE_TRY(confirm_lock(context, wanted, a.lock.yes));
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    PERDURE_TRY(
        opened.repository->set_retention_class(wanted, a.lock.longest_days, context.stop()));
    if (context.options.json)
        print_json("retention_class", {{"class", wanted.name}, {"lock", lock_text(wanted)}});
    else if (!context.options.quiet)
        fmt::print("retention class {}: {}\n", printable(wanted.name), lock_text(wanted));
    // What is there already, config and keys included.
    const Maintainer owner = PERDURE_TRY(Maintainer::from(*opened.repository, nullptr));
    return extend_due_locks(context, owner);
}

Result<void> run_list(Context& context) {
    const auto opened = PERDURE_TRY(context.open(Need::AnyKey));
    const Repository& repository = *opened.repository;
    const Epoch& epoch = repository.epoch();
    for (const RetentionClass& c : epoch.retention_classes) {
        if (c.lock && repository.locks_objects()) continue;
        if (context.options.json)
            print_json("retention_class", {{"class", c.name}, {"lock", lock_text(c)}});
        else
            fmt::print("{} {}{}\n", printable(c.name), lock_text(c),
                       c.lock ? ", which this store cannot" : "");
    }
    if (epoch.retention_classes.empty() && !context.options.json)
        fmt::print("no class has a lock; see `perdure lock set`\n");
    if (!repository.locks_objects()) return {};
    for (const ClassLocks& of : PERDURE_TRY(look_at_locks(repository, context.stop()))) {
        if (context.options.json)
            print_json("retention_class", lock_json(of));
        else
            fmt::print("{}\n", lock_line(of));
    }
    if (epoch.longest_lock_days != 0 && !context.options.json)
        fmt::print("no class may lock for more than {} days\n", epoch.longest_lock_days);
    return {};
}

Result<void> run_extend(Context& context, bool now, bool dry_run) {
    const bool by_key =
        !context.options.writer_key.empty() && !has_password(context.options.password);
    const auto opened = PERDURE_TRY(context.open(by_key ? Need::AnyKey : Need::Owner));
    const Maintainer maintainer = PERDURE_TRY(
        Maintainer::from(*opened.repository, opened.writer ? &*opened.writer : nullptr));
    PERDURE_TRY(opened.repository->must_lock());
    auto classes = PERDURE_TRY(look_at_locks(*opened.repository, context.stop()));
    if (!now) std::erase_if(classes, [](const ClassLocks& of) { return !of.is_due; });
    if (classes.empty()) {
        if (!context.options.json && !context.options.quiet) fmt::print("no extension is due\n");
        return {};
    }
    if (!dry_run) return extend_and_tell(context, maintainer, classes);
    for (const ClassLocks& of : classes) {
        if (context.options.json)
            print_json("retention_class", lock_json(of));
        else
            fmt::print("would lock all of class {} until {}\n", printable(of.retention_class.name),
                       local_time(of.extended_ns));
    }
    return {};
}

}  // namespace

void add_lock_command(CLI::App& app, Context& context) {
    auto* lock = app.add_subcommand(
        "lock", "retention classes: what nobody can delete before its time (S3 Object Lock)");
    lock->require_subcommand(1);
    auto* set = lock->add_subcommand("set", "make a retention class, or change its days");
    auto a = std::make_shared<SetArguments>();
    set->add_option("name", a->name, "of the class; \"std\" is what backups use unless told")
        ->required();
    set->add_option("lock", a->lock.text,
                    "MODE:DAYS[:WINDOW] with governance or compliance, or none")
        ->required();
    set->add_option("--longest-lock", a->lock.longest_days,
                    "no class may lock for more days than these, window included")
        ->check(CLI::Range(1U, kMostLockDays));
    set->add_flag("--yes", a->lock.yes, "do not ask before a lock that nobody can take back");
    set->footer(
        "What is stored under a class has at least DAYS of its lock left while it is needed;\n"
        "gc, or `lock extend`, renews it once a WINDOW (default: a quarter of DAYS).");
    run_command(*set, context, [&context, a] { return run_set(context, *a); });
    auto* list = lock->add_subcommand("list", "show the classes, and until when all is locked");
    run_command(*list, context, [&context] { return run_list(context); });
    auto* extend = lock->add_subcommand("extend", "renew the locks of all that is needed");
    auto now = std::make_shared<bool>(false), dry_run = std::make_shared<bool>(false);
    extend->add_flag("--now", *now, "also where it is not due yet");
    extend->add_flag("--dry-run,-n", *dry_run, "only say what would be done");
    extend->footer("gc does the same once a window; run this where gc is not run as often.");
    run_command(*extend, context,
                [&context, now, dry_run] { return run_extend(context, *now, *dry_run); });
}

}  // namespace perdure
