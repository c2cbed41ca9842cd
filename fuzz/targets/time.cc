// Times as people write them.
#include "base/clock.h"
#include "cli/selector.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(as_text(fuzz::view(data, size)));
    const auto time = parse_time(text);
    if (!time) {
        fuzz::expect_blames_input(time.error());
        return 0;
    }
    const auto again = parse_time(to_iso8601(Time{*time}));
    fuzz::expect(again && *again == *time, "a time that is written out is that time");
    return 0;
}
