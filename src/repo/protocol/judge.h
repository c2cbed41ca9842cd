// What a list may condemn and what its verdict may drop (DESIGN §7): pure predicates, a pack at a
// time.
//
// A `View` is the driver's knowledge at that moment. It has
//     blocks_of(pack)       range of values with members `block` and `at` (a Location): what the
//     pack
//                           holds; of an orphan pack, nothing
//     locations_of(block)   range of Location: those that count (counts() of reuse.h), packs
//     already
//                           in a verdict left out
//     is_live(block)        the OR has it
//     is_listed(location)   it is on this list
//     stays(pack)           the pack is on no list without a verdict (this list included) and in no
//                           verdict
#pragma once

#include <algorithm>

#include "repo/protocol/facts.h"
#include "repo/protocol/reuse.h"

namespace perdure::protocol {

/// Whether a copy of the block that is going nowhere lies in another pack.
template <class View, class Block>
bool lies_elsewhere(const View& view, const Block& block, PackToken pack) {
    const auto& locations = view.locations_of(block);
    return std::any_of(std::begin(locations), std::end(locations),
                       [&](const Location& at) { return at.pack != pack && view.stays(at.pack); });
}

/// Whether a list should condemn the pack, that is all its locations: each block is dead, or lies
/// elsewhere too. `stays` must count packs this list has already condemned as not staying.
template <class View>
bool condemnable(const View& view, PackToken pack) {
    const auto& held = view.blocks_of(pack);
    return std::all_of(std::begin(held), std::end(held), [&](const auto& slot) {
        return !view.is_live(slot.block) || lies_elsewhere(view, slot.block, pack);
    });
}

/// Whether the verdict drops the pack: all its locations are on the list, and each of its blocks is
/// either not live at the recount and on this list at every counting location, or lies elsewhere.
/// A location that is not listed would stay usable to sessions above the barrier, so one is enough
/// to keep the pack.
template <class View>
bool may_drop(const View& view, PackToken pack) {
    const auto condemned_everywhere = [&](const auto& block) {
        const auto& locations = view.locations_of(block);
        return std::all_of(std::begin(locations), std::end(locations),
                           [&](const Location& at) { return view.is_listed(at); });
    };
    const auto& held = view.blocks_of(pack);
    return std::all_of(std::begin(held), std::end(held), [&](const auto& slot) {
        if (!view.is_listed(slot.at)) return false;
        if (!view.is_live(slot.block) && condemned_everywhere(slot.block)) return true;
        return lies_elsewhere(view, slot.block, pack);
    });
}

}  // namespace perdure::protocol
