// Liveness summaries: which blocks an end needs, joined over many (FORMAT.md §11).
#pragma once

#include <set>
#include <stop_token>

#include "repo/index.h"
#include "repo/recipe.h"
#include "repo/repository.h"

namespace perdure {

/// Marks what the summary in `index` names, with those it builds on, whose sessions `bases` gets if
/// it is not null. Corrupt or NotFound, naming the index, if one of them is missing, does not
/// authenticate or holds no summary.
Result<void> mark_summary(const Repository&, const Index& index, PackRegistry&, LivenessMarks&,
                          std::set<SessionName>* bases, std::stop_token);

/// The blocks of a point's summary. Errors as above; Corrupt if it has no index.
Result<LivenessMarks> load_liveness(const Repository&, const Point&, PackRegistry&,
                                    std::stop_token);

}  // namespace perdure
