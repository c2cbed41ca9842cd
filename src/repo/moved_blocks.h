// Where blocks lie that a repack moved, as the committed indexes of maintainers' sessions say.
//
// For reading any of these places may be tried: the block's authentication decides. For reuse a
// place counts as FORMAT.md §11 says, and only these do. Memory: about 100 bytes a moved block.
// Immutable, so thread-safe.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "repo/index.h"
#include "repo/repository.h"

namespace perdure {

class MovedBlocks {
public:
    /// An index with moved blocks.
    struct Holder {
        SessionName session;
        PackTable table;
    };
    struct Place {
        const PackTable* table;
        const SlotEntry* entry;
    };

    /// Reads the ends and indexes of all maintainers. What cannot be read is left out: a place
    /// that is not known costs room, or is found by looking at the packs.
    static Result<std::shared_ptr<const MovedBlocks>> load(const Repository&, std::stop_token);

    std::vector<Place> places_of(const BirthAddress&) const;
    const std::vector<Holder>& holders() const { return holders_; }

private:
    struct Moved {
        BirthAddress block;
        std::uint32_t holder = 0;
        std::uint32_t slot = 0;
    };

    void take(const Index&);
    void sort();

    std::vector<Holder> holders_;
    std::vector<Moved> moved_;  // by block
};

}  // namespace perdure
