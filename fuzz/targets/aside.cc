// The body of a repair record, with the damaged object in it.
#include "repo/aside.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz::view(data, size);
    if (!fuzz::expands_little(bytes)) return 0;
    fuzz::expect_round_trip(bytes, decode_aside, encode_aside);
    return 0;
}
