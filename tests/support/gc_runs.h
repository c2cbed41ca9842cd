// Collections as tests run them: a repository in memory with a writer and a maintainer of its own,
// points that expire, and the oracle: what is kept restores, and nothing that it needs is missing.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/try.h"
#include "engine/gc.h"
#include "support/small_repository.h"

namespace perdure {

inline Result<void> expire(Repository& repository, SessionName session) {
    const Point point = PERDURE_TRY(repository.load_point(session, {}));
    Fate fate;
    fate.kind = FateKind::Expired;
    return repository.add_fate(point, fate, {});
}

inline GcOptions gc_options(bool now) {
    GcOptions options;
    options.rules.now = now;
    options.rules.grace_ns = 0;
    options.rules.max_drop = 1;
    options.rules.host = "keeper";
    options.repack.max_unused_share = 0;
    return options;
}

inline Result<GcResult> run_gc(const Repository& repository, const WriterIdentity& maintainer,
                               const GcOptions& options) {
    const Maintainer as = PERDURE_TRY(Maintainer::from(repository, &maintainer));
    const auto identity = [&]() -> Result<WriterIdentity> { return maintainer; };
    return run_gc(as, identity, options, [](const GcPlan&) {}, {});
}

inline Result<WriterIdentity> enrol(Repository& repository, const std::string& name, Role role) {
    Certificate certificate;
    certificate.name = name;
    certificate.role = role;
    return repository.enrol(certificate, {});
}

/// What a machine keeps in mind: its points, with what each must give back.
using Kept = std::map<SessionName, Roots>;

/// "" if every kept point is listed and restores, and check finds none of them hurt.
inline std::string what_is_lost(const Repository& repository, const Kept& kept) {
    const auto list = repository.list_points({});
    if (!list) return list.error().describe();
    std::set<SessionName> found;
    for (const Point& point : list->points) {
        const auto at = kept.find(point.session());
        if (at == kept.end()) continue;
        found.insert(point.session());
        const std::string differs = difference(repository, point, at->second);
        if (!differs.empty()) return "point " + short_text(point.session()) + ": " + differs;
    }
    for (const auto& [session, roots] : kept)
        if (!found.contains(session)) return "point " + short_text(session) + " is not listed";
    Reporter reporter;
    CheckOptions options;
    options.level = CheckLevel::Aead;
    const auto checked = run_check(repository, options, reporter, {});
    if (!checked) return checked.error().describe();
    for (const CheckFinding& finding : checked->findings)
        if (!finding.note) return finding.object + " (" + finding.kind + "): " + finding.text;
    return "";
}

}  // namespace perdure
