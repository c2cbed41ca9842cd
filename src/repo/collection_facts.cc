#include "repo/collection_facts.h"

#include <algorithm>

namespace perdure {

namespace {

protocol::Location location(PackNumber pack, std::uint32_t slot) { return {token_of(pack), slot}; }

}  // namespace

CollectionFacts::Pack& CollectionFacts::at(PackNumber n) {
    if (number(n) >= packs_.size()) packs_.resize(number(n) + std::size_t{1});
    return packs_[number(n)];
}

void CollectionFacts::forget_stored() {
    for (Pack& pack : packs_) pack.stored = false;
}

void CollectionFacts::note_stored(const names::PackName& name, std::uint64_t size) {
    Pack& pack = at(registry_.number_of(name.pack));
    // The same pack under two names: one at a time is looked at, and the next listing shows the
    // other.
    if (pack.stored) return;
    auto known = std::find(classes_.begin(), classes_.end(), name.retention_class);
    if (known == classes_.end()) known = classes_.insert(known, name.retention_class);
    pack.stored = true;
    pack.size = size;
    pack.kind = name.kind;
    pack.retention_class = static_cast<std::uint16_t>(known - classes_.begin());
}

std::size_t CollectionFacts::take_index(const Index& index, bool by_maintainer) {
    settled_.insert(index.session);
    std::size_t ignored = 0;
    for (const PackTable& table : index.packs) {
        const PackNumber n = registry_.number_of(table.pack);
        std::vector<HeldBlock> held;
        bool has_moved = false;
        for (std::uint32_t slot = 0; slot < table.slots.size(); ++slot) {
            const BirthAddress& birth = table.slots[slot].birth;
            const bool is_own = birth.pack == table.pack;
            if (!is_own && !by_maintainer) {
                ++ignored;
                has_moved = true;
                continue;
            }
            const PackNumber born = is_own ? n : registry_.number_of(birth.pack);
            held.push_back({{born, birth.slot}, location(n, slot)});
            if (is_own) continue;
            has_moved = true;
            moved_.push_back({{born, birth.slot}, number(n), slot});
            sorted_ = false;
        }
        Pack& pack = at(n);
        pack.is_known = true;
        pack.has_moved = has_moved;
        pack.slots = static_cast<std::uint32_t>(table.slots.size());
        if (has_moved) held_[number(n)] = std::move(held);
    }
    return ignored;
}

ObjectName CollectionFacts::name_of(PackNumber n) const {
    const BirthPack birth = registry_.pack_of(n);
    const Pack& pack = packs_[number(n)];
    return names::pack(classes_[pack.retention_class], pack.kind, birth.session, birth.pack);
}

bool CollectionFacts::is_orphan(PackNumber n) const {
    const Pack& pack = packs_[number(n)];
    return pack.stored && !pack.is_known && settled_.contains(registry_.pack_of(n).session);
}

std::vector<HeldBlock> CollectionFacts::blocks_of(PackNumber n) const {
    if (number(n) >= packs_.size() || !pack(n).is_known) return {};
    if (const auto moved = held_.find(number(n)); moved != held_.end()) return moved->second;
    std::vector<HeldBlock> held(pack(n).slots);
    for (std::uint32_t slot = 0; slot < held.size(); ++slot)
        held[slot] = {{n, slot}, location(n, slot)};
    return held;
}

bool CollectionFacts::is_born_in(const Pack& pack, const BlockId& block) const {
    if (!pack.is_known || block.slot >= pack.slots) return false;
    if (!pack.has_moved) return true;
    const auto& held = held_.at(number(block.pack));
    return std::any_of(held.begin(), held.end(),
                       [&](const HeldBlock& h) { return h.block == block; });
}

std::vector<protocol::Location> CollectionFacts::locations_of(const BlockId& block) const {
    std::vector<protocol::Location> found;
    if (number(block.pack) < packs_.size() && is_born_in(packs_[number(block.pack)], block))
        found.push_back(location(block.pack, block.slot));
    if (!sorted_) {
        std::sort(moved_.begin(), moved_.end());
        sorted_ = true;
    }
    auto at = std::lower_bound(moved_.begin(), moved_.end(), Moved{block, 0, 0});
    for (; at != moved_.end() && at->block == block; ++at)
        found.push_back(location(PackNumber{at->pack}, at->slot));
    return found;
}

std::uint32_t CollectionFacts::live_blocks_of(PackNumber n) const {
    std::uint32_t count = 0;
    for (const HeldBlock& held : blocks_of(n)) count += is_live(held.block) ? 1 : 0;
    return count;
}

std::vector<protocol::Location> CollectionView::locations_of(const BlockId& block) const {
    auto found = facts_.locations_of(block);
    std::erase_if(found, [&](const protocol::Location& at) { return has(at.pack, kDropped); });
    return found;
}

}  // namespace perdure
