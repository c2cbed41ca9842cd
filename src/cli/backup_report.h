// How a run that makes a point says what came of it: the same for every kind of source.
#pragma once

#include <optional>

#include "app/prices.h"
#include "cli/command.h"
#include "engine/backup.h"

namespace perdure {

struct BackupReport {
    bool dry_run = false;
    bool estimate = false;         // of a dry run: what the run would ask of the store, and cost
    std::optional<Prices> prices;  // nothing for a store without a network
};

/// Prints the summary, as JSON if asked for, and sets the exit code.
void report_backup(Context&, const OpenedRepository&, const BackupResult&, const BackupReport&);

}  // namespace perdure
