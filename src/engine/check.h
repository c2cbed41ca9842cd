// A check: what of a repository is there, whole, and believed, and which points and files are hurt
// where it is not.
//
// The invariant: whatever is missing or damaged that a selected point needs is named in a finding
// that names the point; and what nobody who may write has made (unknown names, objects that do not
// authenticate) is a finding that names no point. A check changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "engine/reporter.h"
#include "repo/ledger.h"
#include "repo/repository.h"

namespace perdure {

enum class CheckLevel {
    Structure,  // records, chains, sizes, liveness, and every page of the trees
    Aead,       // also every block opens (without the owner's keys: its checksum holds)
    Deep,       // also every leaf has the id its manifest states
};
/// InvalidInput unless it is "structure", "aead" or "deep".
Result<CheckLevel> parse_check_level(std::string_view text);

struct CheckOptions {
    CheckLevel level = CheckLevel::Structure;
    /// Of the packs, chosen by a hash of their ids: the same ones at every run.
    double subset = 1.0;
    unsigned workers = 2;
    /// A rolling check: only packs that were last found whole, at this level, before `before_ns`;
    /// those longest ago first, as many as the budget allows.
    struct Rolling {
        std::int64_t before_ns = 0;
        std::uint64_t budget_bytes = ~std::uint64_t{0};
    };
    std::optional<Rolling> rolling;
    /// What earlier checks found; null: nothing.
    const Ledger* ledger = nullptr;
    /// Only these points, and what they need; empty: everything.
    std::set<SessionName> points;
    std::size_t most_paths = 1000;  // of all findings together
};

/// Paths from one on up to another, or to the end: what a page that cannot be read held.
struct PathRange {
    std::string from;
    std::optional<std::string> before;
};

struct CheckFinding {
    std::string object;
    std::string kind;  // docs/manual/json.md: "missing", "damaged", "size", "refused", …
    std::string text;
    bool note = false;  // nothing is wrong, or nobody can tell
    std::vector<std::uint32_t> blocks;
    std::vector<SessionName> points;
    std::vector<std::string> paths;
    std::uint64_t paths_in_all = 0;
    std::vector<PathRange> ranges;
};

struct CheckResult {
    Outcome outcome = Outcome::Failed;  // Failed: a point is hurt; Partial: something is wrong
    std::vector<CheckFinding> findings;
    bool with_owner_keys = false;
    std::uint64_t objects = 0, points = 0, entries = 0, pages = 0;
    std::uint64_t packs = 0, packs_read = 0, blocks_read = 0, leaves_hashed = 0, bytes_read = 0;
    std::uint64_t bytes_decoded = 0;
    std::uint64_t unreferenced_packs = 0, unreferenced_bytes = 0;  // of sessions that did not end
    std::uint64_t packs_due = 0;  // of a rolling check: that were left for the next one
    /// What was read and found whole; and the points all of whose packs were, now or, as the ledger
    /// says, before. For the ledger.
    std::vector<BirthPack> whole_packs;
    std::vector<SessionDigest> whole_points;
    /// Blocks that cannot be had from anywhere, by the pack they were born in.
    std::vector<std::pair<BirthPack, std::vector<std::uint32_t>>> lost_blocks;
    double seconds = 0;
};

/// Cancelled; Unavailable or Timeout if the store stops answering. All else is a finding.
Result<CheckResult> run_check(const Repository&, const CheckOptions&, Reporter&, std::stop_token);

/// Writes down what a check found whole: packs and points as checked, and points whose every leaf
/// was hashed as verified. Owner only.
Result<void> record_check(const Repository&, const CheckResult&, CheckLevel, std::stop_token);

}  // namespace perdure
