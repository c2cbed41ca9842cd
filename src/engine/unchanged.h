// When an entry counts as unchanged since the previous point, so that its content is not read.
#pragma once

#include <cstdint>

#include "base/entry.h"

namespace perdure {

/// Size, times, inode, mode, owner and link count are as they were, and the times are too old for a
/// change that left them alone: one made after the previous run had begun. Times finer than a tick
/// of the kernel's clock (up to 10 ms) may repeat, and some filesystems store whole seconds, or
/// pairs of them.
bool is_unchanged(const Entry& was, const Entry& now, std::int64_t previous_started_ns);

}  // namespace perdure
