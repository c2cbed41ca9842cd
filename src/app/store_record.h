// What the probe saw of a repository's store, kept on this machine: advice for summaries, with the
// credential of this machine. Anyone may delete it.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "repo/ids.h"
#include "store/s3/s3_probe.h"

namespace perdure {

struct StoreRecord {
    StoreCapabilities found;
    Time probed;
};

Result<void> save_store_record(const RepositoryId&, const StoreRecord&);
/// Nothing also for one that cannot be read.
std::optional<StoreRecord> load_store_record(const RepositoryId&);

}  // namespace perdure
