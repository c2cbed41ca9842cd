// Dedup of the chunker under many keys, each file a stream:
//   chunk_dedup AVERAGE_LOG2 KEYS FILE...
// ten: G16 as the format has it. twelve: with a stage 1 of 12 bits and 2 fewer in stage 2, as first
// specified. gear64: FastCDC, one stage, 64-bit gear over 256 random words.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unordered_set>

#include "base/random.h"
#include "chunk/chunker.h"
#include "chunk/confirm.h"
#include "chunk/gear.h"
#include "chunk/select_cuts.h"

namespace perdure {
namespace {

using Cuts = std::vector<std::uint32_t>;

/// scan_scalar with the mask of 12 bits.
void scan_twelve(const GearTables& tables, const std::byte* data, std::size_t begin,
                 std::size_t end, std::uint64_t* hits) {
    std::uint32_t h = 0;
    for (std::size_t i = begin - 15; i < end; ++i) {
        h = (h << 1) + tables.by_byte[std::to_integer<std::uint8_t>(data[i])];
        if (i >= begin && (h & 0xfff0) == 0)
            hits[(i - begin) / 64] |= std::uint64_t{1} << ((i - begin) % 64);
    }
}

struct Chunkers {
    ChunkerProfile profile;
    ChunkerTables tables;
    GearTables gear;
    ConfirmKey key;
    std::array<std::uint64_t, 256> words64;
    std::uint64_t questions = 0;  // to stage 2, by the last chunker

    Chunkers(std::uint32_t average_log2, SeededRandom& random)
        : profile{average_log2},
          tables(random_tables(random)),
          gear(tables.a, tables.b),
          key(tables.confirm_key) {
        for (auto& word : words64) word = random.next();
    }

    static ChunkerTables random_tables(SeededRandom& random) {
        Buffer words(64), key16(16);
        random.fill(words);
        random.fill(key16);
        return ChunkerTables::from_bytes(words, key16);
    }

    Cuts two_stages(ByteView data, GearKernel kernel, const CutRule& rule) {
        Confirm confirm(key);
        const auto value = [&](const std::byte* window) {
            ++questions;
            return confirm(window);
        };
        Cuts cuts, candidates;
        CutSelection(rule, kernel, gear, data, value, candidates).run(true, cuts);
        return cuts;
    }

    Cuts ten(ByteView data) {
        return two_stages(data, gear_kernel(preferred_kernel()), CutRule(profile));
    }

    Cuts twelve(ByteView data) {
        CutRule rule(profile);
        rule.mask_before >>= 2;
        rule.mask_after >>= 2;
        return two_stages(data, scan_twelve, rule);
    }

    Cuts gear64(ByteView data) {
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
};

/// One chunker under all keys.
struct Series {
    std::vector<double> ratios, leaves, questions;

    void add(const Tally& tally, std::uint64_t asked) {
        const auto bytes = static_cast<double>(tally.bytes);
        const auto count = static_cast<double>(tally.leaves);
        ratios.push_back(bytes / static_cast<double>(tally.unique_bytes));
        leaves.push_back(bytes / count);
        questions.push_back(static_cast<double>(asked) / count);
    }

    void print(const char* name) {
        const auto show = [](const char* what, std::vector<double>& values, int digits) {
            double sum = 0;
            for (const double value : values) sum += value;
            std::sort(values.begin(), values.end());
            fmt::print("  {} {:.{}f} / {:.{}f} / {:.{}f}, mean {:.{}f}", what, values.front(),
                       digits, values[values.size() / 2], digits, values.back(), digits,
                       sum / static_cast<double>(values.size()), digits);
        };
        fmt::print("{:7}", name);
        show("ratio", ratios, 3);
        show("leaf", leaves, 0);
        show("questions", questions, 1);
        fmt::print("\n");
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
    if (argc < 4) {
        fmt::print(stderr, "usage: chunk_dedup AVERAGE_LOG2 KEYS FILE...\n");
        return 1;
    }
    std::vector<Buffer> streams;
    for (int i = 3; i < argc; ++i) streams.push_back(contents(argv[i]));
    Series ten, twelve, gear64;
    SeededRandom random(1234);
    for (int key = std::atoi(argv[2]); key > 0; --key) {
        Chunkers chunkers(static_cast<std::uint32_t>(std::atoi(argv[1])), random);
        const auto measure = [&](Series& series, Cuts (Chunkers::*cut)(ByteView)) {
            Tally tally;
            chunkers.questions = 0;
            for (const Buffer& stream : streams) tally.add(stream, (chunkers.*cut)(stream));
            series.add(tally, chunkers.questions);
        };
        measure(ten, &Chunkers::ten);
        measure(twelve, &Chunkers::twelve);
        measure(gear64, &Chunkers::gear64);
    }
    fmt::print("least / median / most\n");
    ten.print("ten");
    twelve.print("twelve");
    gear64.print("gear64");
    return 0;
}
