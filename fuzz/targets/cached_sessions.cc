// The list of a writer's own sessions whose leaves are cached.
#include "repo/session_cache.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_one_form(fuzz::view(data, size), &decode_cached_sessions, &encode_cached_sessions);
    return 0;
}
