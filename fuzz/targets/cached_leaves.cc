// The cached index and hints of one of a writer's own sessions.
#include "repo/index.h"
#include "repo/session_cache.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto leaves = decode_cached_leaves(fuzz::view(data, size));
    if (!leaves) return 0;
    fuzz::expect(equal(encode_cached_leaves(*leaves), fuzz::view(data, size)),
                 "cached leaves have one form only");
    return 0;
}
