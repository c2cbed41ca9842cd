#include "store/fault_store.h"

#include <utility>

namespace perdure {

namespace {

bool makes_sense(FaultKind kind, StoreVerb verb) {
    switch (kind) {
        case FaultKind::OwnExists: return verb == StoreVerb::Create;
        case FaultKind::CorruptBytes: return verb == StoreVerb::Load;
        case FaultKind::OmitName: return verb == StoreVerb::List;
        case FaultKind::FailBefore:
        case FaultKind::LoseAnswer:
        case FaultKind::Delay: return true;
    }
    return false;
}

bool matches(const FaultRule& rule, StoreVerb verb, std::string_view name) {
    return makes_sense(rule.fault.kind, verb) && rule.verb.value_or(verb) == verb &&
           name.starts_with(rule.prefix);
}

bool is(const std::optional<Fault>& fault, FaultKind kind) { return fault && fault->kind == kind; }

Error injected(const Fault& fault, std::string_view name) {
    return Error(fault.error, "injected fault at \"" + std::string(name) + "\"");
}

}  // namespace

FaultStore::FaultStore(Store& inner, std::uint64_t seed)
    : StoreDecorator(inner), state_(State{{}, SeededRandom(seed)}) {}

void FaultStore::add(FaultRule rule) {
    state_.with([&](State& state) { state.rules.push_back(std::move(rule)); });
}

void FaultStore::clear() {
    state_.with([](State& state) { state.rules.clear(); });
}

std::uint64_t FaultStore::calls() const {
    return state_.with([](const State& state) { return state.calls; });
}

std::uint64_t FaultStore::faults() const {
    return state_.with([](const State& state) { return state.faults; });
}

std::uint64_t FaultStore::delayed_ticks() const {
    return state_.with([](const State& state) { return state.delayed_ticks; });
}

std::optional<Fault> FaultStore::draw(State& state, StoreVerb verb, std::string_view name,
                                      bool listed_name) {
    for (auto& rule : state.rules) {
        const bool for_names = rule.fault.kind == FaultKind::OmitName;
        if (for_names != listed_name || rule.times == 0 || !matches(rule, verb, name)) continue;
        if (rule.skip > 0) {
            --rule.skip;
            continue;
        }
        if (state.random.below(1000) >= rule.per_mille) continue;
        if (rule.times != FaultRule::kForever) --rule.times;
        ++state.faults;
        return rule.fault;
    }
    return std::nullopt;
}

std::optional<Fault> FaultStore::fault_of_call(StoreVerb verb, std::string_view name) {
    return state_.with([&](State& state) {
        ++state.calls;
        auto fault = draw(state, verb, name, false);
        if (is(fault, FaultKind::Delay)) state.delayed_ticks += fault->ticks;
        return fault;
    });
}

bool FaultStore::omits(std::string_view name) {
    return state_.with(
        [&](State& state) { return draw(state, StoreVerb::List, name, true).has_value(); });
}

void FaultStore::corrupt(MutableByteView bytes) {
    if (bytes.empty()) return;
    const auto bit =
        state_.with([&](State& state) { return state.random.below(8 * bytes.size()); });
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
}

Result<void> FaultStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    const auto fault = fault_of_call(StoreVerb::Create, name.text());
    if (is(fault, FaultKind::FailBefore)) return injected(*fault, name.text());
    auto answer = inner_.create(name, bytes, stop);
    if (is(fault, FaultKind::LoseAnswer)) return injected(*fault, name.text());
    if (is(fault, FaultKind::OwnExists) && answer)
        return Error(ErrorKind::AlreadyExists, "object " + name.text() + " exists (injected)");
    return answer;
}

Result<Buffer> FaultStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    const auto fault = fault_of_call(StoreVerb::Load, name.text());
    if (is(fault, FaultKind::FailBefore)) return injected(*fault, name.text());
    auto answer = inner_.load(name, range, stop);
    if (is(fault, FaultKind::LoseAnswer)) return injected(*fault, name.text());
    if (is(fault, FaultKind::CorruptBytes) && answer) corrupt(*answer);
    return answer;
}

Result<ObjectStat> FaultStore::stat(const ObjectName& name, std::stop_token stop) {
    const auto fault = fault_of_call(StoreVerb::Stat, name.text());
    if (is(fault, FaultKind::FailBefore)) return injected(*fault, name.text());
    auto answer = inner_.stat(name, stop);
    if (is(fault, FaultKind::LoseAnswer)) return injected(*fault, name.text());
    return answer;
}

Result<void> FaultStore::list(std::string_view prefix, const ListFn& fn, std::stop_token stop) {
    const auto fault = fault_of_call(StoreVerb::List, prefix);
    if (is(fault, FaultKind::FailBefore)) return injected(*fault, prefix);
    auto answer = inner_.list(
        prefix,
        [&](std::string_view name, const ObjectStat& stat) {
            return omits(name) || fn(name, stat);
        },
        stop);
    if (is(fault, FaultKind::LoseAnswer)) return injected(*fault, prefix);
    return answer;
}

Result<void> FaultStore::remove(const ObjectName& name, std::stop_token stop) {
    const auto fault = fault_of_call(StoreVerb::Remove, name.text());
    if (is(fault, FaultKind::FailBefore)) return injected(*fault, name.text());
    auto answer = inner_.remove(name, stop);
    if (is(fault, FaultKind::LoseAnswer)) return injected(*fault, name.text());
    return answer;
}

}  // namespace perdure
