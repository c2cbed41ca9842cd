// The clear header of a pack.
#include "codec/crc32c.h"
#include "repo/pack.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::size_t kFixed = 64;

/// The checksum behind the secrets, made right.
Buffer with_checksum(ByteView bytes) {
    Buffer repaired = to_buffer(bytes);
    if (bytes.size() < kFixed) return repaired;
    const auto count = load_le<std::uint32_t>(bytes.data() + kFixed - 4);
    std::size_t at = kFixed;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (bytes.size() - at < 16) return repaired;
        const auto length = load_le<std::uint32_t>(bytes.data() + at + 12);
        if (bytes.size() - at - 16 < length) return repaired;
        at += 16 + length;
    }
    if (bytes.size() - at >= 4)
        store_le<std::uint32_t>(repaired.data() + at, crc32c(bytes.first(at)));
    return repaired;
}

void parse(ByteView bytes) {
    const auto header = parse_pack_header(bytes);
    if (!header) return fuzz::expect_blames_input(header.error());
    fuzz::expect(header->size <= bytes.size(), "a header lies inside its pack");
    std::size_t length = kFixed + 4;
    for (const SealedSecret& secret : header->secrets) length += 16 + secret.box.size();
    fuzz::expect(header->size == length, "a header is as long as what it holds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz::view(data, size);
    parse(bytes);
    parse(with_checksum(bytes));
    return 0;
}
