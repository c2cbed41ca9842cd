#include "cli/kdf_options.h"

#include <CLI/CLI.hpp>

namespace perdure {

namespace {

constexpr std::uint32_t kKibAMib = 1024;

}  // namespace

void add_kdf_options(CLI::App& command, Argon2Cost& cost) {
    command
        .add_option_function<std::uint32_t>(
            "--kdf-memory", [&cost](std::uint32_t mib) { cost.memory_kib = mib * kKibAMib; },
            "MiB that each try of the password takes, 19 to 4096 (default: 64)")
        ->check(CLI::Range(kLeastSlotCost.memory_kib / kKibAMib, kMaxArgon2MemoryKib / kKibAMib));
    command
        .add_option("--kdf-passes", cost.passes, "passes over that memory, 2 to 64 (default: 3)")
        ->check(CLI::Range(kLeastSlotCost.passes, kMaxArgon2Passes));
}

}  // namespace perdure
