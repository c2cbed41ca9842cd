// What a restore could not do fully, collected from all threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "target/file_target.h"

namespace perdure {

/// Thread-safe.
class IssueLog {
public:
    void add(const std::string& path, std::string text);
    /// Counted, and reported as one issue: without root it is the same for nearly every entry.
    void owner_not_restored(const std::string& path);
    std::vector<RestoreIssue> take();

private:
    struct State {
        std::vector<RestoreIssue> issues;
        std::uint64_t owners = 0;
        std::string first_owner;
    };
    Guarded<State> state_;
};

}  // namespace perdure
