// The body of an index, compressed or not.
#include "repo/index.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView body = fuzz::view(data, size);
    if (fuzz::expands_little(body))
        fuzz::expect_round_trip(
            body, [](ByteView bytes) { return decode_index(bytes); }, encode_index);
    return 0;
}
