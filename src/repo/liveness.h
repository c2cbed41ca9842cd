// Liveness summaries: which blocks an end needs, joined over many (FORMAT.md §11).
#pragma once

#include <stop_token>

#include "repo/index.h"
#include "repo/recipe.h"
#include "repo/repository.h"

namespace perdure {

/// Marks what the summary in `index` names, with those it builds on. Corrupt or NotFound, naming
/// the index, if one of them is missing, does not authenticate or holds no summary.
Result<void> mark_summary(const Repository&, const Index& index, PackRegistry&, LivenessMarks&,
                          std::stop_token);

}  // namespace perdure
