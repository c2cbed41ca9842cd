#include "collector_view.h"

namespace perdure::protocol::search {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

CollectorView::CollectorView(const Model& model, const Store& store,
                             const CollectorProcess& collector, PackMask dropped, PackMask leaving,
                             LocationMask listed)
    : model_(model),
      store_(store),
      indexed_(collector.indexed),
      orphaned_(collector.orphaned),
      dropped_(dropped),
      leaving_(leaving),
      listed_(listed) {
    SessionMask superseded = 0;
    for (int s = 0; s < model.sessions(); ++s)
        if ((indexed_ >> s & 1) != 0 && store.supersedes[at(s)] != 0)
            superseded = static_cast<SessionMask>(superseded | 1u << (store.supersedes[at(s)] - 1));
    for (int s = 0; s < model.sessions(); ++s)
        if ((collector.counted & ~superseded) >> s & 1) live_ |= store.needs[at(s)];
}

Few<HeldBlock, kClasses> CollectorView::blocks_of(PackToken pack) const {
    Few<HeldBlock, kClasses> held;
    const int p = static_cast<int>(pack);
    if (!is_known(p)) return held;
    for (int slot = 0; slot < kClasses; ++slot)
        if (const int block = held_block(store_, p, slot); block >= 0)
            held.add({block, {pack, static_cast<std::uint32_t>(slot)}});
    return held;
}

Few<Location, kMaxSessions * kClasses> CollectorView::locations_of(int block) const {
    Few<Location, kMaxSessions * kClasses> found;
    for (int by = 0; by < model_.sessions(); ++by) {
        if (!is_known(by) || (dropped_ >> by & 1) != 0) continue;
        const auto pack = static_cast<PackToken>(by);
        for (int slot = 0; slot < kClasses; ++slot) {
            if (held_block(store_, by, slot) != block) continue;
            if (model_.location_counts(store_, block, by, by, slot))
                found.add({pack, static_cast<std::uint32_t>(slot)});
        }
        // What a writer's index claims about another's block.
        const int claimed = model_.plan(by).claims;
        if (claimed < 0 || block_of(claimed, 0) != block) continue;
        const bool believed = model_.has_bug(Bug::FalseLocation);
        if (believed || model_.location_counts(store_, block, by, by, 1)) found.add({pack, 1});
    }
    return found;
}

LocationMask locations_in(const Store& store, int pack) {
    unsigned mask = 0;
    for (int slot = 0; slot < kClasses; ++slot)
        if (held_block(store, pack, slot) >= 0) mask |= 1u << location_of(pack, slot);
    return static_cast<LocationMask>(mask);
}

PackMask packs_of(LocationMask locations) {
    unsigned mask = 0;
    for (int pack = 0; pack < kMaxSessions; ++pack)
        if ((locations >> (pack * kClasses) & ((1u << kClasses) - 1)) != 0) mask |= 1u << pack;
    return static_cast<PackMask>(mask);
}

}  // namespace perdure::protocol::search
