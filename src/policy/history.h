// Whether the history of points can be believed before retention acts on it.
//
// A point says itself when it was made, and whoever holds a writer's key can say anything: points
// from a false future or past would push the true ones out of a policy's counts. What such a writer
// cannot choose is when the store took the object, the number its log gave it, and when it was
// enrolled. Where a point's own time contradicts these by more than kClockTolerance there is a
// doubt, and a policy is not applied until someone has looked.
//
// Times of the store count only in one direction: a repository that was copied elsewhere has later
// ones. That a point is older than the store says is a doubt only if the store took one before it
// that calls itself younger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace perdure {

/// A clock may be wrong by this much: a point so far off can only push out others of its own day.
constexpr std::int64_t kClockTolerance = 24LL * 3600 * 1'000'000'000;

struct WitnessedPoint {
    std::string name;                      // for people
    std::uint64_t writer = 0, number = 0;  // its place in its writer's log
    Time started, finished;                // as it says itself
    std::optional<Time> stored;            // when the store took it, where known
    std::optional<Time> enrolled;          // when its writer was, where known
    /// Stands for a point of another writer or repository, and so may be older than its place.
    bool speaks_for_others = false;
};

struct Doubt {
    std::size_t point = 0;  // place in the list
    std::string text;       // "says it was finished 2031-01-01T00:00:00Z, which is in the future"
};

/// At most one a point; in the order of `points`.
std::vector<Doubt> doubts(const std::vector<WitnessedPoint>& points, Time now);

/// Whether taking `going` of `all` points at once is a sudden change: more than half of them, and
/// more than a first try of retention on a small repository takes.
constexpr std::size_t kSuddenPoints = 10;
constexpr bool is_sudden(std::size_t going, std::size_t all) {
    return going > kSuddenPoints && going > all / 2;
}

}  // namespace perdure
