// What a collector knows: the packs that are stored and what committed indexes say they hold, and
// the OR of the liveness summaries. With it, the view that repo/protocol/judge.h asks.
//
// The invariant: a location is counted only as §11 of FORMAT.md says, so no writer's index can talk
// a collector into dropping the true copy. Memory: 60-100 bytes a pack, a bit a block, and 40 bytes
// a block that was moved; at 10^8 blocks in packs of 32 MiB, 0.3 GiB. Not thread-safe.
#pragma once

#include <set>
#include <unordered_map>
#include <vector>

#include "repo/index.h"
#include "repo/protocol/reuse.h"
#include "repo/recipe.h"
#include "repo/repository.h"

namespace perdure {

/// A block by its birth.
struct BlockId {
    PackNumber pack{};
    std::uint32_t slot = 0;
    friend auto operator<=>(const BlockId&, const BlockId&) = default;
};

struct HeldBlock {
    BlockId block;
    protocol::Location at;
};

constexpr protocol::PackToken token_of(PackNumber pack) { return number(pack); }

class CollectionFacts {
public:
    struct Pack {
        std::uint64_t size = 0;  // as stored
        std::uint32_t slots = 0;
        std::uint16_t retention_class = 0;
        PackKind kind = PackKind::Data;
        bool stored = false;     // the store lists it
        bool is_known = false;   // a committed index of its own session names it
        bool has_moved = false;  // holds blocks born elsewhere
    };

    PackRegistry& registry() { return registry_; }
    const PackRegistry& registry() const { return registry_; }
    LivenessMarks& live() { return live_; }

    /// The listing of packs/ begins anew.
    void forget_stored();
    void note_stored(const names::PackName&, std::uint64_t size);
    void note_removed(PackNumber n) { packs_[number(n)].stored = false; }
    /// An index that the end of its session binds. Foreign blocks in a writer's index are passed
    /// over; how many there were is answered.
    std::size_t take_index(const Index&, bool by_maintainer);
    /// `session` has ended, and no index of it can name packs: what it stored is orphaned.
    void note_without_index(SessionName session) { settled_.insert(session); }

    std::size_t packs() const { return packs_.size(); }
    const Pack& pack(PackNumber n) const { return packs_[number(n)]; }
    ObjectName name_of(PackNumber n) const;
    bool is_orphan(PackNumber) const;
    bool is_live(const BlockId& block) const { return live_.contains(block.pack, block.slot); }
    /// What a known pack holds; of any other, nothing.
    std::vector<HeldBlock> blocks_of(PackNumber) const;
    /// Where a block lies, as far as locations count.
    std::vector<protocol::Location> locations_of(const BlockId&) const;
    std::uint32_t live_blocks_of(PackNumber) const;

private:
    struct Moved {
        BlockId block;
        std::uint32_t pack;
        std::uint32_t slot;
        friend auto operator<=>(const Moved&, const Moved&) = default;
    };

    Pack& at(PackNumber n);
    bool is_born_in(const Pack& pack, const BlockId& block) const;

    PackRegistry registry_;
    LivenessMarks live_;
    std::vector<Pack> packs_;  // by number
    std::vector<std::string> classes_;
    std::set<SessionName> settled_;  // ended, and its index was read if it binds one
    std::unordered_map<std::uint32_t, std::vector<HeldBlock>> held_;  // of packs with moved blocks
    mutable std::vector<Moved> moved_;
    mutable bool sorted_ = true;
};

/// What judge.h asks, at one moment.
class CollectionView {
public:
    explicit CollectionView(const CollectionFacts& facts) : facts_(facts), marks_(facts.packs()) {}

    void drop(PackNumber n) { add(n, kDropped); }            // in a verdict
    void leave(PackNumber n) { add(n, kLeaving); }           // on a list without a verdict
    void list(PackNumber n) { add(n, kListed | kLeaving); }  // on this list

    std::vector<HeldBlock> blocks_of(protocol::PackToken pack) const {
        return facts_.blocks_of(number_of(pack));
    }
    std::vector<protocol::Location> locations_of(const BlockId& block) const;
    bool is_live(const BlockId& block) const { return facts_.is_live(block); }
    bool is_listed(const protocol::Location& at) const { return has(at.pack, kListed); }
    /// A pack that the store does not list is not counted on: nothing is dropped for its sake.
    bool stays(protocol::PackToken pack) const {
        return !has(pack, kDropped | kLeaving) && pack < facts_.packs() &&
               facts_.pack(number_of(pack)).stored;
    }
    bool is_dropped(PackNumber n) const { return has(token_of(n), kDropped); }
    bool is_leaving(PackNumber n) const { return has(token_of(n), kLeaving); }

private:
    static constexpr std::uint8_t kDropped = 1, kLeaving = 2, kListed = 4;

    static PackNumber number_of(protocol::PackToken pack) {
        return PackNumber{static_cast<std::uint32_t>(pack)};
    }
    void add(PackNumber n, std::uint8_t mark) {
        if (number(n) >= marks_.size()) marks_.resize(number(n) + std::size_t{1});
        marks_[number(n)] |= mark;
    }
    bool has(protocol::PackToken pack, std::uint8_t mark) const {
        return pack < marks_.size() && (marks_[pack] & mark) != 0;
    }

    const CollectionFacts& facts_;
    std::vector<std::uint8_t> marks_;
};

}  // namespace perdure
