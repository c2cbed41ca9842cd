// A decorator that tries again what may work later: the one place where the store's requests are
// repeated.
//
// Unavailable and Timeout are tried again, after waits drawn between nothing and a bound that
// doubles (full jitter: Brooker, "Exponential Backoff And Jitter"), or after what the store asks
// for. Each request earns a share of a retry and each retry spends one: when most requests fail,
// callers fail too, instead of multiplying the load of a store that has too much of it. A call has
// a limit of time too: no attempt begins after it.
//
// create() keeps G5: an attempt whose answer was lost may have made the object, and then a later
// one answers AlreadyExists. Whoever must know compares bytes; the protocol does.
#pragma once

#include <functional>
#include <utility>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/random.h"
#include "store/store.h"

namespace perdure {

struct RetryOptions {
    unsigned attempts = 8;              // of one call
    std::uint64_t first_wait_ms = 100;  // bound of the first wait
    std::uint64_t longest_wait_ms = 20'000;
    std::uint64_t call_ms = 1'800'000;  // from the call to the beginning of its last attempt
    double share = 0.25;                // of a retry that each call earns
    double reserve = 20;                // retries that are there at the start, and kept at most
};

/// The policy alone, for calls of any kind. Thread-safe.
class Retrier {
public:
    /// Waits that long, or until asked to stop.
    using Wait = std::function<void(std::uint64_t milliseconds, const std::stop_token&)>;
    static Wait wait_really();

    /// `random` and `clock` must outlive this.
    Retrier(RetryOptions options, Random& random, Clock& clock, Wait wait = wait_really());

    /// What `call`, which gives a Result, gave at last.
    template <class Call>
    auto repeated(Call&& call, const std::stop_token& stop) -> decltype(call()) {
        begin();
        const std::uint64_t begun_ns = clock_.monotonic_nanoseconds();
        for (unsigned attempt = 1;; ++attempt) {
            auto done = call();
            if (done || !again(done.error(), attempt, begun_ns, stop)) return done;
        }
    }
    std::uint64_t retries() const {
        return state_.with([](const State& s) { return s.retries; });
    }

private:
    struct State {
        double allowance = 0;
        std::uint64_t retries = 0;
    };
    void begin();
    /// Whether to try again what was first tried at `begun_ns`; has waited then.
    bool again(const Error& error, unsigned attempt, std::uint64_t begun_ns,
               const std::stop_token& stop);

    const RetryOptions options_;
    Random& random_;
    Clock& clock_;
    const Wait wait_;
    Guarded<State> state_;
};

class RetryStore final : public Store, private ObjectVersions, private ObjectLocks {
public:
    using Wait = Retrier::Wait;

    /// `inner`, `random` and `clock` must outlive this.
    RetryStore(Store& inner, RetryOptions options, Random& random, Clock& clock,
               Wait wait = Retrier::wait_really());

    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    /// Goes on behind the last name that was handed out.
    Result<void> list(std::string_view prefix, const Store::ListFn& fn,
                      std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;
    Result<void> put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    ObjectVersions* versions() override { return inner_.versions() == nullptr ? nullptr : this; }
    ObjectLocks* locks() override { return inner_.locks() == nullptr ? nullptr : this; }
    Result<bool> fall_back_to_first(const ObjectName& name, std::stop_token stop) override {
        return inner_.fall_back_to_first(name, std::move(stop));
    }
    std::optional<StoreTraffic> traffic() const override;

    std::uint64_t retries() const { return retrier_.retries(); }

private:
    /// Goes on behind the last version that was handed out.
    Result<void> list(std::string_view prefix, const ObjectVersions::ListFn& fn,
                      std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, const std::string& version, ByteRange range,
                        std::stop_token stop) override;

    Result<bool> can_lock(std::stop_token stop) override;
    void lock_new(Rule rule) override { inner_.locks()->lock_new(std::move(rule)); }
    Result<std::int64_t> now_ns(std::stop_token stop) override;
    Result<void> extend_lock(const ObjectName& name, const std::string& version,
                             const ObjectLock& lock, std::stop_token stop) override;
    Result<std::optional<ObjectLock>> lock_of(const ObjectName& name, const std::string& version,
                                              std::stop_token stop) override;

    template <class Call>
    auto repeated(Call&& call, const std::stop_token& stop) -> decltype(call()) {
        return retrier_.repeated(std::forward<Call>(call), stop);
    }

    Store& inner_;
    Retrier retrier_;
};

}  // namespace perdure
