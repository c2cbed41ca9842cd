// Moves blocks, as they are, out of one repository into packs that a session of another one writes
// under the same keys: for replicas and for repair.
//
// The invariant: a block that was moved is the one that was asked for; with the owner's keys it has
// been opened, else its checksum and its leaf table hold. Not thread-safe. Memory: two packs, and
// what is read at once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "repo/block.h"
#include "repo/moved_pack.h"
#include "repo/pack_catalog.h"
#include "repo/session.h"

namespace perdure {

class BlockMover {
public:
    /// `registry` numbers the packs of both.
    BlockMover(const Repository& from, PackRegistry& registry);

    /// Begins to write under `session`; nothing may be open.
    void attach(WriteSession& session) { session_ = &session; }
    /// Moves these slots of a birth pack. Gives those that could not be had, each with why;
    /// an error is the session's, or `from` does not answer.
    struct Lost {
        std::uint32_t slot;
        std::string text;
    };
    Result<std::vector<Lost>> move(PackNumber birth, const std::vector<std::uint32_t>& slots,
                                   std::stop_token);
    /// Publishes what is open.
    Result<void> end_packs(std::stop_token);

    std::uint64_t blocks() const { return blocks_; }
    std::uint64_t bytes() const { return bytes_; }

private:
    /// A pack to read from.
    struct Holder {
        PackTable table;
        PackManifest manifest;
        std::vector<std::size_t> first_leaf;
    };
    using SharedHolder = std::shared_ptr<const Holder>;

    Result<SharedHolder> holder_of(const PackTable&, std::stop_token);
    Result<void> move_group(const Holder&, const std::vector<std::uint32_t>& entries,
                            const BirthKeys&, std::vector<Lost>& lost, std::stop_token);
    Result<std::vector<Lost>> move_from_birth(PackNumber, const std::vector<std::uint32_t>& slots,
                                              std::stop_token);
    Result<bool> fall_back(PackNumber, std::stop_token);
    Result<void> move_elsewhere(const BirthAddress&, std::stop_token);
    Result<void> take(const Holder&, std::uint32_t entry, const BirthKeys&, ByteView block,
                      std::stop_token);
    Result<void> authenticate(const BirthAddress&, ByteView block, const BirthKeys&);
    Result<LeafTableHasher*> hasher_of(DomainName);
    Result<void> end_pack(std::unique_ptr<MovedPackBuilder>&, std::stop_token);

    const Repository& from_;
    PackCatalog catalog_;
    BlockOpener opener_;
    WriteSession* session_ = nullptr;
    std::unique_ptr<MovedPackBuilder> data_, metadata_;
    std::map<BirthPack, SharedHolder> holders_;  // the last few
    std::map<DomainName, std::unique_ptr<LeafTableHasher>> hashers_;
    std::optional<BirthPack> opened_;  // whose keys these are
    std::optional<PackKeys> keys_;
    std::uint64_t blocks_ = 0, bytes_ = 0;
};

}  // namespace perdure
