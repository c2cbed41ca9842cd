// The body of the config.
#include "repo/config.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_round_trip(fuzz::view(data, size), decode_config, encode_config);
    return 0;
}
