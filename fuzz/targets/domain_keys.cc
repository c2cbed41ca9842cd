// What a sealed box for one writer holds of a domain.
#include "repo/config.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_round_trip(fuzz::view(data, size), decode_domain_keys,
                            [](const DomainKeys& keys) { return encode_domain_keys(keys, true); });
    return 0;
}
