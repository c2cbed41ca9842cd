// The cached position in a writer's log.
#include "repo/session_cache.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const WriterNumber writer{3};
    const auto position = decode_log_position(writer, fuzz::view(data, size));
    if (!position) return 0;
    fuzz::expect((position->next > 1) == position->previous.has_value(),
                 "what was read has a digest");
    fuzz::expect(equal(encode_log_position(writer, *position), fuzz::view(data, size)),
                 "a position has one form only");
    return 0;
}
