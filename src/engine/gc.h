// A garbage collection as a user asks for it: the plan, then repacking, collecting and deleting.
#pragma once

#include <functional>

#include "repo/collection.h"
#include "repo/merges.h"
#include "repo/repack.h"

namespace perdure {

struct GcOptions {
    CollectionRules rules;
    RepackLimits repack;
    MergeRules merges;
    bool dry_run = false;
};

struct GcPlan {
    CollectionPlan collection;
    RepackPlan repack;
};

struct GcResult {
    CollectionResult collection;
    RepackResult repack;
    MergeResult merged;
};

/// Who repacks: asked for only if there is something to copy.
using RepackIdentity = std::function<Result<WriterIdentity>()>;

/// `on_plan` sees the plan before anything is done. Without anything to wait for, what the plan
/// says is done when this returns; else collection.waiting names whom a later run waits for. Where
/// the store is full, what goes whole is freed, of the rest is copied what there is room for, and
/// repack.problems says so: another run finds more room. NoSpace if nothing could be freed.
Result<GcResult> run_gc(const Maintainer&, const RepackIdentity&, const GcOptions&,
                        const std::function<void(const GcPlan&)>& on_plan, std::stop_token);

}  // namespace perdure
