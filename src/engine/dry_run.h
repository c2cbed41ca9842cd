// What a backup would do: walks the roots and compares them with the previous tree by what lstat
// says. Opens no file, takes no number and writes nothing.
#pragma once

#include <optional>

#include "engine/backup.h"

namespace perdure {

/// `writer`: whose previous point to compare with; none: everything counts as new. In the result
/// bytes_read is what would have to be read; there is no point. Cancelled if interrupted.
Result<BackupResult> dry_run_backup(const Repository&, std::optional<WriterNumber> writer,
                                    const LocalCache&, std::vector<BackupRoot>,
                                    const BackupOptions&, Reporter&, std::stop_token);

}  // namespace perdure
