// Retention classes: how long what is backed up under one cannot be deleted by anybody, by the
// store's Object Lock. Defined by the owner, in the epoch (FORMAT.md §5).
//
// What is created is locked from then on for the class's period and one window; maintainers lock
// all that is needed anew once a window (lock_horizon.h). So at any time as much as the period is
// left of the lock of whatever a point needs. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace perdure {

/// What a program has to know before it writes to, or collects, a repository with locks.
inline constexpr std::string_view kObjectLockFeature = "object-lock";

inline constexpr std::int64_t kDayNs = 86'400'000'000'000;
inline constexpr std::uint32_t kMostLockDays = 36'500;  // what S3 takes

struct RetentionClass {
    std::string name;
    std::optional<LockMode> lock;   // nothing: objects are not locked
    std::uint32_t lock_days = 0;    // what is left at the least
    std::uint32_t window_days = 0;  // maintainers extend once in so many

    std::int64_t period_ns() const { return lock_days * kDayNs; }
    /// From the creation, or the extension, of an object on.
    std::int64_t full_ns() const { return (std::int64_t{lock_days} + window_days) * kDayNs; }
    friend bool operator==(const RetentionClass&, const RetentionClass&) = default;
};

/// InvalidInput if a reader or a store could not follow it, or it is longer than `longest_days`
/// (period and window together; 0: no more than S3 takes).
Result<void> check_retention_class(const RetentionClass&, std::uint32_t longest_days);

/// "governance" or "compliance"; "none" is nothing. InvalidInput.
Result<std::optional<LockMode>> parse_lock_mode(std::string_view word);
const char* to_string(LockMode);

/// "compliance:30" or "governance:30d", perhaps with a window, as in "governance:30:7"; without one
/// the window is a quarter of the period, a day at the least and thirty at most. "none": no lock.
/// InvalidInput.
Result<RetentionClass> parse_retention_class(std::string name, std::string_view text);

/// How long the new object of that name is locked. Packs as their class says; what any point may
/// need (config, keys, enrolments, logs, ends, indexes, collections) as long and as strongly as the
/// longest and strongest of all classes; hints and what else may be lost, not at all.
std::optional<ObjectLocks::Period> lock_period_of(const std::vector<RetentionClass>&,
                                                  std::string_view name);
/// The prefixes of what any point may need.
const std::vector<std::string>& shared_prefixes();
/// Of these. Nothing if no class has a lock.
std::optional<ObjectLocks::Period> shared_lock(const std::vector<RetentionClass>&);

}  // namespace perdure
