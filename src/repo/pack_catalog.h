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

    /// NotFound, naming the pack, if neither an index nor the packs themselves know it; never
    /// because the index could not be reached.
    Result<std::shared_ptr<const PackAccess>> find(PackNumber, std::stop_token);
    BirthPack pack_of(PackNumber number) const { return registry_.pack_of(number); }
    /// Where else copies of a block lie. A pack that is gone was perhaps dropped since this reader
    /// began, so where no copy is known they are looked for again, a few times at most.
    Result<std::vector<MovedBlock>> elsewhere(const BirthAddress& block, std::stop_token);
    /// Whether copies of any of its blocks lie elsewhere.
    Result<bool> moved(const BirthPack&, std::stop_token);
    /// What opens the blocks born in `birth`, also where that pack and its index are gone:
    /// `holder` is a pack that holds copies of them. Its table has no slots.
    Result<std::shared_ptr<const PackAccess>> access_to(const BirthPack& birth,
                                                        const PackTable& holder, std::stop_token);
    /// Learns the packs of an index that was loaded anyway.
    void learn(const Index&);
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
        std::map<BirthPack, std::shared_ptr<const PackAccess>> openers;  // of copied blocks
    };
    Result<std::shared_ptr<const MovedBlocks>> moved_blocks(bool again, std::stop_token);
    Result<std::shared_ptr<const Index>> load_index_of(SessionName, std::stop_token);
    Result<std::shared_ptr<const PackAccess>> scan(const BirthPack&, std::stop_token);
    Result<std::optional<ObjectName>> locate(const BirthPack&, std::stop_token);

    const Repository& repository_;
    PackRegistry& registry_;
    Guarded<State> state_;
};

/// The clear header of a pack, of any length.
Result<PackHeader> read_pack_header(const Repository&, const ObjectName&, std::uint64_t size,
                                    std::stop_token);

/// The table of a pack from the pack itself.
Result<PackAccess> read_pack_access(const Repository&, const ObjectName&, const BirthPack&,
                                    std::stop_token);

/// The manifest of a pack, checked against the digest its table binds.
Result<PackManifest> load_manifest(const Repository&, const PackTable&, std::stop_token);

}  // namespace perdure
