// Pages of runs, pages of pages of runs, and pages of bytes.
#include "repo/page.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::uint64_t kMostInBlock = 1U << 20;

void check_runs(const Recipe& runs, PackRegistry& packs) {
    for (const Run& run : runs) {
        fuzz::expect(run.length > 0, "no run is empty");
        fuzz::expect(run.is_hole() ||
                         (run.length <= kMostInBlock && run.offset <= kMostInBlock - run.length),
                     "a run lies inside its block");
    }
    const auto again = decode_runs_page(encode_runs_page(runs, packs), packs);
    fuzz::expect(again && *again == runs, "what decodes encodes to itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    PackRegistry& packs = fuzz::registry();
    const ByteView page = fuzz::view(data, size);
    if (const auto runs = decode_runs_page(page, packs)) check_runs(*runs, packs);
    if (const auto children = decode_runs_inner_page(page, packs)) {
        const auto again = decode_runs_inner_page(encode_runs_inner_page(*children, packs), packs);
        fuzz::expect(again && *again == *children, "what decodes encodes to itself");
    }
    if (const auto bytes = decode_bytes_page(page)) {
        fuzz::expect(equal(encode_bytes_page(*bytes), page), "a page of bytes has one form only");
    }
    const auto kind = page_kind(page);
    if (!kind) fuzz::expect_blames_input(kind.error());
    return 0;
}
