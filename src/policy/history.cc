#include "policy/history.h"

#include <algorithm>
#include <numeric>

namespace perdure {

namespace {

bool is_after(Time a, Time b) {
    // No overflow: b is taken from a side that has room.
    return a > b &&
           static_cast<std::uint64_t>(a.nanoseconds) - static_cast<std::uint64_t>(b.nanoseconds) >
               static_cast<std::uint64_t>(kClockTolerance);
}

class History {
public:
    History(const std::vector<WitnessedPoint>& points, Time now)
        : points_(points), now_(now), texts_(points.size()) {}

    std::vector<Doubt> doubts() {
        for (std::size_t i = 0; i < points_.size(); ++i) alone(i);
        by_log();
        by_store();
        std::vector<Doubt> found;
        for (std::size_t i = 0; i < texts_.size(); ++i)
            if (!texts_[i].empty()) found.push_back({i, std::move(texts_[i])});
        return found;
    }

private:
    void doubt(std::size_t i, std::string text) {
        if (texts_[i].empty())
            texts_[i] = "says it was finished " + to_iso8601(points_[i].finished) + ", " + text;
    }

    void alone(std::size_t i) {
        const WitnessedPoint& p = points_[i];
        if (is_after(p.finished, now_)) return doubt(i, "which is in the future");
        if (p.stored && is_after(p.finished, *p.stored))
            return doubt(i, "but the store took it " + to_iso8601(*p.stored));
        if (is_after(p.started, p.finished))
            return doubt(i, "before it was started, " + to_iso8601(p.started));
        if (p.enrolled && !p.speaks_for_others && is_after(*p.enrolled, p.finished))
            doubt(i, "but its writer was enrolled " + to_iso8601(*p.enrolled));
    }

    /// A session that has a higher number began later, whichever of the two ended first.
    void by_log() {
        std::vector<std::size_t> order = believed();
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return std::pair(points_[a].writer, points_[a].number) <
                   std::pair(points_[b].writer, points_[b].number);
        });
        std::optional<std::size_t> latest;  // of this writer, by its start
        for (const std::size_t i : order) {
            if (latest && points_[*latest].writer != points_[i].writer) latest.reset();
            if (latest && is_after(points_[*latest].started, points_[i].finished))
                doubt(i, "but " + points_[*latest].name +
                             " lies below it in the log and was "
                             "started " +
                             to_iso8601(points_[*latest].started));
            else if (!latest || points_[i].started > points_[*latest].started)
                latest = i;
        }
    }

    void by_store() {
        std::vector<std::size_t> order = believed();
        std::erase_if(order, [&](std::size_t i) { return !points_[i].stored; });
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return *points_[a].stored < *points_[b].stored;
        });
        // Only what the store took well before counts, so a second place follows behind.
        std::size_t behind = 0;
        std::optional<std::size_t> latest;  // of those before `behind`, by its finish
        for (const std::size_t i : order) {
            for (; is_after(*points_[i].stored, *points_[order[behind]].stored); ++behind)
                if (!latest || points_[order[behind]].finished > points_[*latest].finished)
                    latest = order[behind];
            if (latest && is_after(points_[*latest].finished, points_[i].finished))
                doubt(i, "but the store took it after " + points_[*latest].name +
                             ", which was finished " + to_iso8601(points_[*latest].finished));
        }
    }

    /// What has no doubt of its own and speaks for itself.
    std::vector<std::size_t> believed() const {
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < points_.size(); ++i)
            if (texts_[i].empty() && !points_[i].speaks_for_others) order.push_back(i);
        return order;
    }

    const std::vector<WitnessedPoint>& points_;
    Time now_;
    std::vector<std::string> texts_;
};

}  // namespace

std::vector<Doubt> doubts(const std::vector<WitnessedPoint>& points, Time now) {
    return History(points, now).doubts();
}

}  // namespace perdure
