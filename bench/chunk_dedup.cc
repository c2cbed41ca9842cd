// Dedup of the chunker against two others on the same files, each file a stream:
//   chunk_dedup AVERAGE_LOG2 FILE...
// aes: G16 as the format has it. fold: G16 with a stage 2 of two multiply-folds over 32 bytes, the
// stand-in of the first measurements. gear64: FastCDC, one stage, 64-bit gear over 256 random
// words.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <unordered_set>

#include "base/random.h"
#include "chunk/chunker.h"
#include "chunk/confirm.h"
#include "chunk/gear.h"
#include "chunk/reference_vectors.h"
#include "chunk/select_cuts.h"

namespace perdure {
namespace {

using Cuts = std::vector<std::uint32_t>;

struct Chunkers {
    ChunkerProfile profile;
    ChunkerTables tables = reference_tables();
    GearTables gear{tables.a, tables.b};
    GearKernel kernel = gear_kernel(preferred_kernel());
    ConfirmKey key{tables.confirm_key};
    std::array<std::uint64_t, 256> words64;

    explicit Chunkers(std::uint32_t average_log2) : profile{average_log2} {
        SeededRandom random(99);
        for (auto& word : words64) word = random.next();
    }

    template <class Value>
    Cuts two_stages(ByteView data, Value& value) const {
        Cuts cuts, candidates;
        CutSelection(CutRule(profile), kernel, gear, data, value, candidates).run(true, cuts);
        return cuts;
    }

    Cuts aes(ByteView data) const {
        Confirm confirm(key);
        return two_stages(data, confirm);
    }

    Cuts fold(ByteView data) const {
        const auto value = [](const std::byte* window) {
            const auto mix = [](std::uint64_t x, std::uint64_t y) {
                __extension__ using Wide = unsigned __int128;
                const Wide product = Wide{x} * y;
                return static_cast<std::uint64_t>(product) ^
                       static_cast<std::uint64_t>(product >> 64);
            };
            const auto word = [&](std::size_t i) {
                return load_le<std::uint64_t>(window + 32 + i);
            };
            return mix(word(0) ^ 0xa0761d6478bd642f, word(8) ^ 0xe7037ed1a0b428db) ^
                   mix(word(16) ^ 0x8ebc6af09c88c6e3, word(24) ^ 0x589965cc75374cc3);
        };
        return two_stages(data, value);
    }

    Cuts gear64(ByteView data) const {
        const auto top_bits = [](std::uint32_t bits) { return ~std::uint64_t{0} << (64 - bits); };
        const std::uint64_t before = top_bits(profile.average_log2 + 2);
        const std::uint64_t after = top_bits(profile.average_log2 - 2);
        Cuts cuts;
        for (std::size_t start = 0; start < data.size(); start = cuts.back()) {
            const std::size_t limit =
                std::min<std::size_t>(data.size(), start + profile.max_size());
            std::size_t end = std::min(limit, start + profile.min_size());
            for (std::uint64_t h = 0; end < limit;) {
                h = (h << 1) + words64[std::to_integer<std::uint8_t>(data[end])];
                const bool early = end < start + profile.average_size();
                ++end;
                if ((h & (early ? before : after)) == 0) break;
            }
            cuts.push_back(static_cast<std::uint32_t>(end));
        }
        return cuts;
    }
};

struct Tally {
    std::unordered_set<std::string> seen;
    std::uint64_t leaves = 0, bytes = 0, unique_bytes = 0;

    void add(ByteView data, const Cuts& cuts) {
        std::size_t start = 0;
        for (const std::size_t end : cuts) {
            std::string digest(32, '\0');
            if (EVP_Digest(data.data() + start, end - start,
                           reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
                           nullptr) != 1)
                std::abort();
            if (seen.insert(digest).second) unique_bytes += end - start;
            bytes += end - start;
            ++leaves;
            start = end;
        }
    }

    void print(const char* name) const {
        fmt::print(
            "{:8} {:9} leaves, mean {:6.0f} B, unique {:9.2f} MB of {:9.2f} MB, ratio {:.3f}\n",
            name, leaves, static_cast<double>(bytes) / static_cast<double>(leaves),
            static_cast<double>(unique_bytes) / 1e6, static_cast<double>(bytes) / 1e6,
            static_cast<double>(bytes) / static_cast<double>(unique_bytes));
    }
};

Buffer contents(const char* path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    Buffer data(in ? static_cast<std::size_t>(in.tellg()) : 0);
    in.seekg(0);
    if (!in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size()))) {
        fmt::print(stderr, "cannot read {}\n", path);
        std::exit(1);
    }
    return data;
}

}  // namespace
}  // namespace perdure

int main(int argc, char** argv) {
    using namespace perdure;
    if (argc < 3) {
        fmt::print(stderr, "usage: chunk_dedup AVERAGE_LOG2 FILE...\n");
        return 1;
    }
    const Chunkers chunkers(static_cast<std::uint32_t>(std::atoi(argv[1])));
    Tally aes, fold, gear64;
    for (int i = 2; i < argc; ++i) {
        const Buffer data = contents(argv[i]);
        aes.add(data, chunkers.aes(data));
        fold.add(data, chunkers.fold(data));
        gear64.add(data, chunkers.gear64(data));
    }
    aes.print("aes");
    fold.print("fold");
    gear64.print("gear64");
    return 0;
}
