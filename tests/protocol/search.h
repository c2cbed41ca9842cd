// Over every state that a scenario can reach, or up to a bound: breadth first, so that a violation
// is shown by one of its shortest ways; or depth first, so that a bound still sees whole histories.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "scenario.h"

namespace perdure::protocol::search {

struct Options {
    std::uint64_t max_states = ~std::uint64_t{0};
    bool depth_first = false;                  // `depth` is not counted
    bool keeps_trace = false;                  // the way to a violation, at twice the table
    std::uint64_t expected_states = 1u << 16;  // sizes the table
    std::uint64_t report_every = 0;            // states expanded between calls of `progress`
    std::function<void(const std::string&)> progress;
};

struct Findings {
    std::uint64_t states = 0;  // distinct, up to symmetry
    std::uint64_t steps = 0;   // transitions
    unsigned depth = 0;        // steps from the start to the farthest state expanded
    bool complete = false;     // the whole space was seen
    std::uint64_t table_bytes = 0;
    std::uint64_t queue_bytes = 0;   // at most
    std::uint64_t successes = 0;     // states in which some session has reported success
    std::uint64_t verdicts = 0;      // states with a verdict that drops something
    std::string violation;           // empty if nothing was found
    std::vector<std::string> trace;  // the shortest way there, if asked for
};

/// Ends at the first violation, at the bound, or at the end of the space.
Findings explore(const Scenario& scenario, const Options& options);

}  // namespace perdure::protocol::search
