// From the kernel's stat to an Entry.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>

#include "base/entry.h"

namespace perdure {

/// Nothing for a type that Linux does not have.
std::optional<EntryType> type_of(mode_t mode);

/// Nanoseconds since 1970, held at the ends of what 64 bits can say (years 1677 and 2262).
std::int64_t nanoseconds_of(const timespec& time);

/// Fills everything that stat knows: not path, names of ids, xattrs, link target, flags, extents.
/// Unchanged and false for a type that Linux does not have.
bool fill_from_stat(Entry& entry, const struct stat& info);

/// True if `info` is of the inode that `entry` was filled from, as far as can be told: inode
/// numbers are soon used again, so the type counts too.
bool is_same_inode(const Entry& entry, const struct stat& info);

}  // namespace perdure
