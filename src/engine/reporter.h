// How a run tells of its progress. Counters may be read at any time by any thread; callbacks come
// from the thread they say.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "source/issue.h"

namespace perdure {

struct Progress {
    std::atomic<std::uint64_t> entries{0};
    std::atomic<std::uint64_t> files{0};
    std::atomic<std::uint64_t> bytes{0};        // done: read, found unchanged, or restored
    std::atomic<std::uint64_t> total_bytes{0};  // 0 while unknown
    std::atomic<std::uint64_t> bytes_stored{0};
    std::atomic<std::uint64_t> issues{0};
};

class Reporter {
public:
    virtual ~Reporter() = default;
    Progress progress;
    /// One call an issue, from the run's main thread. Its path is within `root`, or absolute.
    virtual void issue([[maybe_unused]] std::string_view root, const Issue&) {}
    /// A remark on the run as a whole: "no cache: …".
    virtual void note(std::string_view) {}
};

}  // namespace perdure
