// A copy of points into another repository, with keys of its own: every point becomes one there, of
// kind copy, that says where it came from.
//
// It is a backup that reads from a point, so it stores nothing twice, ends in a checkpoint when it
// is interrupted, and gives the same pages for the same entries. The invariant: a copy holds all
// that its original holds, or is not made.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "engine/backup.h"

namespace perdure {

struct CopyOptions {
    bool dry_run = false;
    unsigned workers = 2;
    Compression compression;
};

struct PointCopy {
    enum class State { Copied, AlreadyThere, WouldCopy, Failed, Forgotten };
    Point from;
    State state = State::Failed;    // Forgotten: in the replica, for good
    std::optional<SessionName> to;  // Copied, AlreadyThere
    std::uint64_t bytes_new = 0, bytes_stored = 0;
    std::string problem;  // Failed: why
};

struct CopyResult {
    Outcome outcome = Outcome::Failed;  // Partial: some points could not be copied
    std::vector<PointCopy> points;
    std::uint64_t bytes_read = 0, bytes_new = 0, bytes_stored = 0;
    bool interrupted = false;
    double seconds = 0;
};

using OnCopied = std::function<void(const PointCopy&)>;

/// `points` of `from`, oldest first. `as` must be one that may make copies: a maintainer of `to`.
/// `on_copied` is called for each point as it is done. Timeout means UNKNOWN.
Result<CopyResult> copy_points(const Repository& from, const std::vector<Point>& points,
                               const Repository& to, const WriterIdentity& as, const LocalCache&,
                               const CopyOptions&, Reporter&, const OnCopied& on_copied,
                               std::stop_token);

}  // namespace perdure
