// What a writer has stored before, and a new session may reuse: the leaves of its own sessions that
// ended with a point or a checkpoint.
#pragma once

#include <memory>

#include "repo/leaf_index.h"
#include "repo/local_cache.h"
#include "repo/repository.h"
#include "repo/session.h"

namespace perdure {

/// The index that the end of a session binds. Null if it is open, fenced or damaged, or binds none:
/// nothing of it is reused.
std::shared_ptr<const Index> bound_index(const Repository&, SessionName, std::stop_token);

/// Fills `leaves` with those of the writer's sessions below this one, newest first, from the cache
/// where it can; packs that `session` may not reuse are left out. One session's indexes and hints
/// are in memory at a time. What the cache lacks is read from the repository and cached.
void load_leaf_index(const Repository&, const LocalCache&, const WriteSession& session,
                     LeafIndex& leaves, std::stop_token);

}  // namespace perdure
