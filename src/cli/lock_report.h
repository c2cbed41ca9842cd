// Object Lock as commands ask for it and tell it: init, lock, gc and stats.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/command.h"
#include "engine/extend_locks.h"

namespace perdure {

struct LockArguments {
    std::string text;  // "governance:30", "compliance:365:30", "none"
    std::uint32_t longest_days = 0;
    bool yes = false;
};
/// --lock, --longest-lock and --yes.
void add_lock_options(CLI::App&, LockArguments&);

/// What is locked in compliance mode nobody can delete: a person at a terminal types that word,
/// everybody else says so with --yes. Cancelled, InvalidInput.
Result<void> confirm_lock(const Context&, const RetentionClass&, bool yes);

/// "governance:30:7", "none": as parse_retention_class() takes it.
std::string lock_text(const RetentionClass&);
nlohmann::json lock_json(const ClassLocks&);
std::string lock_line(const ClassLocks&);

/// Extends the locks of these classes, and says so.
Result<void> extend_and_tell(const Context&, const Maintainer&, const std::vector<ClassLocks>&);
/// Of those whose window is half over; nothing where nothing is locked.
Result<void> extend_due_locks(const Context&, const Maintainer&);

}  // namespace perdure
