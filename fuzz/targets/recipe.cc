// Recipes put together run by run, and what a liveness summary says of them.
#include "repo/recipe.h"
#include "repo/index.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

Run next_run(fuzz::Input& input) {
    const std::uint8_t kind = input.u8();
    const std::uint64_t length = input.u32();
    if (kind % 4 == 0) return Run::hole(length);
    return {PackNumber{kind % 3U}, input.u8(), input.u32() % (1U << 20), length};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Recipe recipe;
    LivenessMarks marks;
    std::uint64_t length = 0;
    while (!input.empty()) {
        const Run run = next_run(input);
        append_run(recipe, run);
        length += run.length;
    }
    fuzz::expect(length_of(recipe) == length, "joining runs loses nothing");
    for (const Run& run : recipe) fuzz::expect(run.length > 0, "no run is empty");
    marks.mark(recipe);
    for (const Run& run : recipe)
        fuzz::expect(run.is_hole() || marks.contains(run.pack, run.slot),
                     "what a recipe needs is marked");
    return 0;
}
