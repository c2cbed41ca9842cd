// One run of the program in a simulation: what lies between it and a store in memory, composed as
// the product composes it, and what happens to it there.
//
//   FirstVersionStore, as over S3 · counts calls · RetryStore · RunStore: faults, pauses, death ·
//   the store that all runs share
//
// The invariant: every fault is one that store.h allows (but for damage on the way, which G10
// forbids and a network does), drawn from the seed, the verb, the name and how often that was
// called: never from the order in which threads of the run happen to call. At a pause, other runs
// take place, whole, on the thread of the call, while all other calls of this run wait.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "store/counting_store.h"
#include "store/fault_store.h"
#include "store/first_version_store.h"
#include "store/retry_store.h"

namespace perdure::sim {

/// Moves only when told to.
class SimClock final : public Clock {
public:
    Time now() override { return {now_ns_.load()}; }
    std::uint64_t monotonic_nanoseconds() override { return monotonic_ns_.load(); }
    void pass(std::int64_t ns) {
        now_ns_ += ns;
        monotonic_ns_ += static_cast<std::uint64_t>(ns);
    }
    /// The wall clock alone, either way.
    void jump(std::int64_t ns) { now_ns_ += ns; }

private:
    std::atomic<std::int64_t> now_ns_{1'700'000'000'000'000'000};
    std::atomic<std::uint64_t> monotonic_ns_{1'000'000'000};
};

/// A seeded stream for many threads.
class SharedRandom final : public Random {
public:
    explicit SharedRandom(std::uint64_t seed) : random_(seed) {}
    void fill(MutableByteView out) override {
        const std::lock_guard lock(mutex_);
        random_.fill(out);
    }

private:
    std::mutex mutex_;
    SeededRandom random_;
};

/// Chances are per mille of the calls they make sense for.
struct Conditions {
    std::uint32_t unavailable = 0;  // nothing was done
    std::uint32_t throttled = 0;    // likewise, with a time to wait
    std::uint32_t lost = 0;         // done, and the answer lost
    std::uint32_t failing = 0;      // Io, of which no retry is tried: done or not
    std::uint32_t full = 0;         // create: NoSpace
    std::uint32_t damaged = 0;      // load: a bit flipped, or the end missing
    std::uint64_t outage_from = 0;  // calls in a row that find no store
    std::uint64_t outage_calls = 0;
    std::optional<std::uint64_t> dies_at;  // that call is the last one
    bool dies_done = false;                // having done what was asked
    std::set<std::uint64_t> pauses;        // calls at which others run
    std::uint32_t connections = 1;         // more: records are read in no certain order
};

/// What all runs of a seed asked for, and what reached the store.
struct Traffic {
    std::atomic<std::uint64_t> operations{0};
    std::atomic<std::uint64_t> attempts{0};
    std::atomic<std::uint64_t> faults{0};
    std::atomic<std::uint64_t> deaths{0};
    std::atomic<std::uint64_t> pauses{0};
    std::atomic<std::uint64_t> over_budget{0};  // runs
};

class RunStore final : public Store {
public:
    /// `others` runs at each pause.
    RunStore(Store& inner, std::uint64_t seed, Conditions conditions, std::function<void()> others,
             Traffic& traffic);

    /// Whether anything but plain answers came back, so that the run may have failed.
    bool is_disturbed() const { return disturbed_; }
    std::uint64_t attempts() const { return calls_; }

    StoreProperties properties() const override {
        StoreProperties properties = inner_.properties();
        properties.connections = conditions_.connections;
        return properties;
    }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;

private:
    enum class Fate { Plain, Before, After, Damage };
    struct Drawn {
        Fate fate = Fate::Plain;
        std::optional<Error> error;
        std::uint64_t roll = 0;
        bool pause_behind = false;  // others run once the answer is there
    };

    Drawn draw(StoreVerb verb, std::string_view name);
    Drawn fault(StoreVerb verb, std::uint64_t roll, const std::string& what);
    std::uint64_t roll_of(StoreVerb verb, std::string_view name);
    Drawn disturbed(Fate fate, Error error);
    template <class Call>
    auto through(StoreVerb verb, std::string_view name, Call&& call) -> decltype(call());

    Store& inner_;
    const std::uint64_t seed_;
    const Conditions conditions_;
    const std::function<void()> others_;
    Traffic& traffic_;
    std::mutex mutex_;  // one call at a time
    std::map<std::string, std::uint64_t> called_;
    std::uint64_t calls_ = 0;
    std::atomic<bool> disturbed_ = false;
    std::atomic<bool> dead_ = false;
};

/// The whole stack of one run.
class Run {
public:
    struct Parts {
        SimClock& clock;
        Random& random;
        Traffic& traffic;
        RetryOptions retries;
    };
    Run(Store& shared, std::uint64_t seed, Conditions conditions, std::function<void()> others,
        const Parts& parts);
    ~Run();

    Store& store() { return first_; }
    bool is_disturbed() const { return run_.is_disturbed(); }

private:
    Traffic& traffic_;
    const RetryOptions allowed_{};  // the product's, whatever this run has
    RunStore run_;
    RetryStore retry_;
    CountingStore counting_;
    FirstVersionStore first_;
};

}  // namespace perdure::sim
