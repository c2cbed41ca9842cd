// A restore of files: from a point, or a part of it, into a directory.
//
// One thread walks the tree and makes directories, links and special files; workers write files.
// Every block is decoded once as long as its files lie near each other in the tree; the cache of
// decoded blocks bounds memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "engine/point_reader.h"
#include "engine/reporter.h"
#include "target/file_target.h"

namespace perdure {

struct RestoreOptions {
    unsigned workers = 2;
    bool dry_run = false;
    bool remove_others = false;  // what the point does not hold goes, from wanted directories
    /// Which entries (absolute paths as backed up) are wanted; empty: all. Directories that lead to
    /// a wanted entry are made too, as the point holds them. Whoever wants a directory says so for
    /// all below it as well.
    std::function<bool(std::string_view absolute)> wanted;
    /// Whether a directory that is not wanted may hold something that is; if not, it is not read.
    std::function<bool(std::string_view absolute)> may_hold_wanted;
};

struct RestoreResult {
    Outcome outcome = Outcome::Failed;
    std::uint64_t entries = 0, files = 0, bytes = 0;
    std::uint64_t unchanged = 0, kept = 0, removed = 0;
    std::vector<RestoreIssue> issues;
    double seconds = 0;
};

/// What goes where: the tree at `from`, with `from` itself becoming `to` (relative to the target,
/// "" for the target itself).
struct RestoreItem {
    PointPath from;
    std::string to;
};

/// `target` may be null on a dry run.
Result<RestoreResult> run_restore(PointReader&, const std::vector<RestoreItem>&,
                                  DirectoryTarget* target, const RestoreOptions&, Reporter&,
                                  std::stop_token);

}  // namespace perdure
