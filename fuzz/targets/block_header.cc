// The clear header of a block, and the checksum over header and payload.
#include "codec/crc32c.h"
#include "repo/block.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::size_t kCrcAt = 100;

void parse(ByteView bytes, bool with_payload) {
    const auto header = parse_block_header(bytes, with_payload);
    if (!header) return fuzz::expect_blames_input(header.error());
    fuzz::expect(header->raw_length <= kMaxBlockRaw, "a block has at most 1 MiB of content");
    fuzz::expect(header->sealed_length >= kTagSize, "a payload has room for its tag");
    fuzz::expect(!with_payload || kBlockHeaderSize + header->sealed_length <= bytes.size(),
                 "a payload lies inside its block");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz::view(data, size);
    parse(bytes, false);
    parse(bytes, true);
    if (bytes.size() < kBlockHeaderSize) return 0;
    const auto length = load_le<std::uint32_t>(bytes.data() + 52);
    if (length > bytes.size() - kBlockHeaderSize) return 0;
    Buffer repaired = to_buffer(bytes);
    store_le<std::uint32_t>(
        repaired.data() + kCrcAt,
        crc32c(crc32c(bytes.first(kCrcAt)), bytes.subspan(kBlockHeaderSize, length)));
    parse(repaired, true);
    return 0;
}
