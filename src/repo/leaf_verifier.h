// Re-hashes the leaves of a block: whether it holds what its pack's manifest says it holds.
//
// A block that opens is what its writer sealed, and no more: another writer's manifest may have
// called its leaves by ids that are not theirs, and whoever reused them believed that. Thread-safe.
#pragma once

#include <map>
#include <memory>

#include "base/guarded.h"
#include "repo/repository.h"

namespace perdure {

class LeafVerifier {
public:
    explicit LeafVerifier(const Repository& repository) : repository_(repository) {}

    /// `raw`: the content of slot `entry` of that pack, whose header names `domain`. Corrupt if a
    /// leaf is not what its id says, or the manifest cannot be had. Memory: a few manifests.
    Result<void> verify(const PackTable&, std::size_t entry, DomainName domain, ByteView raw,
                        std::stop_token);

private:
    struct Manifest {
        PackManifest manifest;
        std::vector<std::size_t> first_leaf;  // of each slot
    };
    struct State {
        std::map<BirthPack, std::shared_ptr<const Manifest>> manifests;
        std::map<DomainName, DedupKeys> keys;
    };
    Result<std::shared_ptr<const Manifest>> manifest_of(const PackTable&, std::stop_token);
    Result<Key256> key_of(DomainName, PackKind);

    const Repository& repository_;
    Guarded<State> state_;
};

}  // namespace perdure
