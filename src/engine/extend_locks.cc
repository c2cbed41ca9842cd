#include "engine/extend_locks.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "base/guarded.h"
#include "base/task_group.h"
#include "base/try.h"
#include "repo/ledger.h"
#include "repo/obeyed_lists.h"

namespace perdure {

namespace {

constexpr std::size_t kBatch = 4096;  // objects; bounds memory
constexpr std::size_t kMostThreads = 32;
constexpr std::size_t kProblemsTold = 10;

struct Target {
    ObjectName name;
    std::string version;  // "": the newest
    ObjectLock lock;
};

/// What is stored under one name: its contents at both ends, and whether it was deleted since.
struct Stored {
    std::string name;
    std::vector<std::string> versions;
    bool is_deleted = false;
};

class Extender {
public:
    Extender(const Maintainer& maintainer, const std::vector<ClassLocks>& classes,
             std::stop_token stop)
        : maintainer_(maintainer),
          repository_(maintainer.repository()),
          store_(repository_.store()),
          locks_(*store_.locks()),
          classes_(classes),
          stop_(std::move(stop)) {}

    Result<LockExtension> run() {
        now_ns_ = PERDURE_TRY(locks_.now_ns(stop_));
        now_ns_ -= now_ns_ % 1'000'000'000;  // no store keeps less, and no horizon states more
        lists_ = PERDURE_TRY(ObeyedLists::load_all(repository_, stop_));
        PERDURE_TRY(learn_ended());  // before packs are listed: what ends later is not vouched for
        PERDURE_TRY(walk("packs/", [&](const Stored& stored) { return take_pack(stored); }));
        PERDURE_TRY(lock_batch());
        PERDURE_TRY(extend_shared());
        for (const ClassLocks& extended : classes_) PERDURE_TRY(sign(extended));
        return std::move(result_);
    }

private:
    using Take = std::function<Result<void>(const Stored&)>;

    Result<void> walk(std::string_view prefix, const Take& take);
    Result<void> walk_versions(std::string_view prefix, const Take& take);
    Result<void> learn_ended();
    Result<void> take_pack(const Stored&);
    Result<void> extend_shared();
    Result<void> add(const Stored&, const ObjectLock&);
    Result<void> lock_batch();
    Result<void> sign(const ClassLocks&);
    void note_failure(const Target&, const Error&);

    const Maintainer& maintainer_;
    const Repository& repository_;
    Store& store_;
    ObjectLocks& locks_;
    const std::vector<ClassLocks>& classes_;
    const std::stop_token stop_;

