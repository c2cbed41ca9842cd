// A compressed frame: four bytes of the length expected, then the frame.
#include "codec/compress.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::uint32_t kMost = 1U << 20;  // of a block

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Decompressor decompressor;
    static Buffer out;
    fuzz::Input input(data, size);
    const std::uint32_t length = input.u32();
    if (length > kMost) return 0;
    out.resize(length);
    const auto decoded = decompressor.decompress(input.rest(), out);
    if (!decoded) fuzz::expect_blames_input(decoded.error());
    return 0;
}
