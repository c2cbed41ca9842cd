// Builds a pack of blocks that were born in others: headers and payloads as they are, so that no
// key that reads data is needed (FORMAT.md §10).
#pragma once

#include <map>
#include <span>
#include <vector>

#include "repo/pack.h"

namespace perdure {

/// What goes with the blocks of one birth pack wherever they go.
struct BirthKeys {
    Buffer sealed_secret;   // of the session they were born in
    Digest key_commitment;  // from a manifest
};

/// In memory. Not thread-safe.
class MovedPackBuilder {
public:
    MovedPackBuilder(const PackContext&, PackKind, const PackId&);

    const BirthPack& pack() const { return manifest_.pack; }
    bool empty() const { return manifest_.slots.empty(); }
    bool full() const {
        return blocks_.size() + kMaxBlockRaw + kBlockHeaderSize > context_.target_size ||
               secrets_.size() == kMostSecrets;
    }
    const std::vector<LeafRecord>& leaves() const { return manifest_.leaves; }
    /// `block`: header and payload. Corrupt if it is not `birth`, fails its checksum, or its header
    /// commits to other leaves.
    Result<void> add(ByteView block, const BirthAddress& birth, std::span<const LeafRecord> leaves,
                     LeafTableHasher& hasher, const BirthKeys& keys);
    FinishedPack finish();

private:
    static constexpr std::size_t kMostSecrets = 256;  // so that readers need no long header

    const PackContext& context_;
    PackKind kind_;
    PackManifest manifest_;  // slots with offsets from the first block
    std::vector<SealedSecret> secrets_;
    Buffer blocks_;
};

}  // namespace perdure
