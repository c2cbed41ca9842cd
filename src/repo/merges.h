// merged/<m>: many small records in few objects, verbatim, for machines that have none of them yet
// (FORMAT.md §16).
//
// A merge saves requests and nothing else: a record out of one counts only where a listing shows an
// object of that name, size and time, it is authenticated under its own name as any other, and what
// does not authenticate is read from the store instead. So a merge that is lost, old, damaged or
// made by a hostile maintainer costs time, never data. Nobody needs one, and any may be deleted.
#pragma once

#include "repo/maintainer.h"
#include "repo/record_cache.h"

namespace perdure {

/// How large merges are, and what is worth one.
struct MergeRules {
    std::uint64_t most_bytes = 4U << 20;     // of one merge, about
    std::uint64_t most_record = 256U << 10;  // larger records save few requests
    std::uint64_t most_in_all = 256U << 20;  // of all: more is not merged
    std::uint64_t least_growth = 1U << 20;   // of what is not merged yet, in bytes,
    double least_share = 0.25;               // and as a share of what is
};

struct MergeResult {
    std::size_t merges = 0;   // written
    std::size_t records = 0;  // in them
    std::size_t removed = 0;  // merges that these replace
};

/// Writes what is stored now into new merges if enough of it is in none, and deletes those that
/// were there. Nothing is done on a store at hand, where reading a record takes no round trip.
/// Errors leave merges behind that hold.
Result<MergeResult> write_merges(const Maintainer&, const MergeRules&, std::stop_token);

/// Puts the records of all merges that can be believed into `records`; answers how many.
Result<std::size_t> read_merges(const Repository&, RecordCache& records, std::stop_token);

}  // namespace perdure
