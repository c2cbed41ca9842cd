// A span of retention, as --keep-within takes it.
#include "policy/span.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto span = parse_span(as_text(fuzz::view(data, size)));
    if (!span) {
        fuzz::expect_blames_input(span.error());
        return 0;
    }
    fuzz::expect(!span->is_zero(), "a span is some time");
    const auto again = parse_span(to_text(*span));
    fuzz::expect(again && *again == *span, "its text is the same span");
    const Time now{1'800'000'000'000'000'000};
    fuzz::expect(before(now, *span, FixedZone()) < now, "what is before a time is earlier");
    return 0;
}
