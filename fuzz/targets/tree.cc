// A whole tree of hostile pages: a path to seek, then pages, each behind two bytes of its length.
// A page's slot, modulo their number, tells which page is meant.
#include <vector>

#include "repo/tree.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr int kMostLoads = 64;
constexpr int kMostEntries = 512;

std::vector<std::shared_ptr<const Buffer>> read_pages(fuzz::Input& input) {
    std::vector<std::shared_ptr<const Buffer>> pages;
    while (!input.empty()) {
        const std::size_t length = input.u8() | static_cast<std::size_t>(input.u8()) << 8;
        pages.push_back(std::make_shared<const Buffer>(to_buffer(input.bytes(length))));
    }
    return pages;
}

void walk(PageAddress root, PackRegistry& packs, const LoadPage& load, const std::string& path) {
    TreeCursor cursor(root, packs, load);
    for (int i = 0; i < kMostEntries; ++i) {
        auto entry = cursor.next();
        if (!entry || !*entry) break;
        TreeEntry whole = std::move(**entry);
        if (!cursor.complete(whole)) continue;
        fuzz::expect(whole.outlined_xattrs.empty() && !whole.outlined_recipe,
                     "nothing of a complete entry lies elsewhere");
        fuzz::expect(
            whole.entry.type != EntryType::File || length_of(whole.recipe) == whole.entry.size,
            "a recipe adds up to its file");
    }
    if (!cursor.seek(path)) return;
    const auto found = cursor.next();
    if (found && *found && (*found)->entry.path == path) return;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::string path(input.line());
    const std::vector<std::shared_ptr<const Buffer>> pages = read_pages(input);
    if (pages.empty()) return 0;
    PackRegistry& packs = fuzz::registry();
    int loads = 0;
    const LoadPage load = [&](PageAddress page) -> Result<std::shared_ptr<const Buffer>> {
        if (++loads > kMostLoads) return Error(ErrorKind::Cancelled, "enough");
        return pages[page.slot % pages.size()];
    };
    const PageAddress root{packs.number_of(fuzz::birth_pack()), 0};
    walk(root, packs, load, path);
    loads = 0;
    const auto visited =
        visit_tree(root, packs, load,
                   {[](PageAddress) { return Result<void>(); },
                    [](const TreeEntry&, const Recipe&) { return Result<void>(); }});
    if (!visited && loads <= kMostLoads) fuzz::expect_blames_input(visited.error());
    return 0;
}
