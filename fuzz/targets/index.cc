// The body of an index, compressed or not.
#include "repo/index.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

// A body may expand 131,072-fold, as zstd does; inputs that say more than this cost only time here.
constexpr std::uint64_t kMostRaw = 1U << 20;

bool is_small(ByteView body) {
    return body.size() < 9 || load_le<std::uint64_t>(body.data() + 1) <= kMostRaw;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView body = fuzz::view(data, size);
    if (is_small(body))
        fuzz::expect_round_trip(
            body, [](ByteView bytes) { return decode_index(bytes); }, encode_index);
    return 0;
}
