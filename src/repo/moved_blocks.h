// Where copies of blocks lie, apart from the packs they were born in: what sessions that move
// blocks (copies, repairs, repacks) say in their indexes.
//
// A location is a claim, as every other: the block's authentication decides. Read once, on first
// use; a repository whose blocks all lie where they were born never asks. Thread-safe. Memory: 24
// bytes a copied block, and the tables of the packs that hold them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/guarded.h"
#include "repo/repository.h"

namespace perdure {

struct MovedBlock {
    std::shared_ptr<const PackTable> table;
    std::uint32_t entry = 0;  // of table->slots
};

class MovedBlocks {
public:
    explicit MovedBlocks(const Repository& repository) : repository_(repository) {}

    /// Cancelled, Unavailable or Timeout; indexes that cannot be believed are left out.
    Result<std::vector<MovedBlock>> find(const BirthAddress&, std::stop_token);
    /// Whether any block of that birth pack lies elsewhere.
    Result<bool> holds_any_of(const BirthPack&, std::stop_token);
    /// The packs that hold blocks born elsewhere, with the secrets of the sessions that wrote them.
    struct Holder {
        std::shared_ptr<const PackTable> table;
        Buffer sealed_secret;
    };
    Result<std::vector<Holder>> holders(std::stop_token);

private:
    struct Place {
        std::uint32_t slot;
        std::uint32_t holder;
        std::uint32_t entry;
    };
    struct State {
        bool loaded = false;
        std::vector<Holder> holders;
        std::unordered_map<BirthPack, std::vector<Place>, BirthPackHash> places;  // by slot
    };
    Result<void> load(std::stop_token);
    static void learn(State&, const Index&);

    const Repository& repository_;
    std::mutex loading_;  // held while load() reads, so that one thread does
    Guarded<State> state_;
};

}  // namespace perdure
