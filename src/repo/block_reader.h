// Reads blocks by birth address: locate, load, open, decode; with a bounded cache of decoded
// blocks. Where the pack a block was born in does not give it, the packs it was copied to are
// tried, and where the store keeps versions then the oldest ones of all these. Thread-safe.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "base/guarded.h"
#include "repo/block.h"
#include "repo/leaf_verifier.h"
#include "repo/pack_catalog.h"
#include "repo/read_ahead.h"
#include "repo/tree.h"

namespace perdure {

class BlockReader {
public:
    /// Anonymous memory: `cache_bytes`, 2-3 MiB a reading thread, and what ReadAhead keeps.
    BlockReader(const Repository&, PackCatalog&, std::size_t cache_bytes);

    /// From now on the blocks of all others are believed only where each of their leaves has the id
    /// that the manifest of its pack states. Before the first read().
    void trust_only(WriterNumber writer) { trusted_ = writer; }

    /// The content of a block. Corrupt or NotFound, naming pack and slot, if it cannot be had.
    Result<std::shared_ptr<const Buffer>> read(PackNumber, std::uint32_t slot, std::stop_token);
    LoadPage page_loader(std::stop_token);

    std::uint64_t blocks_decoded() const;
    std::uint64_t bytes_loaded() const;

private:
    using Key = std::uint64_t;  // pack number << 32 | slot
    struct Cached {
        std::shared_ptr<const Buffer> block;
        std::list<Key>::iterator age;
    };
    struct State {
        std::unordered_map<Key, Cached> blocks;
        std::list<Key> by_age;  // newest first
        std::size_t bytes = 0;
        std::unordered_map<BirthPack, std::shared_ptr<const PackKeys>, BirthPackHash> keys;
        std::unordered_map<SessionName, std::shared_ptr<const SessionSecret>,
                           std::size_t (*)(const SessionName&)>
            secrets;
        std::uint64_t decoded = 0, loaded = 0;
        State();
    };
    /// What was read ahead of another version of a pack is no good.
    enum class Via { ReadAhead, Store };
    Result<std::shared_ptr<const PackKeys>> keys_of(const PackAccess&);
    Result<std::shared_ptr<const Buffer>> read_at_birth(PackNumber, std::uint32_t slot, Via,
                                                        std::stop_token);
    Result<std::shared_ptr<const Buffer>> read_elsewhere(const BirthAddress&, Via, std::stop_token);
    Result<std::shared_ptr<const Buffer>> read_first_version(PackNumber, std::uint32_t slot,
                                                             std::stop_token);
    Result<std::shared_ptr<const Buffer>> read_entry(const PackTable&, std::size_t entry,
                                                     const PackKeys&, Via, std::stop_token);
    void remember(Key, std::shared_ptr<const Buffer>);

    const Repository& repository_;
    PackCatalog& catalog_;
    const std::size_t cache_bytes_;
    std::optional<WriterNumber> trusted_;
    LeafVerifier leaves_;
    ReadAhead ahead_;
    Guarded<State> state_;
};

}  // namespace perdure
