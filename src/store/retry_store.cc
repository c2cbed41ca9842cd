#include "store/retry_store.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

namespace perdure {

namespace {

bool may_work_later(ErrorKind kind) {
    return kind == ErrorKind::Unavailable || kind == ErrorKind::Timeout;
}

}  // namespace

Retrier::Retrier(RetryOptions options, Random& random, Clock& clock, Wait wait)
    : options_(options), random_(random), clock_(clock), wait_(std::move(wait)) {
    state_.with([&](State& s) { s.allowance = options_.reserve; });
}

Retrier::Wait Retrier::wait_really() {
    return [](std::uint64_t milliseconds, const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any stopped;
        std::unique_lock lock(mutex);
        stopped.wait_for(lock, stop, std::chrono::milliseconds(milliseconds), [] { return false; });
    };
}

void Retrier::begin() {
    state_.with(
        [&](State& s) { s.allowance = std::min(s.allowance + options_.share, options_.reserve); });
}

bool Retrier::again(const Error& error, unsigned attempt, std::uint64_t begun_ns,
                    const std::stop_token& stop) {
    if (!may_work_later(error.kind()) || attempt >= options_.attempts || stop.stop_requested())
        return false;
    std::uint64_t bound = options_.first_wait_ms << std::min(attempt - 1, 20U);
    bound = std::min(bound, options_.longest_wait_ms);
    const std::uint64_t passed_ms = (clock_.monotonic_nanoseconds() - begun_ns) / 1'000'000;
    std::uint64_t wait = 0;
    const bool allowed = state_.with([&](State& s) {
        if (s.allowance < 1) return false;
        Buffer bytes(8);
        random_.fill(bytes);
        const std::uint64_t drawn = load_le<std::uint64_t>(bytes.data()) % (bound + 1);
        wait = std::max(drawn, error.retry_after_ms());
        if (passed_ms + wait > options_.call_ms) return false;
        s.allowance -= 1;
        ++s.retries;
        return true;
    });
    if (!allowed) return false;
    wait_(wait, stop);
    return !stop.stop_requested();
}

RetryStore::RetryStore(Store& inner, RetryOptions options, Random& random, Clock& clock, Wait wait)
    : inner_(inner), retrier_(options, random, clock, std::move(wait)) {}

Result<void> RetryStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    return repeated([&] { return inner_.create(name, bytes, stop); }, stop);
}

Result<Buffer> RetryStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    return repeated([&] { return inner_.load(name, range, stop); }, stop);
}

Result<ObjectStat> RetryStore::stat(const ObjectName& name, std::stop_token stop) {
    return repeated([&] { return inner_.stat(name, stop); }, stop);
}

Result<void> RetryStore::list(std::string_view prefix, const Store::ListFn& fn,
                              std::stop_token stop) {
    std::string last;  // names come in ascending order
    const Store::ListFn further = [&](std::string_view name, const ObjectStat& stat) {
        if (!last.empty() && name <= last) return true;
        last = name;
        return fn(name, stat);
    };
    return repeated([&] { return inner_.list(prefix, further, stop); }, stop);
}

Result<void> RetryStore::remove(const ObjectName& name, std::stop_token stop) {
    return repeated([&] { return inner_.remove(name, stop); }, stop);
}

Result<void> RetryStore::put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    return repeated([&] { return inner_.put_back(name, bytes, stop); }, stop);
}

std::optional<StoreTraffic> RetryStore::traffic() const {
    auto traffic = inner_.traffic();
    if (traffic) traffic->retries += retries();
    return traffic;
}

Result<void> RetryStore::list(std::string_view prefix, const ObjectVersions::ListFn& fn,
                              std::stop_token stop) {
    std::string last;
    std::set<std::string, std::less<>> seen;  // versions of `last`
    const ObjectVersions::ListFn further = [&](std::string_view name,
                                               const ObjectVersion& version) {
        if (!last.empty() && name < last) return true;
        if (name != last) seen.clear();
        last = name;
        return !seen.insert(version.id).second || fn(name, version);
    };
    return repeated([&] { return inner_.versions()->list(prefix, further, stop); }, stop);
}

Result<Buffer> RetryStore::load(const ObjectName& name, const std::string& version, ByteRange range,
                                std::stop_token stop) {
    return repeated([&] { return inner_.versions()->load(name, version, range, stop); }, stop);
}

// ------------------------------------------------------------------------------------ locks

Result<bool> RetryStore::can_lock(std::stop_token stop) {
    return repeated([&] { return inner_.locks()->can_lock(stop); }, stop);
}

Result<std::int64_t> RetryStore::now_ns(std::stop_token stop) {
    return repeated([&] { return inner_.locks()->now_ns(stop); }, stop);
}

Result<void> RetryStore::extend_lock(const ObjectName& name, const std::string& version,
                                     const ObjectLock& lock, std::stop_token stop) {
    return repeated([&] { return inner_.locks()->extend_lock(name, version, lock, stop); }, stop);
}

Result<std::optional<ObjectLock>> RetryStore::lock_of(const ObjectName& name,
                                                      const std::string& version,
                                                      std::stop_token stop) {
    return repeated([&] { return inner_.locks()->lock_of(name, version, stop); }, stop);
}

}  // namespace perdure