    std::int64_t now_ns_ = 0;
    ObeyedLists lists_;
    std::set<SessionName> ended_;
    std::map<std::string, std::set<SessionName>, std::less<>> stored_;  // by class
    std::set<SessionName> failed_;
    std::vector<Target> batch_;
    std::optional<Error> first_error_;
    LockExtension result_;
};

Result<void> Extender::learn_ended() {
    return store_.list(
        "points/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto session = names::parse_point(name)) ended_.insert(*session);
            return true;
        },
        stop_);
}

Result<void> Extender::walk(std::string_view prefix, const Take& take) {
    if (store_.versions() != nullptr) return walk_versions(prefix, take);
    Result<void> taken;
    PERDURE_TRY(store_.list(
        prefix,
        [&](std::string_view name, const ObjectStat&) {
            taken = take(Stored{std::string(name), {""}, false});
            return taken.has_value();
        },
        stop_));
    return taken;
}

Result<void> Extender::walk_versions(std::string_view prefix, const Take& take) {
    Stored stored;
    Result<void> taken;
    const auto finish = [&] {
        if (!stored.versions.empty()) taken = take(stored);
        return taken.has_value();
    };
    PERDURE_TRY(store_.versions()->list(
        prefix,
        [&](std::string_view name, const ObjectVersion& version) {
            if (name != stored.name) {
                if (!finish()) return false;
                stored = Stored{std::string(name), {}, false};
            }
            if (version.is_newest) stored.is_deleted = version.is_deletion;
            if (version.is_deletion) return true;
            // The newest, and then always the oldest so far.
            if (stored.versions.size() == 2) stored.versions.pop_back();
            stored.versions.push_back(version.id);
            return true;
        },
        stop_));
    if (taken) finish();
    return taken;
}

Result<void> Extender::take_pack(const Stored& stored) {
    const auto pack = names::parse_pack(stored.name);
    if (!pack) return {};
    stored_[pack->retention_class].insert(pack->pack.session);
    if (lists_.is_dropped(pack->pack)) return {};
    for (const ClassLocks& extended : classes_)
        if (extended.retention_class.name == pack->retention_class)
            return add(stored, {*extended.retention_class.lock,
                                now_ns_ + extended.retention_class.full_ns()});
    return {};
}

/// An index that a collection has deleted is not needed any more, and a slot that the newest epoch
/// does not list opens nothing; all other names are never deleted by anybody who may.
Result<void> Extender::extend_shared() {
    const auto& all = repository_.epoch().retention_classes;
    const auto shared = shared_lock(all);
    const ObjectLock lock{shared->mode, now_ns_ + shared->ns};
    std::set<std::string> slots;
    for (const SlotReference& slot : repository_.epoch().slots)
        slots.insert(names::key_slot(slot.id).text());
    for (const std::string& prefix : shared_prefixes())
        PERDURE_TRY(walk(prefix, [&](const Stored& stored) -> Result<void> {
            if (!lock_period_of(all, stored.name)) return {};
            if (prefix == "index/" && stored.is_deleted) return {};
            if (prefix == "keys/" && !slots.contains(stored.name)) return {};
            return add(stored, lock);
        }));
    return lock_batch();
}

Result<void> Extender::add(const Stored& stored, const ObjectLock& lock) {
    const auto name = ObjectName::parse(stored.name);
    if (!name) return {};
    for (const std::string& version : stored.versions) batch_.push_back({*name, version, lock});
    return batch_.size() < kBatch ? Result<void>() : lock_batch();
}

void Extender::note_failure(const Target& target, const Error& error) {
    ++result_.failed;
    if (!first_error_) first_error_ = error;
    if (const auto pack = names::parse_pack(target.name.text())) failed_.insert(pack->pack.session);
    if (result_.problems.size() < kProblemsTold)
        result_.problems.push_back({target.name.text(), error.describe()});
}

Result<void> Extender::lock_batch() {
    const std::size_t threads = std::clamp<std::size_t>(store_.properties().connections, 1,
                                                        std::min(kMostThreads, batch_.size() + 1));
    std::atomic<std::size_t> next{0};
    Guarded<std::vector<std::pair<std::size_t, Error>>> failures;
    TaskGroup group(stop_);
    for (std::size_t i = 0; i < threads; ++i)
        group.start([&](std::stop_token group_stop) -> Result<void> {
            for (std::size_t at = next++; at < batch_.size(); at = next++) {
                const Target& target = batch_[at];
                const auto done =
                    locks_.extend_lock(target.name, target.version, target.lock, group_stop);
                if (done || done.error().kind() == ErrorKind::NotFound) continue;
                if (done.error().kind() != ErrorKind::Denied) return done.error();
                failures.with([&](auto& all) { all.emplace_back(at, done.error()); });
            }
            return {};
        });
    PERDURE_TRY(group.join());
    const auto failed = failures.with([](auto& all) { return std::move(all); });
    for (const auto& [at, error] : failed) note_failure(batch_[at], error);
    const bool none_could = !batch_.empty() && failed.size() == batch_.size();
    result_.objects += batch_.size() - failed.size();
    batch_.clear();
    // A credential that may not lock will not lock the next ones either.
    if (none_could && result_.objects == 0) return *first_error_;
    return {};
}

Result<void> Extender::sign(const ClassLocks& extended) {
    const RetentionClass& of = extended.retention_class;
    LedgerRecord record;
    record.kind = LedgerKind::LockHorizon;
    record.retention_class = of.name;
    record.lock_mode = *of.lock;
    record.locked_until_ns = now_ns_ + of.full_ns();
    const auto is_elsewhere_too = [&](SessionName session) {
        return std::any_of(stored_.begin(), stored_.end(), [&](const auto& other) {
            return other.first != of.name && other.second.contains(session);
        });
    };
    for (const SessionName session : stored_[of.name])
        if (ended_.contains(session) && !failed_.contains(session) && !is_elsewhere_too(session))
            record.locked.push_back(session);
    PERDURE_TRY(append_to_ledger(maintainer_, record, stop_));
    LockHorizon horizon;
    horizon.retention_class = of.name;
    horizon.mode = *of.lock;
    horizon.until_ns = record.locked_until_ns;
    horizon.signed_ns = repository_.clock().now().nanoseconds;
    horizon.sessions = {record.locked.begin(), record.locked.end()};
    result_.horizons.push_back(std::move(horizon));
    return {};
}

}  // namespace

Result<std::vector<ClassLocks>> look_at_locks(const Repository& repository, std::stop_token stop) {
    std::vector<ClassLocks> all;
    const auto& classes = repository.epoch().retention_classes;
    if (!shared_lock(classes)) return all;
    PERDURE_TRY(repository.must_lock());
    const std::int64_t now = PERDURE_TRY(repository.store().locks()->now_ns(stop));
    auto horizons = PERDURE_TRY(load_horizons(repository, stop));
    for (const RetentionClass& c : classes) {
        if (!c.lock) continue;
        ClassLocks one;
        one.retention_class = c;
        one.extended_ns = now + c.full_ns();
        const auto at = horizons.find(c.name);
        if (at != horizons.end()) {
            one.due_ns = at->second.until_ns - c.period_ns() - c.window_days * kDayNs / 2;
            one.horizon = std::move(at->second);
        }
        one.is_due = !one.horizon || now >= one.due_ns;
        all.push_back(std::move(one));
    }
    return all;
}

Result<LockExtension> extend_locks(const Maintainer& maintainer,
                                   const std::vector<ClassLocks>& classes, std::stop_token stop) {
    if (classes.empty()) return LockExtension();
    PERDURE_TRY(maintainer.repository().must_lock());
    return Extender(maintainer, classes, std::move(stop)).run();
}

}  // namespace perdure
