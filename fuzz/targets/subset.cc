// The --subset option.
#include "cli/option_values.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto share = parse_subset(std::string(as_text(fuzz::view(data, size))));
    if (!share)
        fuzz::expect_blames_input(share.error());
    else
        fuzz::expect(*share > 0 && *share <= 1, "a share is a share");
    return 0;
}
