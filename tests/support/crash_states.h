// Every state a disk can be in after the power failed during a history of changes (reliability.md
// T1).
//
// For each prefix of the history, and in this order: all changes made; none of the changes that
// were not synced yet; each one of those left out; pairs of them left out (all, up to a bound, then
// chosen at random); each write that was not synced torn at sector bounds, or of full length but
// zero; random subsets left out. States that are equal and promise equally much are shown once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/memory_disk.h"

namespace perdure {

struct CrashBounds {
    std::size_t pairs = 64;   // per prefix
    std::size_t samples = 8;  // random subsets per prefix
    std::uint64_t seed = 1;   // of everything random
    std::size_t first = 0;    // prefixes shorter than this are left out
    std::size_t step = 1;     // show every step-th prefix (and the last)
    std::size_t max_states = ~std::size_t{0};
};

struct CrashState {
    DiskImage image;                   // give it to a MemoryDisk: all of it is durable
    std::vector<std::uint64_t> marks;  // what had been promised by then, in order
    std::size_t prefix = 0;            // how many changes had been made
    std::string description;           // what was lost, for the message of a test that failed
};

/// Calls `fn` with each state until it answers false or the bounds are reached. Answers how many.
/// The same history and bounds give the same states in the same order.
std::size_t for_each_crash_state(const DiskHistory& history, const CrashBounds& bounds,
                                 const std::function<bool(const CrashState&)>& fn);

/// What a history must not do, whatever the crash, each with a description (F12): give a file a
/// name outside `tmp/` while its content is not synced; mark a promise while the name of anything
/// outside `tmp/`, or the content of a file that has one, is not synced.
std::vector<std::string> ordering_violations(const DiskHistory& history);

}  // namespace perdure
