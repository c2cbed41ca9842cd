// The cached index and hints of one of a writer's own sessions.
#include "repo/index.h"
#include "repo/session_cache.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_one_form(fuzz::view(data, size), &decode_cached_leaves, &encode_cached_leaves);
    return 0;
}
