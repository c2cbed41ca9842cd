// Repacking: live blocks of partly dead packs are copied, verbatim, into packs of a maintainer's
// own session. Nothing is dropped by it: the packs copied from go by list, wait and verdict.
//
// The invariant: a block is copied only if its bytes, its header and the leaves its manifest states
// agree, from a place that counts; a pack of which anything does not is left as it is.
#pragma once

#include <string>
#include <vector>

#include "repo/collection_facts.h"
#include "repo/collector_driver.h"
#include "repo/session.h"

namespace perdure {

struct RepackLimits {
    std::uint64_t max_bytes = ~std::uint64_t{0};  // of live blocks copied in one run
    /// Dead bytes in packs that stay: as many, or as large a share of what is stored.
    std::uint64_t max_unused_bytes = 0;
    double max_unused_share = 0.05;
};

/// A pack to copy from.
struct RepackSource {
    PackNumber pack;
    std::uint64_t live = 0, dead = 0;  // bytes, about
};

struct RepackPlan {
    std::vector<RepackSource> packs;  // the most unused first
    PackAmount from;
    std::uint64_t live_bytes = 0;  // to copy, about
};

/// Of packs that stay and hold dead blocks, as many as it takes to come within the limits.
RepackPlan plan_repack(const CollectionFacts&, const CollectionView&, const RepackLimits&);

struct RepackResult {
    PackAmount from;           // packs of which all live blocks lie in packs that were published
    std::uint64_t blocks = 0;  // in these
    std::uint64_t bytes = 0;   // of them
    std::vector<Problem> problems;
};

/// Copies into packs of `session` and publishes them; for WriteSession::repack. After an error the
/// result tells what was published before it. Memory: two packs and a few MiB.
Result<void> copy_live_blocks(const Repository&, const CollectionFacts&, const CollectionView&,
                              const RepackPlan&, WriteSession& session, RepackResult&,
                              std::stop_token);

}  // namespace perdure
