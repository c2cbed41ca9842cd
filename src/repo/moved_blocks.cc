#include "repo/moved_blocks.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

namespace {

/// Whose sessions move blocks.
bool moves_blocks(EndKind kind) {
    return kind == EndKind::Copy || kind == EndKind::Repaired || kind == EndKind::EndRecord ||
           kind == EndKind::Checkpoint;
}

bool ends_reading(const Error& error) {
    return error.kind() == ErrorKind::Cancelled || error.kind() == ErrorKind::Unavailable ||
           error.kind() == ErrorKind::Timeout;
}

}  // namespace

void MovedBlocks::learn(State& state, const Index& index) {
    for (const PackTable& table : index.packs) {
        const auto born_elsewhere = [&](const SlotEntry& slot) {
            return slot.birth.pack != table.pack;
        };
        if (std::none_of(table.slots.begin(), table.slots.end(), born_elsewhere)) continue;
        const auto holder = static_cast<std::uint32_t>(state.holders.size());
        state.holders.push_back({std::make_shared<const PackTable>(table), index.sealed_secret});
        for (std::uint32_t entry = 0; entry < table.slots.size(); ++entry)
            if (born_elsewhere(table.slots[entry]))
                state.places[table.slots[entry].birth.pack].push_back(
                    {table.slots[entry].birth.slot, holder, entry});
    }
}

Result<void> MovedBlocks::load(std::stop_token stop) {
    const std::lock_guard lock(loading_);
    if (state_.with([](const State& s) { return s.loaded; })) return {};
    State fresh;
    std::vector<SessionName> sessions;
    PERDURE_TRY(repository_.store().list(
        "points/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto session = names::parse_point(name)) sessions.push_back(*session);
            return true;
        },
        stop));
    for (const auto& end : PERDURE_TRY(repository_.load_points(sessions, stop))) {
        if (!end.point || !moves_blocks(end.point->header.kind) || !end.point->header.index)
            continue;
        const auto index = repository_.load_index(end.session, end.point->header.index, stop,
                                                  IndexParts::WithoutLiveness);
        if (!index && ends_reading(index.error())) return index.error();
        if (index) learn(fresh, **index);
    }
    for (auto& [pack, places] : fresh.places)
        std::stable_sort(places.begin(), places.end(),
                         [](const Place& a, const Place& b) { return a.slot < b.slot; });
    fresh.loaded = true;
    state_.with([&](State& s) { s = std::move(fresh); });
    return {};
}

Result<std::vector<MovedBlock>> MovedBlocks::find(const BirthAddress& block, std::stop_token stop) {
    PERDURE_TRY(load(stop));
    return state_.with([&](const State& s) {
        std::vector<MovedBlock> found;
        const auto at = s.places.find(block.pack);
        if (at == s.places.end()) return found;
        const auto first =
            std::partition_point(at->second.begin(), at->second.end(),
                                 [&](const Place& p) { return p.slot < block.slot; });
        for (auto p = first; p != at->second.end() && p->slot == block.slot; ++p)
            found.push_back({s.holders[p->holder].table, p->entry});
        return found;
    });
}

Result<bool> MovedBlocks::holds_any_of(const BirthPack& pack, std::stop_token stop) {
    PERDURE_TRY(load(stop));
    return state_.with([&](const State& s) { return s.places.contains(pack); });
}

Result<std::vector<MovedBlocks::Holder>> MovedBlocks::holders(std::stop_token stop) {
    PERDURE_TRY(load(stop));
    return state_.with([](const State& s) { return s.holders; });
}

}  // namespace perdure
