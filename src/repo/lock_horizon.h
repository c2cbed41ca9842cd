// Lock horizons: until when what is stored is locked, as maintainers have signed it in the ledger
// after they extended the locks (FORMAT.md §16); and what a session may build on because of it.
//
// The invariant: a session takes a pack over only if it is locked for as long, and as strongly, as
// the session's point is promised to be: by a maintainer's signature, or, for what this writer
// stored since, by its own. What nobody vouches for is stored again: that costs room, never a lock.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "repo/repository.h"
#include "repo/retention_class.h"

namespace perdure {

/// What one record says: all packs of the class that these sessions stored, but for those that a
/// verdict lets go, are locked until then.
struct LockHorizon {
    std::string retention_class;
    LockMode mode = LockMode::Governance;
    std::int64_t until_ns = 0;   // by the store's clock
    std::int64_t signed_ns = 0;  // by the maintainer's
    std::set<SessionName> sessions;
};

/// The newest of each class that has a lock, by its name. A record that cannot be believed is
/// passed over. Asks for no more of the ledger than it takes.
Result<std::map<std::string, LockHorizon>> load_horizons(const Repository&, std::stop_token);

/// Thread-safe.
class LockCoverage {
public:
    /// For a session of `self` whose point needs everything locked until `until_ns`, as strongly as
    /// that class says.
    static Result<std::unique_ptr<LockCoverage>> load(const Repository&, const RetentionClass&,
                                                      SessionName self, std::int64_t until_ns,
                                                      std::stop_token);

    bool covers(const BirthPack&) const;

private:
    LockCoverage(const Repository& repository, SessionName self, LockMode mode,
                 std::int64_t until_ns)
        : repository_(repository), self_(self), mode_(mode), until_ns_(until_ns) {}
    bool covers_own(SessionNumber) const;

    const Repository& repository_;
    const SessionName self_;
    const LockMode mode_;
    const std::int64_t until_ns_;
    std::vector<LockHorizon> horizons_;  // those that reach far enough
    mutable Guarded<std::map<SessionNumber, bool>> own_;
};

}  // namespace perdure
