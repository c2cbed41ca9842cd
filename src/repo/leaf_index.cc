#include "repo/leaf_index.h"

#include <algorithm>

namespace perdure {

namespace {

constexpr std::size_t kFirstSize = 256;

std::size_t home_of(std::uint64_t fingerprint, std::size_t size) {
    return static_cast<std::size_t>(fingerprint * 0x9e3779b97f4a7c15 >> 20) & (size - 1);
}

}  // namespace

// ------------------------------------------------------------------------------------ tables

void LeafIndex::Table::insert(const Slot& slot) {
    const auto place = [](std::vector<Slot>& in, const Slot& wanted) {
        int equal = 0;
        std::size_t at = home_of(wanted.fingerprint, in.size());
        for (; in[at].fingerprint != 0; at = (at + 1) & (in.size() - 1))
            if (in[at].fingerprint == wanted.fingerprint && ++equal == kMostEqual) return false;
        in[at] = wanted;
        return true;
    };
    if (slots.empty()) slots.resize(kFirstSize);
    if (used * 4 >= slots.size() * 3) {
        std::vector<Slot> larger(slots.size() * 2);
        for (const Slot& old : slots)
            if (old.fingerprint != 0) place(larger, old);
        slots = std::move(larger);
    }
    if (place(slots, slot)) ++used;
}

void LeafIndex::Table::find(std::uint64_t fingerprint, Equal& equal) const {
    if (slots.empty()) return;
    for (std::size_t at = home_of(fingerprint, slots.size()); slots[at].fingerprint != 0;
         at = (at + 1) & (slots.size() - 1)) {
        if (slots[at].fingerprint != fingerprint) continue;
        if (equal.count == kMostEqual) return;
        equal.slots[static_cast<std::size_t>(equal.count++)] = slots[at];
    }
}

void LeafIndex::insert(Stripes& stripes, const Slot& slot) {
    stripes[slot.fingerprint % kStripes].with([&](Table& table) { table.insert(slot); });
}

void LeafIndex::insert_near(std::span<const Slot> slots) {
    near_.with([&](Near& near) {
        if (near.young.used + slots.size() > limits_.near_leaves && near.young.used > 0) {
            near.old = std::move(near.young);
            near.young = {};
            ++near.generation;
        }
        for (const Slot& slot : slots) near.young.insert(slot);
    });
}

/// Whole packs are exact or sparse. False, and sparse from then on, when the budget is spent.
bool LeafIndex::take_exact(std::size_t leaves) {
    std::size_t left = exact_left_;
    while (left >= leaves)
        if (exact_left_.compare_exchange_weak(left, left - leaves)) return true;
    sparse_ = true;
    return false;
}

LeafIndex::LeafIndex(PackRegistry& registry, ManifestLoader loader, Limits limits)
    : registry_(registry),
      loader_(std::move(loader)),
      limits_(limits),
      exact_left_(limits.exact_leaves) {}

std::uint64_t LeafIndex::fingerprint_of(const LeafId& id) const {
    const std::uint64_t fingerprint = id.fingerprint() & limits_.fingerprint_mask;
    return fingerprint == 0 ? 1 : fingerprint;
}

// ------------------------------------------------------------------------------------ packs

LeafIndex::SharedPack LeafIndex::pack_at(PackNumber pack) const {
    return packs_.with([&](const std::vector<SharedPack>& packs) -> SharedPack {
        return number(pack) < packs.size() ? packs[number(pack)] : nullptr;
    });
}

LeafIndex::SharedPack LeafIndex::make_pack(PackNumber pack) {
    return packs_.with([&](std::vector<SharedPack>& packs) {
        if (number(pack) >= packs.size()) packs.resize(number(pack) + 1);
        if (!packs[number(pack)]) packs[number(pack)] = std::make_shared<Guarded<PackLeaves>>();
        return packs[number(pack)];
    });
}

void LeafIndex::attach(const PackTable& table, const std::vector<std::uint64_t>& fingerprints) {
    const PackNumber pack = registry_.number_of(table.pack);
    make_pack(pack)->with([&](PackLeaves& leaves) { leaves.table = table; });
    const bool exact = take_exact(fingerprints.size());
    for (std::size_t i = 0; i < fingerprints.size(); ++i) {
        const std::uint64_t masked = fingerprints[i] & limits_.fingerprint_mask;
        const Slot slot{masked == 0 ? 1 : masked, number(pack), static_cast<std::uint32_t>(i)};
        if (exact || is_hook(slot.fingerprint)) insert(exact ? exact_ : hooks_, slot);
    }
}

void LeafIndex::drop_packs(const std::function<bool(const BirthPack&)>& goes) {
    const auto packs = packs_.with([](const std::vector<SharedPack>& all) { return all; });
    for (const SharedPack& pack : packs)
        if (pack)
            pack->with([&](PackLeaves& leaves) {
                if (!leaves.table || !goes(leaves.table->pack)) return;
                leaves.sites.clear();
                leaves.broken = true;
            });
}

void LeafIndex::open_pack(PackNumber pack) {
    make_pack(pack)->with([](PackLeaves& leaves) { leaves.open = true; });
}

void LeafIndex::add(const LeafId& id, const LeafPlace& place) {
    std::uint32_t leaf = 0;
    pack_at(place.pack)->with([&](PackLeaves& leaves) {
        leaf = static_cast<std::uint32_t>(leaves.sites.size());
        leaves.sites.push_back({id, place.slot, place.offset, place.length});
    });
    const Slot slot{fingerprint_of(id), number(place.pack), leaf};
    if (take_exact(1)) return insert(exact_, slot);
    if (is_hook(slot.fingerprint)) insert(hooks_, slot);
    insert_near({&slot, 1});
}

std::vector<std::uint64_t> LeafIndex::fingerprints_of(const BirthPack& birth) const {
    std::vector<std::uint64_t> fingerprints;
    if (const SharedPack pack = pack_at(registry_.number_of(birth)))
        pack->with([&](const PackLeaves& leaves) {
            fingerprints.reserve(leaves.sites.size());
            for (const Site& site : leaves.sites) fingerprints.push_back(site.id.fingerprint());
        });
    return fingerprints;
}

void LeafIndex::close_pack(const PackTable& table) {
    const SharedPack pack = pack_at(registry_.number_of(table.pack));
    std::size_t count = 0;
    pack->with([&](PackLeaves& leaves) {
        leaves.table = table;
        leaves.open = false;
        count = leaves.sites.size();
    });
    count_as_loaded(pack, count);
}

void LeafIndex::count_as_loaded(const SharedPack& pack, std::size_t count) {
    loaded_.with([&](Loaded& loaded) {
        loaded.order.push_back(pack);
        loaded.leaves += count;
        while (loaded.leaves > limits_.loaded_leaves && loaded.order.size() > 1) {
            loaded.leaves -= loaded.order.front()->with([](PackLeaves& leaves) {
                const std::size_t dropped = leaves.sites.size();
                leaves.sites = {};
                return dropped;
            });
            loaded.order.pop_front();
        }
    });
}

void LeafIndex::load(const SharedPack& pack, const PackTable& table) {
    auto manifest = loader_(table);
    bool fresh = false;
    std::size_t count = 0;
    pack->with([&](PackLeaves& leaves) {
        if (!leaves.sites.empty()) return;
        if (!manifest) {
            leaves.broken = true;
            return;
        }
        leaves.sites.reserve(manifest->leaves.size());
        std::size_t leaf = 0;
        for (std::size_t slot = 0; slot < manifest->slots.size(); ++slot) {
            std::uint32_t offset = 0;
            for (std::uint32_t i = 0; i < manifest->slots[slot].leaf_count; ++i, ++leaf) {
                const LeafRecord& record = manifest->leaves[leaf];
                leaves.sites.push_back(
                    {record.id, static_cast<std::uint32_t>(slot), offset, record.length});
                offset += record.length;
            }
        }
        fresh = true;
        count = leaves.sites.size();
    });
    if (fresh) count_as_loaded(pack, count);
    if (!manifest) note_unread(manifest.error());
}

void LeafIndex::note_unread(const Error& why) {
    if (why.kind() == ErrorKind::Cancelled) return;
    unread_.with([&](Unread& unread) {
        if (unread.objects++ == 0) unread.first = why.describe();
    });
}

std::optional<LeafPlace> LeafIndex::confirm(const LeafId& id, PackNumber number,
                                            std::uint32_t leaf) {
    const SharedPack pack = pack_at(number);
    if (!pack) return std::nullopt;
    for (int attempt = 0; attempt < 2; ++attempt) {
        std::optional<PackTable> to_load;
        std::optional<LeafPlace> place;
        std::optional<BirthAddress> born_elsewhere;
        pack->with([&](const PackLeaves& leaves) {
            if (leaf < leaves.sites.size()) {
                const Site& site = leaves.sites[leaf];
                if (site.id != id) return;
                place = LeafPlace{number, site.slot, site.offset, site.length};
                if (!leaves.table) return;
                const BirthAddress& birth = leaves.table->slots[site.slot].birth;
                if (birth.pack != leaves.table->pack) born_elsewhere = birth;
            } else if (leaves.sites.empty() && !leaves.broken && !leaves.open) {
                to_load = leaves.table;
            }
        });
        // A block is named by its birth, wherever it lies.
        if (place && born_elsewhere) {
            place->pack = registry_.number_of(born_elsewhere->pack);
            place->slot = born_elsewhere->slot;
        }
        if (place) return place;
        if (!to_load) break;
        load(pack, *to_load);
        if (pack->with([](const PackLeaves& leaves) { return leaves.broken; })) ++failed_hits_;
    }
    return std::nullopt;
}

// ------------------------------------------------------------------------------------ look-up

std::optional<LeafPlace> LeafIndex::confirm_any(const LeafId& id, const Equal& equal) {
    for (int i = 0; i < equal.count; ++i) {
        const Slot& slot = equal.slots[static_cast<std::size_t>(i)];
        if (const auto place = confirm(id, PackNumber{slot.pack}, slot.leaf)) return place;
    }
    return std::nullopt;
}

std::optional<LeafPlace> LeafIndex::find(const LeafId& id) {
    const std::uint64_t fingerprint = fingerprint_of(id);
    Equal equal;
    exact_[fingerprint % kStripes].with(
        [&](const Table& table) { table.find(fingerprint, equal); });
    if (const auto place = confirm_any(id, equal)) return place;
    return sparse_ ? find_sparse(id, fingerprint) : std::nullopt;
}

std::optional<LeafPlace> LeafIndex::find_sparse(const LeafId& id, std::uint64_t fingerprint) {
    Equal near;
    near_.with([&](const Near& n) {
        n.young.find(fingerprint, near);
        n.old.find(fingerprint, near);
    });
    if (const auto place = confirm_any(id, near)) return place;
    if (!is_hook(fingerprint)) return std::nullopt;
    Equal hooks;
    hooks_[fingerprint % kStripes].with(
        [&](const Table& table) { table.find(fingerprint, hooks); });
    const auto place = confirm_any(id, hooks);
    if (place) expect(place->pack);
    return place;
}

void LeafIndex::expect(PackNumber number) {
    const SharedPack pack = sparse_ ? pack_at(number) : nullptr;
    if (!pack) return;
    const std::uint64_t generation = near_.with([](const Near& n) { return n.generation; });
    std::optional<PackTable> to_load;
    const bool wanted = pack->with([&](PackLeaves& leaves) {
        const bool is_near = leaves.near_since > 0 && leaves.near_since + 1 >= generation;
        if (leaves.open || leaves.broken || is_near) return false;
        if (leaves.sites.empty()) to_load = leaves.table;
        return true;
    });
    if (!wanted) return;
    if (to_load) load(pack, *to_load);
    std::vector<Slot> slots;
    pack->with([&](PackLeaves& leaves) {
        leaves.near_since = generation;
        for (const Site& site : leaves.sites)
            slots.push_back({fingerprint_of(site.id), perdure::number(number),
                             static_cast<std::uint32_t>(slots.size())});
    });
    insert_near(slots);
}

std::uint64_t LeafIndex::leaves() const {
    std::uint64_t count = 0;
    for (const Stripes* stripes : {&exact_, &hooks_})
        for (const auto& stripe : *stripes)
            count += stripe.with([](const Table& table) { return table.used; });
    return count;
}

}  // namespace perdure
