// The body of a pack's manifest, behind its seal: what a hostile writer may put there.
#include "repo/pack.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto manifest = decode_manifest(fuzz::view(data, size), fuzz::birth_pack());
    if (!manifest) {
        fuzz::expect_blames_input(manifest.error());
        return 0;
    }
    fuzz::expect(manifest->pack == fuzz::birth_pack(), "a manifest is its pack's");
    std::uint64_t leaves = 0;
    for (const SlotEntry& slot : manifest->slots) leaves += slot.leaf_count;
    fuzz::expect(leaves == manifest->leaves.size(), "every leaf belongs to a block");
    return 0;
}
