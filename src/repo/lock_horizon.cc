#include "repo/lock_horizon.h"

#include <algorithm>

#include "base/try.h"
#include "repo/ledger.h"

namespace perdure {

namespace {

LockHorizon horizon_of(LedgerRecord record) {
    LockHorizon horizon;
    horizon.retention_class = std::move(record.retention_class);
    horizon.mode = record.lock_mode;
    horizon.until_ns = record.locked_until_ns;
    horizon.signed_ns = record.time_ns;
    horizon.sessions = {record.locked.begin(), record.locked.end()};
    return horizon;
}

}  // namespace

Result<std::map<std::string, LockHorizon>> load_horizons(const Repository& repository,
                                                         std::stop_token stop) {
    std::set<std::string> wanted;
    for (const RetentionClass& c : repository.epoch().retention_classes)
        if (c.lock) wanted.insert(c.name);
    std::map<std::string, LockHorizon> found;
    if (wanted.empty()) return found;
    const auto listed = PERDURE_TRY(list_objects(repository.store(), "ledger/", stop));
    for (auto at = listed.rbegin(); at != listed.rend() && !wanted.empty(); ++at) {
        const ObjectName& name = at->name;
        if (!names::parse_ledger(name.text())) continue;
        const auto object = repository.store().load(name, ByteRange::all(), stop);
        if (!object && object.error().kind() != ErrorKind::NotFound) return object.error();
        if (!object) continue;
        auto record = open_ledger_record(repository, name, *object);
        if (!record || record->kind != LedgerKind::LockHorizon) continue;
        if (wanted.erase(record->retention_class) == 0) continue;
        LockHorizon horizon = horizon_of(std::move(*record));
        std::string of = horizon.retention_class;
        found.emplace(std::move(of), std::move(horizon));
    }
    return found;
}

Result<std::unique_ptr<LockCoverage>> LockCoverage::load(const Repository& repository,
                                                         const RetentionClass& wanted,
                                                         SessionName self, std::int64_t until_ns,
                                                         std::stop_token stop) {
    PERDURE_CHECK(wanted.lock.has_value());
    std::unique_ptr<LockCoverage> coverage(
        new LockCoverage(repository, self, *wanted.lock, until_ns));
    auto horizons = PERDURE_TRY(load_horizons(repository, std::move(stop)));
    for (auto& [name, horizon] : horizons)
        if (horizon.mode >= *wanted.lock && horizon.until_ns >= until_ns)
            coverage->horizons_.push_back(std::move(horizon));
    return coverage;
}

bool LockCoverage::covers(const BirthPack& pack) const {
    if (pack.session == self_) return true;
    if (std::any_of(horizons_.begin(), horizons_.end(), [&](const LockHorizon& horizon) {
            return horizon.sessions.contains(pack.session);
        }))
        return true;
    return pack.session.writer == self_.writer && covers_own(pack.session.session);
}

/// What this writer stored since: it locked that itself, and said so.
bool LockCoverage::covers_own(SessionNumber session) const {
    const auto known = own_.with([&](const auto& own) -> std::optional<bool> {
        const auto at = own.find(session);
        return at == own.end() ? std::nullopt : std::optional(at->second);
    });
    if (known) return *known;
    const auto point = repository_.load_point({self_.writer, session}, {});
    bool covers = false;
    if (point && static_cast<std::int64_t>(point->header.new_locked_until_ns) >= until_ns_) {
        const auto stored_as = repository_.retention_class(point->header.retention_class);
        covers = stored_as && stored_as->lock && *stored_as->lock >= mode_;
    }
    own_.with([&](auto& own) { own.emplace(session, covers); });
    return covers;
}

}  // namespace perdure
