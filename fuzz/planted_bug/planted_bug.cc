// Not a parser of ours: one that believes the length it reads, to show that a replay finds that.
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::size_t length = input.u8();
    fuzz::expect(length <= input.rest().size(), "a length lies inside its input");
    return 0;
}
