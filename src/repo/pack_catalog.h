// Where blocks lie, and what opens them: pack tables of the sessions that were asked for.
//
// A block's birth session tells, through its index, where it lies. When that index is gone or
// damaged the packs themselves are scanned: they describe themselves. Every location is only a
// claim; the block's authentication decides. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/guarded.h"
#include "repo/moved_blocks.h"
#include "repo/recipe.h"
#include "repo/repository.h"

namespace perdure {

/// A pack that can be read.
struct PackAccess {
    PackTable table;
    Buffer sealed_secret;  // of the session that wrote it
    /// From the manifest, when the secret did not come from a signed record: anyone can seal a
    /// secret to the owner, so the keys it gives must be those the manifest commits to.
    std::optional<Digest> key_commitment = {};
};

class PackCatalog {
public:
    PackCatalog(const Repository& repository, PackRegistry& registry)
        : repository_(repository), registry_(registry) {}

    /// NotFound, naming the pack, if neither an index nor the packs themselves know it.
    Result<std::shared_ptr<const PackAccess>> find(PackNumber, std::stop_token);
    /// Learns the packs of an index that was loaded anyway.
    void learn(const Index&);
    /// Where repacks have put a block: a pack that is gone was perhaps dropped since this reader
    /// began, so what was known before is read again, a few times at most.
    Result<std::vector<PackAccess>> find_moved(PackNumber, std::uint32_t slot, std::stop_token);
    /// Packs whose index could not be used and that were found by scanning.
    std::size_t scanned() const;

private:
    struct State {
        std::unordered_map<BirthPack, std::shared_ptr<const PackAccess>, BirthPackHash> packs;
        std::set<SessionName> tried_sessions;
        bool listed = false;
        std::map<BirthPack, ObjectName> names;  // from a listing of packs/
        std::size_t scanned = 0;
        std::shared_ptr<const MovedBlocks> moved;
        int moved_read = 0;
        std::map<SessionName, Buffer> secrets;  // of sessions whose blocks were moved
    };
    Result<Buffer> sealed_secret_of(SessionName, std::stop_token);
    Result<std::shared_ptr<const MovedBlocks>> moved_blocks(bool again, std::stop_token);
    Result<std::shared_ptr<const PackAccess>> scan(const BirthPack&, std::stop_token);
    Result<std::optional<ObjectName>> locate(const BirthPack&, std::stop_token);

    const Repository& repository_;
    PackRegistry& registry_;
    Guarded<State> state_;
};

/// The table of a pack from the pack itself.
Result<PackAccess> read_pack_access(const Repository&, const ObjectName&, const BirthPack&,
                                    std::stop_token);

/// The manifest of a pack, checked against the digest its table binds.
Result<PackManifest> load_manifest(const Repository&, const PackTable&, std::stop_token);

}  // namespace perdure
