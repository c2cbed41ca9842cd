#include "run_store.h"

#include <vector>

#include "repo/names.h"

namespace perdure::sim {

namespace {

std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
    return SeededRandom(a ^ (b + 0x9E3779B97F4A7C15ULL + (a << 6U) + (a >> 2U))).next();
}

/// Without what is drawn at random in names of packs.
std::string place_of(std::string_view name) {
    const auto pack = names::parse_pack(name);
    return pack ? "packs " + short_text(pack->pack.session) : std::string(name);
}

Error gone() { return {ErrorKind::Unavailable, "the process has died"}; }

}  // namespace

RunStore::RunStore(Store& inner, std::uint64_t seed, Conditions conditions,
                   std::function<void()> others, Traffic& traffic)
    : inner_(inner),
      seed_(seed),
      conditions_(std::move(conditions)),
      others_(std::move(others)),
      traffic_(traffic) {}

std::uint64_t RunStore::roll_of(StoreVerb verb, std::string_view name) {
    std::string key = std::to_string(static_cast<int>(verb)) + " " + place_of(name);
    const std::uint64_t times = called_[key]++;
    std::uint64_t roll = mixed(seed_, times);
    for (const char c : key) roll = mixed(roll, static_cast<unsigned char>(c));
    return roll;
}

RunStore::Drawn RunStore::disturbed(Fate fate, Error error) {
    disturbed_ = true;
    ++traffic_.faults;
    return {fate, std::move(error), 0, false};
}

RunStore::Drawn RunStore::fault(StoreVerb verb, std::uint64_t roll, const std::string& what) {
    std::uint64_t left = roll % 1000;
    const auto falls = [&](std::uint32_t chance) {
        if (left < chance) return true;
        left -= chance;
        return false;
    };
    if (falls(conditions_.unavailable))
        return disturbed(Fate::Before, {ErrorKind::Unavailable, what + ": 503"});
    if (falls(conditions_.throttled))
        return disturbed(
            Fate::Before,
            Error(ErrorKind::Unavailable, what + ": slow down").with_retry_after(1 + roll % 5000));
    if (falls(conditions_.lost))
        return disturbed(Fate::After, {roll % 2 == 0 ? ErrorKind::Timeout : ErrorKind::Unavailable,
                                       what + ": the answer was lost"});
    if (falls(conditions_.failing))
        return disturbed((roll >> 20U) % 2 == 0 ? Fate::Before : Fate::After,
                         {ErrorKind::Io, what + ": input/output error"});
    if (verb == StoreVerb::Create && falls(conditions_.full))
        return disturbed(Fate::Before, {ErrorKind::NoSpace, what + ": no space left"});
    if (verb == StoreVerb::Load && falls(conditions_.damaged)) {
        disturbed_ = true;
        ++traffic_.faults;
        return {Fate::Damage, std::nullopt, roll, false};
    }
    return {};
}

RunStore::Drawn RunStore::draw(StoreVerb verb, std::string_view name) {
    if (dead_) return {Fate::Before, gone(), 0, false};
    ++traffic_.attempts;
    const std::uint64_t call = calls_++;
    const std::string what = std::string(name);
    const std::uint64_t roll = roll_of(verb, name);
    if (conditions_.dies_at == call) {
        dead_ = true;
        ++traffic_.deaths;
        return disturbed(conditions_.dies_done ? Fate::After : Fate::Before, gone());
    }
    if (call >= conditions_.outage_from &&
        call < conditions_.outage_from + conditions_.outage_calls)
        return disturbed(Fate::Before, {ErrorKind::Unavailable, what + ": no route to host"});
    Drawn drawn = fault(verb, roll, what);
    if (conditions_.pauses.contains(call)) {
        ++traffic_.pauses;
        drawn.pause_behind = (roll >> 30U) % 2 == 0;
        if (!drawn.pause_behind) others_();
    }
    return drawn;
}

template <class Call>
auto RunStore::through(StoreVerb verb, std::string_view name, Call&& call) -> decltype(call()) {
    const std::lock_guard lock(mutex_);
    Drawn drawn = draw(verb, name);
    if (drawn.fate == Fate::Before) return *std::move(drawn.error);
    auto answer = call();
    if (drawn.pause_behind) others_();
    if (drawn.fate == Fate::After) return *std::move(drawn.error);
    if constexpr (std::is_same_v<decltype(answer), Result<Buffer>>) {
        if (drawn.fate == Fate::Damage && answer && !answer->empty()) {
            const std::size_t at = (drawn.roll >> 12U) % answer->size();
            if (drawn.roll % 2 == 0)
                (*answer)[at] ^= std::byte{0x10};
            else
                answer->resize(at);
        }
    }
    return answer;
}

Result<void> RunStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    return through(StoreVerb::Create, name.text(),
                   [&] { return inner_.create(name, bytes, stop); });
}

Result<Buffer> RunStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    return through(StoreVerb::Load, name.text(), [&] { return inner_.load(name, range, stop); });
}

Result<ObjectStat> RunStore::stat(const ObjectName& name, std::stop_token stop) {
    return through(StoreVerb::Stat, name.text(), [&] { return inner_.stat(name, stop); });
}

Result<void> RunStore::remove(const ObjectName& name, std::stop_token stop) {
    return through(StoreVerb::Remove, name.text(), [&] { return inner_.remove(name, stop); });
}

Result<void> RunStore::list(std::string_view prefix, const ListFn& fn, std::stop_token stop) {
    // What was there when it was asked for, though others may run before it is looked at (G7).
    std::vector<std::pair<std::string, ObjectStat>> listed;
    auto done = through(StoreVerb::List, prefix, [&] {
        return inner_.list(
            prefix,
            [&](std::string_view name, const ObjectStat& stat) {
                listed.emplace_back(name, stat);
                return true;
            },
            stop);
    });
    // A listing that breaks off has shown its beginning.
    if (!done) listed.resize(listed.size() / 2);
    for (const auto& [name, stat] : listed)
        if (!fn(name, stat)) return {};
    return done;
}

Run::Run(Store& shared, std::uint64_t seed, Conditions conditions, std::function<void()> others,
         const Parts& parts)
    : traffic_(parts.traffic),
      run_(shared, seed, std::move(conditions), std::move(others), parts.traffic),
      retry_(run_, parts.retries, parts.random, parts.clock,
             [&clock = parts.clock](std::uint64_t ms, const std::stop_token&) {
                 clock.pass(static_cast<std::int64_t>(ms) * 1'000'000);
             }),
      counting_(retry_),
      first_(counting_,
             {"epochs/", "writers/", "log/", "points/", "index/", "gc/", "fate/", "closed/"},
             {"epochs/", "writers/"}) {}

Run::~Run() {
    const std::uint64_t operations = counting_.counts().requests();
    traffic_.operations += operations;
    const double allowed =
        static_cast<double>(operations) * (1 + allowed_.share) + allowed_.reserve;
    if (static_cast<double>(run_.attempts()) > allowed) ++traffic_.over_budget;
}

}  // namespace perdure::sim
