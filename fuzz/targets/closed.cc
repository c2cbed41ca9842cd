// The body of a closed record: how the numbers of a log ended.
#include "repo/closed.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_round_trip(fuzz::view(data, size), decode_closed, encode_closed);
    return 0;
}
