// A decorator that makes a store misbehave, in every way a real one may and in some it may not, by
// rules that a test writes down. Without rules it passes everything on and keeps the whole
// contract.
//
// Rules are tried in the order they were added; the first whose verb and prefix match and whose
// turn it is applies, and only that one. Chance is drawn from one seeded stream: the same seed and
// the same calls in the same order give the same faults.
#pragma once

#include <optional>
#include <vector>

#include "base/guarded.h"
#include "base/random.h"
#include "store/store_decorator.h"

namespace perdure {

enum class StoreVerb { Create, Load, Stat, List, Remove };

enum class FaultKind {
    FailBefore,    // answers `error`; nothing was done
    LoseAnswer,    // does it, then answers `error` all the same (G5)
    OwnExists,     // create: succeeds, then answers AlreadyExists, as network filesystems do
    CorruptBytes,  // load: one bit of what is answered is flipped. Breaks the contract on purpose
    OmitName,      // list: tried once per name, which is then not shown. Breaks G7 on purpose
    Delay,         // adds `ticks` to delayed_ticks() and goes on; nobody waits
};

struct Fault {
    FaultKind kind = FaultKind::FailBefore;
    ErrorKind error = ErrorKind::Unavailable;
    std::uint64_t ticks = 0;
};

struct FaultRule {
    static constexpr std::uint64_t kForever = ~std::uint64_t{0};

    Fault fault;
    std::optional<StoreVerb> verb = {};  // nothing: any verb the fault makes sense for
    std::string prefix = {};             // of the object's name, or of the prefix listed
    std::uint64_t skip = 0;              // matching calls that pass before the first fault
    std::uint64_t times = kForever;      // faults before the rule is used up
    std::uint32_t per_mille = 1000;      // chance that a matching call is one
};

class FaultStore final : public StoreDecorator {
public:
    /// `inner` must outlive this.
    explicit FaultStore(Store& inner, std::uint64_t seed = 1);

    /// Rules may be added and cleared at any time, from any thread.
    void add(FaultRule rule);
    void clear();

    std::uint64_t calls() const;          // of any verb, so far
    std::uint64_t faults() const;         // injected so far
    std::uint64_t delayed_ticks() const;  // sum of all delays

    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;

private:
    struct State {
        std::vector<FaultRule> rules;
        SeededRandom random;
        std::uint64_t calls = 0;
        std::uint64_t faults = 0;
        std::uint64_t delayed_ticks = 0;
    };

    static std::optional<Fault> draw(State& state, StoreVerb verb, std::string_view name,
                                     bool listed_name);
    std::optional<Fault> fault_of_call(StoreVerb verb, std::string_view name);
    bool omits(std::string_view name);
    void corrupt(MutableByteView bytes);

    Guarded<State> state_;
};

}  // namespace perdure
