// A file of the local cache: only the very bytes that were saved are ever loaded.
#include "repo/local_cache.h"

#include <fstream>
#include <iterator>

#include "support/fuzz.h"
#include "support/temp_dir.h"

using namespace perdure;

namespace {

struct Cache {
    Cache() {
        cache.save("x", as_bytes("what was cached"));
        std::ifstream in(path(), std::ios::binary);
        saved.assign(std::istreambuf_iterator<char>(in), {});
    }
    std::string path() const { return cache.directory() + "/x"; }

    TempDir directory{TempDir::memory()};
    LocalCache cache{directory.path(), fuzz::repository_id(), fuzz::key()};
    std::string saved;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Cache cache;
    const std::string_view bytes = as_text(fuzz::view(data, size));
    std::ofstream(cache.path(), std::ios::binary) << bytes;
    const auto loaded = cache.cache.load("x");
    fuzz::expect(loaded.has_value() == (bytes == cache.saved), "only what was saved is loaded");
    return 0;
}
