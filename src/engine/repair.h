// Repair: what a check says is damaged is made good where it can be, from another repository under
// the same keys or from what is left; what cannot be is named.
//
// The invariant: nothing is deleted. What is damaged is set aside under a signed repair record
// before anything takes its place; only bytes that authenticate are put under a name; blocks go,
// as they are, into packs of the repair's own session. A repair that was interrupted is finished by
// the next one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "engine/check.h"
#include "engine/repaired_point.h"
#include "repo/local_cache.h"

namespace perdure {

struct RepairAction {
    enum class Kind {
        PutBack,     // an object, as another repository has it
        MoveBlocks,  // of a pack, from wherever they can be had
        SetAside,    // a damaged pack whose blocks all lie elsewhere now
        NewPoint,    // that stands for one that lost its index, or some of its files
    };
    Kind kind = Kind::PutBack;
    std::string object;
    std::string text;
    std::uint64_t blocks = 0;       // MoveBlocks
    std::vector<std::string> lost;  // NewPoint: paths that are left out
    std::uint64_t read_again = 0;   // NewPoint: files that were read from the live source
};
std::string_view to_string(RepairAction::Kind);

struct RepairOptions {
    bool dry_run = false;
    CheckLevel level = CheckLevel::Aead;
    unsigned workers = 2;
    /// A repository under the same keys: a replica, or what this is one of. Null: none.
    const Repository* from = nullptr;
    /// Where content that is nowhere else comes from: the files of points of `host`, as they are
    /// now. Empty: from nowhere.
    OpenLive open_live = {};
    std::string host = {};
};

struct RepairResult {
    Outcome outcome = Outcome::Failed;  // of the check afterwards; of a dry run: of the one before
    std::vector<RepairAction> actions;  // done; on a dry run: that would be
    std::vector<CheckFinding> before, after;
    double seconds = 0;
};

/// `as`: a maintainer of the repository.
Result<RepairResult> run_repair(const Repository& repository, const WriterIdentity& as,
                                const LocalCache&, const RepairOptions&, Reporter&,
                                std::stop_token);

/// Puts back the config, the epochs and the key slots, without which a repository does not open, as
/// `from` has them. Gives the names of what it put back, or on a dry run would.
Result<std::vector<std::string>> repair_root_records(Store& damaged, const Repository& from,
                                                     bool dry_run, std::stop_token);

}  // namespace perdure
