// A page of entries: what decodes is in order and adds up, and encodes to itself.
#include "base/entry.h"
#include "repo/page.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::uint64_t kMostInBlock = 1U << 20;

void check(const TreeEntry& e) {
    if (e.entry.type != EntryType::File || e.outlined_recipe) return;
    std::uint64_t rest = e.entry.size;
    for (const Run& run : e.recipe) {
        fuzz::expect(run.length > 0 && run.length <= rest, "runs add up to the file");
        rest -= run.length;
        fuzz::expect(run.is_hole() ||
                         (run.length <= kMostInBlock && run.offset <= kMostInBlock - run.length),
                     "a run lies inside its block");
    }
    fuzz::expect(rest == 0, "runs are the whole file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    PackRegistry& packs = fuzz::registry();
    const auto entries = decode_entries_page(fuzz::view(data, size), packs);
    if (!entries) {
        fuzz::expect_blames_input(entries.error());
        return 0;
    }
    for (std::size_t i = 0; i < entries->size(); ++i) {
        check((*entries)[i]);
        fuzz::expect(i == 0 || path_less((*entries)[i - 1].entry.path, (*entries)[i].entry.path),
                     "entries are in order");
    }
    const auto again = decode_entries_page(encode_entries_page(*entries, packs), packs);
    fuzz::expect(again && *again == *entries, "what decodes encodes to itself");
    return 0;
}
