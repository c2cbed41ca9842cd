// Lifecycle rules: what they may say, and what they do at a time. Rules act at the first midnight
// (UTC) after their days are over, as on AWS; what is locked stays.
#pragma once

#include <vector>

#include "cloudsim/api_result.h"
#include "cloudsim/s3/state.h"

namespace pugi {
class xml_node;
}

namespace perdure::cloudsim {

struct LifecycleRule {
    std::string id, prefix;
    bool is_enabled = false;
    TextMap tags;
    std::optional<std::uint64_t> larger_than, smaller_than;
    std::optional<std::uint64_t> expire_days, noncurrent_days, newer_noncurrent, abort_days;
    std::optional<Time> expire_date;
    bool expires_markers = false;
    struct Transition {
        std::uint64_t days = 0;
        std::string storage_class;
    };
    std::vector<Transition> transitions, noncurrent_transitions;
};

ApiResult<std::vector<LifecycleRule>> parse_lifecycle(const pugi::xml_node& root);
ApiResult<void> check_lifecycle(const pugi::xml_node& root);

/// The midnight after `days` are over.
Time lifecycle_time(Time from, std::uint64_t days);

/// Does what is due at `now`. The caller holds the lock.
void apply_lifecycle(S3State& state, Bucket& bucket, Time now);

}  // namespace perdure::cloudsim
