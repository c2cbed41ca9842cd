#include "repo/leaf_index.h"

#include <algorithm>

namespace perdure {

namespace {

constexpr std::size_t kFirstSize = 256;
// More equal fingerprints than this are chance that does not happen with 64 bits, or a test: a hint
// left out costs space only.
constexpr int kMostEqual = 16;

std::size_t home_of(std::uint64_t fingerprint, std::size_t size) {
    return static_cast<std::size_t>(fingerprint * 0x9e3779b97f4a7c15 >> 20) & (size - 1);
}

}  // namespace

LeafIndex::LeafIndex(PackRegistry& registry, ManifestLoader loader, Limits limits)
    : registry_(registry), loader_(std::move(loader)), limits_(limits) {}

std::uint64_t LeafIndex::fingerprint_of(const LeafId& id) const {
    const std::uint64_t fingerprint = id.fingerprint() & limits_.fingerprint_mask;
    return fingerprint == 0 ? 1 : fingerprint;
}

void LeafIndex::insert(std::uint64_t fingerprint, PackNumber pack, std::uint32_t leaf) {
    stripes_[fingerprint % kStripes].with([&](Stripe& stripe) {
        const auto place = [](std::vector<Slot>& slots, const Slot& slot) {
            int equal = 0;
            std::size_t at = home_of(slot.fingerprint, slots.size());
            for (; slots[at].fingerprint != 0; at = (at + 1) & (slots.size() - 1))
                if (slots[at].fingerprint == slot.fingerprint && ++equal == kMostEqual)
                    return false;
            slots[at] = slot;
            return true;
        };
        if (stripe.slots.empty()) stripe.slots.resize(kFirstSize);
        if (stripe.used * 4 >= stripe.slots.size() * 3) {
            std::vector<Slot> larger(stripe.slots.size() * 2);
            for (const Slot& slot : stripe.slots)
                if (slot.fingerprint != 0) place(larger, slot);
            stripe.slots = std::move(larger);
        }
        if (place(stripe.slots, {fingerprint, number(pack), leaf})) ++stripe.used;
    });
}

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
    for (std::size_t i = 0; i < fingerprints.size(); ++i) {
        const std::uint64_t masked = fingerprints[i] & limits_.fingerprint_mask;
        insert(masked == 0 ? 1 : masked, pack, static_cast<std::uint32_t>(i));
    }
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
    insert(fingerprint_of(id), place.pack, leaf);
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
}

std::optional<LeafPlace> LeafIndex::confirm(const LeafId& id, PackNumber number,
                                            std::uint32_t leaf) {
    const SharedPack pack = pack_at(number);
    if (!pack) return std::nullopt;
    for (int attempt = 0; attempt < 2; ++attempt) {
        std::optional<PackTable> to_load;
        std::optional<LeafPlace> place;
        pack->with([&](const PackLeaves& leaves) {
            if (leaf < leaves.sites.size()) {
                const Site& site = leaves.sites[leaf];
                if (site.id == id) place = LeafPlace{number, site.slot, site.offset, site.length};
            } else if (leaves.sites.empty() && !leaves.broken && !leaves.open) {
                to_load = leaves.table;
            }
        });
        if (place) return place;
        if (!to_load) break;
        load(pack, *to_load);
        if (pack->with([](const PackLeaves& leaves) { return leaves.broken; })) ++failed_hits_;
    }
    return std::nullopt;
}

std::optional<LeafPlace> LeafIndex::find(const LeafId& id) {
    const std::uint64_t fingerprint = fingerprint_of(id);
    std::array<Slot, kMostEqual> equal;
    int count = 0;
    stripes_[fingerprint % kStripes].with([&](const Stripe& stripe) {
        if (stripe.slots.empty()) return;
        for (std::size_t at = home_of(fingerprint, stripe.slots.size());
             stripe.slots[at].fingerprint != 0; at = (at + 1) & (stripe.slots.size() - 1)) {
            if (stripe.slots[at].fingerprint != fingerprint) continue;
            equal[static_cast<std::size_t>(count)] = stripe.slots[at];
            if (++count == kMostEqual) return;
        }
    });
    for (int i = 0; i < count; ++i) {
        const Slot& slot = equal[static_cast<std::size_t>(i)];
        if (const auto place = confirm(id, PackNumber{slot.pack}, slot.leaf)) return place;
    }
    return std::nullopt;
}

std::uint64_t LeafIndex::leaves() const {
    std::uint64_t count = 0;
    for (const auto& stripe : stripes_)
        count += stripe.with([](const Stripe& s) { return s.used; });
    return count;
}

}  // namespace perdure
