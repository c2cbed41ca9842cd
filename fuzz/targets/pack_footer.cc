// The footer of a pack: eight bytes of the pack's size, then its end.
#include "codec/crc32c.h"
#include "repo/pack.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

void parse(ByteView bytes, std::uint64_t pack_size) {
    const auto footer = parse_pack_footer(bytes, pack_size);
    if (!footer) return fuzz::expect_blames_input(footer.error());
    fuzz::expect(footer->manifest_offset <= pack_size &&
                     footer->manifest_length <= pack_size - footer->manifest_offset,
                 "a manifest lies inside its pack");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint64_t pack_size = input.u64();
    parse(input.rest(), pack_size);
    Buffer repaired = to_buffer(input.rest());
    if (repaired.size() < kPackFooterSize) return 0;
    std::byte* footer = repaired.data() + repaired.size() - kPackFooterSize;
    store_le<std::uint32_t>(footer + 16, crc32c({footer, 16}));
    parse(repaired, pack_size);
    return 0;
}
