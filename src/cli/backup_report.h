// How a run that makes a point says what came of it: the same for every kind of source.
#pragma once

#include "cli/command.h"
#include "engine/backup.h"

namespace perdure {

/// Prints the summary, as JSON if asked for, and sets the exit code.
void report_backup(Context&, const BackupResult&, bool dry_run);

}  // namespace perdure
