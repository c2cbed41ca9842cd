// The list of a writer's own sessions whose leaves are cached.
#include "repo/session_cache.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto sessions = decode_cached_sessions(fuzz::view(data, size));
    if (!sessions) return 0;
    fuzz::expect(equal(encode_cached_sessions(*sessions), fuzz::view(data, size)),
                 "cached sessions have one form only");
    return 0;
}
