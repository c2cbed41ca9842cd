// The --compression option.
#include "codec/compress.h"
#include "engine/backup.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto compression = parse_compression(as_text(fuzz::view(data, size)));
    if (!compression)
        fuzz::expect_blames_input(compression.error());
    else
        fuzz::expect(compression->level >= kMinLevel && compression->level <= kMaxLevel,
                     "a level is one that zstd is asked for");
    return 0;
}
