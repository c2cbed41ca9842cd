// The keys a process holds, and what they open. Filled when a repository is opened; immutable and
// thread-safe afterwards.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "repo/config.h"
#include "repo/keys.h"

namespace perdure {

class Keyring {
public:
    void add_owner(OwnerKeys keys) { owners_.push_back(std::move(keys)); }
    void add_domain(DomainKeys keys) { domains_.push_back(std::move(keys)); }

    /// Holds the seed of the newest epoch: may sign and enrol.
    bool is_owner() const { return !owners_.empty(); }
    /// The newest owner keys; is_owner() must hold.
    const OwnerKeys& owner() const { return owners_.front(); }

    /// Denied if these keys do not reach that domain or generation.
    Result<DomainKeys> domain(DomainName) const;
    Result<Key256> index_key(DomainName) const;

    /// Denied without the owner's keys: a writer cannot open sessions, not even its own.
    Result<SessionSecret> open_secret(const RepositoryId&, SessionName, ByteView box) const;

private:
    std::vector<OwnerKeys> owners_;  // newest first
    std::vector<DomainKeys> domains_;
};

}  // namespace perdure
