// The extension of Object Locks: once a window a maintainer locks all that points need for another
// period and window, and signs until when (repo/lock_horizon.h).
//
// The invariant: a horizon is signed only for sessions that had ended before the packs were listed,
// and of whose packs every one was locked so, or is let go by a verdict. What could not be locked
// is named, and its session left out.
//
// Extended are both the oldest and the newest content of a name: the oldest is what was created
// under that name, whatever was laid over it since, and the newest may be what a repair put back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repo/lock_horizon.h"
#include "repo/maintainer.h"

namespace perdure {

struct ClassLocks {
    RetentionClass retention_class;
    std::optional<LockHorizon> horizon;
    bool is_due = false;           // less than half a window is left, or nothing was signed yet
    std::int64_t due_ns = 0;       // when it is, or was; 0: at once
    std::int64_t extended_ns = 0;  // until when objects will be locked by an extension now
};

/// Every class of the epoch that has a lock. Unsupported, and why, if the store locks nothing.
Result<std::vector<ClassLocks>> look_at_locks(const Repository&, std::stop_token);

struct LockExtension {
    std::uint64_t objects = 0;  // locked anew, or found to be locked for longer
    std::uint64_t failed = 0;
    std::vector<Problem> problems;      // the first of those
    std::vector<LockHorizon> horizons;  // signed
};

/// Extends the locks of those classes, and of what all share, and signs. Each lock is durable by
/// itself; interrupted, nothing is signed and running it again goes on. Denied, with nothing done,
/// where the credential may not.
Result<LockExtension> extend_locks(const Maintainer&, const std::vector<ClassLocks>& classes,
                                   std::stop_token);

}  // namespace perdure
