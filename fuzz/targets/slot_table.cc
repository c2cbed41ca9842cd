// A packed slot table: where the blocks of a pack lie.
#include "repo/pack.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

/// Other packs that copied blocks may have been born in.
std::vector<BirthPack> other_births() {
    std::vector<BirthPack> births(3, fuzz::birth_pack());
    for (std::size_t i = 0; i < births.size(); ++i)
        births[i].session.session = SessionNumber{100 + i};
    return births;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::vector<BirthPack> births = other_births();
    const BirthPack& own = fuzz::birth_pack();
    const auto slots = decode_slots(fuzz::view(data, size), own, births);
    if (!slots) {
        fuzz::expect_blames_input(slots.error());
        return 0;
    }
    std::uint64_t end = 0;
    for (const SlotEntry& slot : *slots) {
        fuzz::expect(slot.offset >= end, "blocks do not overlap");
        end = slot.offset + kBlockHeaderSize + slot.sealed_length;
    }
    std::vector<BirthPack> used;
    const Buffer once = encode_slots(*slots, own, used);
    const auto again = decode_slots(once, own, used);
    std::vector<BirthPack> used_again;
    fuzz::expect(again && equal(encode_slots(*again, own, used_again), once),
                 "what decodes encodes the same again");
    return 0;
}
