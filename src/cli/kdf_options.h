// How much work guessing a password shall cost: options of the commands that make key slots.
#pragma once

#include <cstdint>

#include "repo/keys.h"

namespace CLI {
class App;
}

namespace perdure {

/// What no new slot may go below: OWASP's least for Argon2id with one thread.
constexpr Argon2Cost kLeastSlotCost{2, 19 * 1024};

/// Declares --kdf-memory and --kdf-passes, which write into `cost` and leave its values where they
/// are not given. Costs below kLeastSlotCost, or above what a reader takes, are refused.
void add_kdf_options(CLI::App& command, Argon2Cost& cost);

}  // namespace perdure
