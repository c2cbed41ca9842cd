// Where copies of blocks lie, apart from the packs they were born in: what sessions of maintainers
// (copies, repairs, repacks) say in their committed indexes.
//
// For reading any of these places may be tried: the block's authentication decides. For reuse a
// place counts as FORMAT.md §11 says, and only these do. Immutable, so thread-safe. Memory: about
// 40 bytes a moved block, and the tables of the packs that hold them.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "repo/index.h"
#include "repo/repository.h"

namespace perdure {

struct MovedBlock {
    std::shared_ptr<const PackTable> table;
    std::uint32_t entry = 0;  // of table->slots

    const SlotEntry& slot() const { return table->slots[entry]; }
};

class MovedBlocks {
public:
    /// A pack with blocks born elsewhere.
    struct Holder {
        SessionName session;
        std::shared_ptr<const PackTable> table;
        Buffer sealed_secret;  // of that session
    };

    /// Reads the ends and indexes of all maintainers of this repository. What cannot be believed is
    /// left out: a place that is not known costs room, or is found by looking at the packs.
    /// Cancelled, Unavailable or Timeout.
    static Result<std::shared_ptr<const MovedBlocks>> load(const Repository&, std::stop_token);

    std::vector<MovedBlock> places_of(const BirthAddress&) const;
    /// Whether any block of that birth pack lies elsewhere.
    bool holds_any_of(const BirthPack&) const;
    const std::vector<Holder>& holders() const { return holders_; }

private:
    struct Moved {
        BirthAddress block;
        std::uint32_t holder = 0;
        std::uint32_t entry = 0;
    };

    Result<void> take_ends_of(const Repository&, WriterNumber, std::stop_token);
    void take(const Index&);
    void sort();
    std::vector<Moved>::const_iterator first_of(const BirthAddress&) const;

    std::vector<Holder> holders_;
    std::vector<Moved> moved_;  // by block
};

}  // namespace perdure
