// An inner page of a tree.
#include "repo/page.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    PackRegistry& packs = fuzz::registry();
    const auto children = decode_inner_page(fuzz::view(data, size), packs);
    if (!children) {
        fuzz::expect_blames_input(children.error());
        return 0;
    }
    const auto again = decode_inner_page(encode_inner_page(*children, packs), packs);
    fuzz::expect(again && *again == *children, "what decodes encodes to itself");
    return 0;
}
