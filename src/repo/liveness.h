// What a point needs, from its index and those it builds on.
#pragma once

#include "repo/repository.h"

namespace perdure {

/// The blocks of a point's summary, complete. Corrupt or NotFound if an index of the chain cannot
/// be believed, or holds no summary.
Result<LivenessMarks> load_liveness(const Repository&, const Point&, PackRegistry&,
                                    std::stop_token);

}  // namespace perdure
