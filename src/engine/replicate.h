// A copy of points into a replica, a repository under the same keys: points and indexes as they
// are, blocks as they are in packs of the copier's, and the proofs of who made them.
//
// The invariant: a point counts there once a copy point that binds it by digest is committed, and
// that is after all it needs is durable.
#pragma once

#include "engine/copy.h"

namespace perdure {

/// `to` must be a replica of `from`'s keys, and `as` a maintainer of it. As copy_points() else: a
/// point keeps its name.
Result<CopyResult> replicate_points(const Repository& from, const std::vector<Point>& points,
                                    Repository& to, const WriterIdentity& as, const LocalCache&,
                                    const CopyOptions&, Reporter&, const OnCopied& on_copied,
                                    std::stop_token);

}  // namespace perdure
