// The packed address of a page: what decodes has one form only.
#include "repo/page.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz::view(data, size);
    const auto address = decode_address(bytes);
    if (!address)
        fuzz::expect_blames_input(address.error());
    else
        fuzz::expect(equal(encode_address(*address), bytes), "an address has one form only");
    return 0;
}
