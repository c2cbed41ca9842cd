// The body of gc/<k>.verdict: which condemned packs go.
#include "repo/collection_records.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_round_trip(fuzz::view(data, size), decode_verdict,
                            [](const CollectionVerdict& read) {
                                return encode_verdict(read, {1, 1});
                            });
    return 0;
}
