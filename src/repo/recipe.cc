#include "repo/recipe.h"

#include <algorithm>

#include "base/check.h"

namespace perdure {

void append_run(Recipe& recipe, const Run& run) {
    if (run.length == 0) return;
    if (!recipe.empty()) {
        Run& last = recipe.back();
        const bool touches = last.is_hole() ? run.is_hole()
                                            : last.pack == run.pack && last.slot == run.slot &&
                                                  last.offset + last.length == run.offset;
        if (touches) {
            last.length += run.length;
            return;
        }
    }
    recipe.push_back(run);
}

std::uint64_t length_of(const Recipe& recipe) {
    std::uint64_t length = 0;
    for (const Run& run : recipe) length += run.length;
    return length;
}

namespace {
constexpr std::uint32_t kEmpty = ~std::uint32_t{0};
constexpr std::size_t kFirstSlots = 64;
}  // namespace

/// Where `pack` is, or where it belongs.
std::size_t PackRegistry::State::slot_of(const BirthPack& pack) const {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = BirthPackHash()(pack) & mask;
    while (slots[at] != kEmpty && packs[slots[at]] != pack) at = (at + 1) & mask;
    return at;
}

void PackRegistry::State::grow() {
    slots.assign(std::max(kFirstSlots, slots.size() * 2), kEmpty);
    for (std::uint32_t n = 0; n < packs.size(); ++n) slots[slot_of(packs[n])] = n;
}

PackNumber PackRegistry::number_of(const BirthPack& pack) {
    return state_.with([&](State& s) {
        if (2 * s.packs.size() >= s.slots.size()) s.grow();
        std::uint32_t& slot = s.slots[s.slot_of(pack)];
        if (slot == kEmpty) {
            slot = static_cast<std::uint32_t>(s.packs.size());
            s.packs.push_back(pack);
        }
        return PackNumber{slot};
    });
}

std::optional<PackNumber> PackRegistry::find(const BirthPack& pack) const {
    return state_.with([&](const State& s) -> std::optional<PackNumber> {
        const std::uint32_t slot = s.slots.empty() ? kEmpty : s.slots[s.slot_of(pack)];
        return slot == kEmpty ? std::nullopt : std::optional(PackNumber{slot});
    });
}

BirthPack PackRegistry::pack_of(PackNumber pack) const {
    return state_.with([&](const State& s) {
        PERDURE_CHECK(number(pack) < s.packs.size());
        return s.packs[number(pack)];
    });
}

std::size_t PackRegistry::size() const {
    return state_.with([](const State& s) { return s.packs.size(); });
}

void LivenessMarks::mark(PackNumber pack, std::uint32_t slot) {
    const std::size_t at = number(pack);
    if (at >= bitmaps_.size()) bitmaps_.resize(at + 1);
    auto& bits = bitmaps_[at];
    if (slot / 64 >= bits.size()) bits.resize(slot / 64 + 1);
    bits[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void LivenessMarks::mark(const Recipe& recipe) {
    for (const Run& run : recipe)
        if (!run.is_hole()) mark(run.pack, run.slot);
}

void LivenessMarks::mark(PackNumber pack, const std::vector<std::uint64_t>& slots) {
    const std::size_t at = number(pack);
    if (at >= bitmaps_.size()) bitmaps_.resize(at + 1);
    auto& bits = bitmaps_[at];
    if (slots.size() > bits.size()) bits.resize(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) bits[i] |= slots[i];
}

bool LivenessMarks::contains(PackNumber pack, std::uint32_t slot) const {
    const std::size_t at = number(pack);
    return at < bitmaps_.size() && slot / 64 < bitmaps_[at].size() &&
           (bitmaps_[at][slot / 64] >> (slot % 64) & 1) != 0;
}

}  // namespace perdure
