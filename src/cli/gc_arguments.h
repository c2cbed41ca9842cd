// How a collection is asked for, by gc itself and by what collects afterwards.
#pragma once

#include <string>

#include "cli/command.h"

namespace perdure {

struct GcArguments {
    bool dry_run = false;
    bool now = false;
    bool force = false;
    std::string grace;  // as they are typed, as those below
    std::string idle = "24h";
    std::string max_repack;
    std::string max_unused = "5%";
    std::string max_drop = "80%";
};

/// Collects, and prints the plan and what was done. `opened` with Need::Owner, or with a
/// maintainer's key.
Result<void> collect(const Context&, const OpenedRepository& opened, const GcArguments&);

}  // namespace perdure
