// Which leaves are stored already: an exact table of 16 bytes a leaf, from short fingerprints to
// places in pack manifests.
//
// The invariant: a fingerprint never decides. find() answers only with a leaf whose full id stands
// in the manifest of its pack, and that manifest was checked against the digest a committed index
// binds (or is the one this very session is writing). A lost or wrong hint costs space or time,
// never data. Thread-safe. Memory: 16-32 bytes a leaf for the table, and a bounded number of loaded
// manifests at 48 bytes a leaf.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
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
    };

    LeafIndex(PackRegistry&, ManifestLoader, Limits);

    /// A pack of a committed session, known by its table and the fingerprints of its leaves in
    /// manifest order.
    void attach(const PackTable&, const std::vector<std::uint64_t>& fingerprints);

    /// A pack this session writes: add its leaves as they are placed, then close it.
    void open_pack(PackNumber);
    void add(const LeafId&, const LeafPlace&);
    void close_pack(const PackTable&);
    /// Of the leaves of an open pack, in the order they were added.
    std::vector<std::uint64_t> fingerprints_of(const BirthPack&) const;

    std::optional<LeafPlace> find(const LeafId&);

    std::uint64_t leaves() const;
    /// Hits whose manifest could not be read or was not the bound one: the leaf is stored again.
    std::uint64_t failed_hits() const { return failed_hits_; }

private:
    struct Slot {
        std::uint64_t fingerprint = 0;  // 0: empty
        std::uint32_t pack = 0;
        std::uint32_t leaf = 0;
    };
    struct Stripe {
        std::vector<Slot> slots;
        std::size_t used = 0;
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
    };
    using SharedPack = std::shared_ptr<Guarded<PackLeaves>>;

    std::uint64_t fingerprint_of(const LeafId&) const;
    void insert(std::uint64_t fingerprint, PackNumber, std::uint32_t leaf);
    SharedPack pack_at(PackNumber) const;
    SharedPack make_pack(PackNumber);
    std::optional<LeafPlace> confirm(const LeafId&, PackNumber, std::uint32_t leaf);
    void load(const SharedPack&, const PackTable&);
    void count_as_loaded(const SharedPack&, std::size_t leaves);

    static constexpr std::size_t kStripes = 64;
    PackRegistry& registry_;
    ManifestLoader loader_;
    const Limits limits_;
    std::array<Guarded<Stripe>, kStripes> stripes_;
    Guarded<std::vector<SharedPack>> packs_;  // by pack number; null: not a pack of this index
    struct Loaded {
        std::deque<SharedPack> order;  // oldest first
        std::size_t leaves = 0;
    };
    Guarded<Loaded> loaded_;
    std::atomic<std::uint64_t> failed_hits_{0};
};

}  // namespace perdure
