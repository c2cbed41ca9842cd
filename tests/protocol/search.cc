#include "search.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "model.h"
#include "state_queue.h"
#include "visited.h"

namespace perdure::protocol::search {

namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// A multiply-and-fold hash in the manner of wyhash; its constants are wyhash's.
std::uint64_t fingerprint(const Encoded& state) {
    constexpr std::uint64_t kSecret[] = {0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu,
                                         0x8ebc6af09c88c6e3u};
    const auto word = [&](std::size_t i) {
        return load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(&state.bytes[i]));
    };
    std::uint64_t hash = kSecret[2] ^ state.size;
    for (std::size_t i = 0; i < state.size; i += 16)
        hash = mix(word(i) ^ kSecret[0], word(i + 8) ^ kSecret[1] ^ hash);
    const std::uint64_t mixed = mix(hash ^ kSecret[0], kSecret[1]);
    return mixed == 0 ? 1 : mixed;
}

using Pairs = std::vector<std::pair<int, int>>;

/// Sessions of one writer with one plan, which nobody else's plan names, may be exchanged.
Pairs exchangeable(const Scenario& scenario) {
    const auto is_named = [&](int session) {
        return std::any_of(scenario.sessions.begin(), scenario.sessions.end(),
                           [&](const SessionPlan& other) {
                               return other.carries == session || other.reads == session ||
                                      other.claims == session;
                           });
    };
    Pairs pairs;
    const int count = static_cast<int>(scenario.sessions.size());
    for (int a = 0; a + 1 < count; ++a) {
        const SessionPlan& plan = scenario.sessions[static_cast<std::size_t>(a)];
        const bool same = plan == scenario.sessions[static_cast<std::size_t>(a + 1)];
        if (plan.role != Role::Backup || !same || is_named(a) || is_named(a + 1)) continue;
        pairs.emplace_back(a, a + 1);
        ++a;  // pairs only: three alike would need all their orders
    }
    return pairs;
}

class Search : public Successors {
public:
    Search(const Scenario& scenario, const Options& options)
        : model_(scenario),
          options_(options),
          pairs_(exchangeable(scenario)),
          visited_(options.keeps_trace, options.expected_states) {}

    Findings run() {
        World first = model_.initial();
        take(first, Label{});
        Encoded state;
        std::uint64_t left_in_level = queue_.size();
        std::uint64_t expanded = 0;
        while (!queue_.empty() && found_.violation.empty() &&
               visited_.size() < options_.max_states) {
            if (left_in_level == 0 && !options_.depth_first) {
                left_in_level = queue_.size();
                ++found_.depth;
            }
            options_.depth_first ? queue_.pop_newest(state) : queue_.pop_oldest(state);
            if (!options_.depth_first) --left_in_level;
            from_ = fingerprint(state);
            model_.expand(decode(state), *this);
            if (options_.report_every != 0 && ++expanded % options_.report_every == 0) report();
        }
        found_.complete = queue_.empty() && found_.violation.empty();
        found_.states = visited_.size();
        found_.table_bytes = visited_.bytes();
        if (!found_.violation.empty() && options_.keeps_trace) retrace();
        return std::move(found_);
    }

    void take(World& next, const Label&) override {
        ++found_.steps;
        canonical(next, best_);
        const std::uint64_t print = fingerprint(best_);
        if (!found_.violation.empty() || !visited_.insert(print, from_)) return;
        queue_.push(best_);
        found_.queue_bytes = std::max<std::uint64_t>(found_.queue_bytes, queue_.bytes());
        count(next);
        const char* violation = model_.violation(next);
        if (violation == nullptr) return;
        found_.violation = violation;
        violating_ = print;
    }

private:
    /// The least encoding among the states that differ only by exchanges.
    void canonical(const World& world, Encoded& best) {
        encode(world, best);
        for (unsigned chosen = 1; chosen < 1u << pairs_.size(); ++chosen) {
            World other = world;
            for (std::size_t i = 0; i < pairs_.size(); ++i)
                if ((chosen >> i & 1) != 0)
                    other = exchange(other, pairs_[i].first, pairs_[i].second);
            encode(other, candidate_);
            if (candidate_ < best) std::swap(best, candidate_);
        }
    }

    void count(const World& world) {
        const auto succeeded = [](const SessionProcess& s) { return s.report == Report::Success; };
        if (std::any_of(world.sessions.begin(), world.sessions.end(), succeeded))
            ++found_.successes;
        const auto& verdicts = world.store.verdict;
        if (std::any_of(verdicts.begin(), verdicts.end(), [](PackMask v) { return v != 0; }))
            ++found_.verdicts;
    }

    void report() {
        if (!options_.progress) return;
        options_.progress(std::to_string(visited_.size()) + " states, " +
                          std::to_string(queue_.size()) + " to expand, depth " +
                          std::to_string(found_.depth) + ", " + std::to_string(found_.steps) +
                          " steps");
    }

    /// Follows the parents back, then the labels forth.
    void retrace() {
        std::vector<std::uint64_t> way;
        for (std::uint64_t at = violating_; at != 0; at = visited_.parent(at)) way.push_back(at);
        std::reverse(way.begin(), way.end());
        World world = model_.initial();
        for (std::size_t i = 1; i < way.size(); ++i) {
            Follower follower(*this, way[i]);
            model_.expand(world, follower);
            PERDURE_CHECK(follower.found);
            found_.trace.push_back(to_string(follower.label));
            world = follower.next;
        }
    }

    struct Follower : Successors {
        Follower(Search& of, std::uint64_t wanted) : search(of), print(wanted) {}
        void take(World& state, const Label& step) override {
            search.canonical(state, search.best_);
            if (found || fingerprint(search.best_) != print) return;
            found = true;
            next = state;
            label = step;
        }
        Search& search;
        std::uint64_t print;
        bool found = false;
        World next;
        Label label;
    };

    Model model_;
    Options options_;
    Pairs pairs_;
    Visited visited_;
    StateQueue queue_;
    Findings found_;
    Encoded best_;
    Encoded candidate_;
    std::uint64_t from_ = 0;
    std::uint64_t violating_ = 0;
};

}  // namespace

Findings explore(const Scenario& scenario, const Options& options) {
    return Search(scenario, options).run();
}

}  // namespace perdure::protocol::search
