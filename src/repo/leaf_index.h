// Which leaves are stored already: tables of 16 bytes an entry, from short fingerprints to places
// in pack manifests.
//
// Exact up to a budget of leaves; of packs beyond it one leaf in kLeavesAHook is in memory. Finding
// that one reads the manifest of its pack, and its neighbours are found from then on: content that
// was stored together comes again together (Lillibridge et al., "Sparse Indexing", FAST 2009).
//
// The invariant: a fingerprint never decides. find() answers only with a leaf whose full id stands
// in the manifest of its pack, and that manifest was checked against the digest a committed index
// binds (or is the one this very session is writing). A lost or wrong hint costs space or time,
// never data. Thread-safe. Memory: 256 MiB of exact entries at most, 16 MiB of neighbours, 0.3-0.7
// bytes a leaf beyond the budget, and a bounded number of loaded manifests at 48 bytes a leaf.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/guarded.h"
#include "repo/pack.h"
#include "repo/recipe.h"

namespace perdure {

struct LeafPlace {
    PackNumber pack{};
    std::uint32_t slot = 0;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

class LeafIndex {
public:
    using ManifestLoader = std::function<Result<PackManifest>(const PackTable&)>;
    struct Limits {
        std::uint64_t fingerprint_mask = ~std::uint64_t{0};  // tests cut fingerprints short
        std::size_t loaded_leaves = 1U << 20;                // of closed packs: 48 MiB
        std::size_t exact_leaves = 11U << 20;  // 256 MiB; at 12 Mi the table would double
        std::size_t near_leaves = 1U << 17;    // twice that many at most: neighbours of hooks
    };

    LeafIndex(PackRegistry&, ManifestLoader, Limits);

    /// A pack of a committed session, known by its table and the fingerprints of its leaves in
    /// manifest order. The first ones that are attached take the exact budget.
    /// Leaves of blocks that were moved there are found under the blocks' births.
    void attach(const PackTable&, const std::vector<std::uint64_t>& fingerprints);
    /// What lies in the closed packs that `goes` names is not found any more.
    void drop_packs(const std::function<bool(const BirthPack&)>& goes);

    /// A pack this session writes: add its leaves as they are placed, then close it.
    void open_pack(PackNumber);
    void add(const LeafId&, const LeafPlace&);
    void close_pack(const PackTable&);
    /// Of the leaves of an open pack, in the order they were added.
    std::vector<std::uint64_t> fingerprints_of(const BirthPack&) const;

    std::optional<LeafPlace> find(const LeafId&);

    /// Not every leaf is in memory.
    bool is_sparse() const { return sparse_; }
    /// All leaves of a pack are wanted soon: content that lies there comes again, perhaps changed.
    void expect(PackNumber);

    std::uint64_t leaves() const;
    /// Hits whose manifest could not be read or was not the bound one: the leaf is stored again.
    std::uint64_t failed_hits() const { return failed_hits_; }

    /// What earlier sessions stored and could not be looked up.
    struct Unread {
        std::uint64_t objects = 0;
        std::string first;  // what was wrong with the first one; "" if nothing
    };
    /// An object that says what was stored before could not be read or believed: what only it knew
    /// of is stored again.
    void note_unread(const Error& why);
    Unread unread() const {
        return unread_.with([](const Unread& unread) { return unread; });
    }

private:
    struct Slot {
        std::uint64_t fingerprint = 0;  // 0: empty
        std::uint32_t pack = 0;
        std::uint32_t leaf = 0;
    };
    static constexpr std::size_t kStripes = 64;
    static constexpr std::uint64_t kLeavesAHook = 64;
    // More equal fingerprints than this are chance that does not happen with 64 bits, or a test: a
    // hint left out costs space only.
    static constexpr int kMostEqual = 16;
    struct Equal {
        std::array<Slot, kMostEqual> slots;
        int count = 0;
    };
    struct Table {
        std::vector<Slot> slots;
        std::size_t used = 0;

        void insert(const Slot&);
        void find(std::uint64_t fingerprint, Equal&) const;
    };
    using Stripes = std::array<Guarded<Table>, kStripes>;
    /// Leaves of packs that a hook was found in, in two generations of which the older one goes.
    struct Near {
        Table young, old;
        std::uint64_t generation = 1;
    };
    struct Site {
        LeafId id;
        std::uint32_t slot, offset, length;
    };
    struct PackLeaves {
        std::optional<PackTable> table;  // closed or attached
        std::vector<Site> sites;         // empty: not loaded
        bool open = false;
        bool broken = false;
        std::uint64_t near_since = 0;  // the generation it was added to Near in; 0: never
    };
    using SharedPack = std::shared_ptr<Guarded<PackLeaves>>;

    std::uint64_t fingerprint_of(const LeafId&) const;
    static bool is_hook(std::uint64_t fingerprint) {
        return (fingerprint >> 32) % kLeavesAHook == 0;
    }
    static void insert(Stripes&, const Slot&);
    bool take_exact(std::size_t leaves);
    void insert_near(std::span<const Slot>);
    std::optional<LeafPlace> confirm_any(const LeafId&, const Equal&);
    std::optional<LeafPlace> find_sparse(const LeafId&, std::uint64_t fingerprint);
    SharedPack pack_at(PackNumber) const;
    SharedPack make_pack(PackNumber);
    std::optional<LeafPlace> confirm(const LeafId&, PackNumber, std::uint32_t leaf);
    void load(const SharedPack&, const PackTable&);
    void count_as_loaded(const SharedPack&, std::size_t leaves);

    PackRegistry& registry_;
    ManifestLoader loader_;
    const Limits limits_;
    Stripes exact_;
    Stripes hooks_;
    Guarded<Near> near_;
    std::atomic<std::size_t> exact_left_;
    std::atomic<bool> sparse_{false};
    Guarded<std::vector<SharedPack>> packs_;  // by pack number; null: not a pack of this index
    struct Loaded {
        std::deque<SharedPack> order;  // oldest first
        std::size_t leaves = 0;
    };
    Guarded<Loaded> loaded_;
    std::atomic<std::uint64_t> failed_hits_{0};
    Guarded<Unread> unread_;
};

}  // namespace perdure
