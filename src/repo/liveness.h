// Liveness summaries: which blocks an end needs, joined over many (FORMAT.md §11).
#pragma once

#include <set>
#include <stop_token>

#include "repo/index.h"
#include "repo/recipe.h"
#include "repo/repository.h"

namespace perdure {

/// What was marked before, so that summaries that build on each other are each read once.
struct JoinedSummaries {
    std::set<SessionName> bases;    // whose summaries others build on
    std::set<SessionDigest> whole;  // marked with all they build on, by their indexes' digests
};

/// Marks what the summary in `index` names, with those it builds on. `joined`: what was marked into
/// `LivenessMarks` before, and this too if it succeeds; or null. Corrupt or NotFound, naming the
/// index, if one of them is missing, does not authenticate or holds no summary.
Result<void> mark_summary(const Repository&, const Index& index, PackRegistry&, LivenessMarks&,
                          JoinedSummaries* joined, std::stop_token);

/// The blocks of a point's summary. Errors as above; Corrupt if it has no index.
Result<LivenessMarks> load_liveness(const Repository&, const Point&, PackRegistry&,
                                    std::stop_token);

}  // namespace perdure
