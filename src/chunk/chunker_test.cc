#include "chunk/chunker.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>

#include "base/random.h"
#include "chunk/gear.h"
#include "chunk/reference_vectors.h"
#include "chunk/select_cuts.h"

namespace perdure {
namespace {

using Cuts = std::vector<std::uint32_t>;

Cuts cut_whole(const Chunker& chunker, ByteView data) {
    Cuts cuts;
    Chunker::Scratch scratch;
    chunker.cut(data, true, cuts, scratch);
    return cuts;
}

Cuts candidates_of(const GearTables& tables, ByteView data) {
    Cuts candidates;
    if (data.size() > 64) append_candidates(scan_scalar, tables, data, 64, data.size(), candidates);
    return candidates;
}

/// The rules as the definition has them: one pass, every candidate of the stream, no skipping.
template <class Value>
Cuts cut_plainly(const ChunkerProfile& profile, const GearTables& tables, ByteView data,
                 Value value) {
    const Cuts candidates = candidates_of(tables, data);
    const std::size_t b = profile.average_log2;
    const std::uint64_t before = std::max<std::size_t>(b + 2, 10) - 10;
    const std::uint64_t after = std::max<std::size_t>(b - 2, 10) - 10;
    Cuts cuts;
    for (std::size_t start = 0; start < data.size(); start = cuts.back()) {
        const std::size_t rest = data.size() - start;
        const std::size_t limit = std::min<std::size_t>(rest, profile.max_size());
        std::size_t end = start + limit;
        for (const std::size_t c : candidates) {
            if (rest <= profile.min_size() || c < start + profile.min_size()) continue;
            if (c >= start + limit) break;
            const auto bits = c < start + profile.average_size() ? before : after;
            if (value(data.data() + c - 63) % (std::uint64_t{1} << bits) != 0) continue;
            end = c + 1;
            break;
        }
        cuts.push_back(static_cast<std::uint32_t>(end));
    }
    return cuts;
}

Cuts cut_in_pieces(const Chunker& chunker, ByteView data, SeededRandom& random, std::size_t most) {
    Cuts all;
    Chunker::Scratch scratch;
    std::size_t begin = 0;
    std::size_t end = 0;
    while (end < data.size()) {
        end = std::min(data.size(), end + 1 + random.below(most));
        Cuts cuts;
        chunker.cut(data.subspan(begin, end - begin), end == data.size(), cuts, scratch);
        for (const auto c : cuts) all.push_back(static_cast<std::uint32_t>(begin + c));
        if (!cuts.empty()) begin += cuts.back();
    }
    return all;
}

Buffer words_of(std::string_view alphabet, std::size_t size, std::uint64_t seed) {
    SeededRandom random(seed);
    Buffer data(size);
    for (auto& byte : data) byte = static_cast<std::byte>(alphabet[random.below(alphabet.size())]);
    return data;
}

/// Random data, text of few letters, runs, and tables that make a run all candidates.
std::vector<Buffer> varied_inputs() {
    std::vector<Buffer> inputs;
    inputs.push_back(reference_input(700'001));
    inputs.push_back(words_of("ACGT", 300'000, 2));
    inputs.push_back(words_of("0123456789\n", 300'000, 3));
    inputs.push_back(Buffer(400'000, std::byte{0}));
    Buffer mixed = reference_input(50'000);
    mixed.insert(mixed.end(), 150'000, std::byte{0});
    append(mixed, words_of("ab", 150'000, 4));
    mixed.insert(mixed.end(), 4096, std::byte{1});
    inputs.push_back(std::move(mixed));
    return inputs;
}

ChunkerTables tables_with_zero_run() {
    ChunkerTables tables = reference_tables();
    tables.b[0] = tables.a[0];
    return tables;
}

TEST(Chunker, ConfirmEverythingCutsAtTheFirstCandidatePastTheMinimum) {
    const Buffer data = reference_input(1 << 20);
    const GearTables tables(kReferenceA, kReferenceB);
    const CutRule rule{ChunkerProfile{}};
    const Cuts first = {4396, 8545, 13239, 23367, 27971, 34004};
    for (const auto kernel : available_kernels()) {
        const auto everything = [](const std::byte*) { return std::uint64_t{0}; };
        Cuts candidates;
        Cuts cuts;
        CutSelection(rule, gear_kernel(kernel), tables, data, everything, candidates)
            .run(true, cuts);
        ASSERT_EQ(cuts.size(), 203U);
        EXPECT_EQ(Cuts(cuts.begin(), cuts.begin() + 6), first);
        EXPECT_EQ(cuts.back(), data.size());
    }
}

/// The end of the first leaf if every position is a candidate, so that stage 2 alone decides. The
/// average is 64 KiB: eight bits of v are asked for before it, four past it.
template <class Value>
std::uint32_t first_end(ByteView data, const Value& value) {
    const CutRule rule{ChunkerProfile{16}};
    const GearTables all({}, {});
    Cuts candidates;
    Cuts cuts;
    CutSelection(rule, gear_kernel(preferred_kernel()), all, data, value, candidates)
        .run(true, cuts);
    return cuts[0];
}

/// With a stage 2 that gives `v` at position `at` and all ones elsewhere.
std::uint32_t first_end(ByteView data, std::size_t at, std::uint64_t v) {
    return first_end(data, [&](const std::byte* window) {
        return window + kConfirmWindow == data.data() + at + 1 ? v : ~std::uint64_t{0};
    });
}

TEST(Chunker, TheEdgesOfTheRulesAreExact) {
    constexpr std::uint32_t kMin = 16'384, kAverage = 65'536, kMax = 262'144;
    const Buffer data = reference_input(300'000);
    EXPECT_EQ(first_end(data, kMin - 1, 0), kMax);
    EXPECT_EQ(first_end(data, kMin, 0), kMin + 1);
    EXPECT_EQ(first_end(data, kMax - 2, 0), kMax - 1);
    EXPECT_EQ(first_end(data, kMax, 0), kMax);
    const std::uint64_t eight_bits = 1 << 8;
    const std::uint64_t four_bits = 1 << 4;
    EXPECT_EQ(first_end(data, kAverage - 1, eight_bits), kAverage);
    EXPECT_EQ(first_end(data, kAverage - 1, eight_bits / 2), kMax);
    EXPECT_EQ(first_end(data, kAverage - 1, four_bits), kMax);
    EXPECT_EQ(first_end(data, kAverage, four_bits), kAverage + 1);
    EXPECT_EQ(first_end(data, kAverage, four_bits / 2), kMax);
}

TEST(Chunker, AnAnswerIsRememberedForTheSameWindowOnly) {
    Buffer data(300'000, std::byte{0});
    data[20'000] = std::byte{1};
    int asked = 0;
    EXPECT_EQ(first_end(data,
                        [&](const std::byte* window) {
                            ++asked;
                            return window[kConfirmWindow - 1] == std::byte{1} ? 0U : ~0U;
                        }),
              20'001U);
    EXPECT_EQ(asked, 3);  // before the cut, at it, and once for all that follows
}

// Every position is a candidate, so that whole runs are passed over and their ends must be met.
TEST(Chunker, NoCutIsMissedAtTheEndsOfRuns) {
    SeededRandom random(31);
    const ChunkerProfile profile{13};
    const GearTables all({}, {});
    for (int round = 0; round < 8; ++round) {
        Buffer data;
        while (data.size() < 120'000)
            data.insert(data.end(), 1 + random.below(9000),
                        static_cast<std::byte>(random.below(3)));
        const std::uint64_t key = random.next() | 1;
        const auto value = [&](const std::byte* window) {
            std::uint64_t v = key;
            for (std::size_t i = 0; i < kConfirmWindow; ++i)
                v = (v ^ std::to_integer<std::uint64_t>(window[i]) ^ (v >> 29)) * key;
            return v >> 32;
        };
        Cuts candidates, cuts;
        CutSelection(CutRule(profile), gear_kernel(preferred_kernel()), all, data, value,
                     candidates)
            .run(true, cuts);
        ASSERT_EQ(cuts, cut_plainly(profile, all, data, value));
    }
}

TEST(Chunker, TheByteAfterARunMayEndALeaf) {
    for (const std::size_t length : {63U, 64U, 65U, 66U, 127U, 128U, 129U, 130U, 5000U}) {
        Buffer data = reference_input(300'000);
        std::fill_n(data.begin() + 20'000, length, std::byte{7});
        const std::size_t after = 20'000 + length;
        data[after] = std::byte{8};
        EXPECT_EQ(first_end(data, after, 0), after + 1);
    }
}

// Equal windows further apart are no run, whatever byte follows them.
TEST(Chunker, RepeatedRecordsAreNotTakenForARun) {
    const auto words = tables_with_zero_run();
    const GearTables tables(words.a, words.b);  // sixteen zeros are a candidate
    Buffer record = reference_input(48);
    record[47] = std::byte{2};  // its word is odd: fewer than sixteen zeros are none
    record.resize(64, std::byte{0});
    Buffer data;
    while (data.size() < 18'000) append(data, record);
    ASSERT_EQ(candidates_of(tables, data).size(), data.size() / 64 - 1);
    const std::size_t seventeenth_zero = data.size();
    data.push_back(std::byte{0});
    append(data, reference_input(100'000));
    const auto value = [&](const std::byte* window) {
        const bool wanted = window + kConfirmWindow == data.data() + seventeenth_zero + 1;
        return wanted ? std::uint64_t{0} : ~std::uint64_t{0};
    };
    Cuts candidates, cuts;
    CutSelection(CutRule{ChunkerProfile{16}}, gear_kernel(preferred_kernel()), tables, data, value,
                 candidates)
        .run(true, cuts);
    EXPECT_EQ(cuts[0], seventeenth_zero + 1);
}

TEST(Chunker, CutsFollowTheRulesWrittenPlainly) {
    for (const auto& tables : {reference_tables(), tables_with_zero_run()}) {
        const GearTables gear(tables.a, tables.b);
        const ConfirmKey key(tables.confirm_key, AesKind::OpenSsl);
        for (const std::uint32_t b : {13U, 14U, 16U}) {
            const ChunkerProfile profile{b};
            for (const Buffer& data : varied_inputs()) {
                Confirm confirm(key);
                const auto expected = cut_plainly(profile, gear, data, std::ref(confirm));
                for (const auto kernel : available_kernels())
                    ASSERT_EQ(cut_whole(Chunker(profile, tables, kernel), data), expected);
            }
        }
    }
}

TEST(Chunker, AnySplitOfCallsGivesTheCutsOfTheWhole) {
    SeededRandom random(21);
    for (const auto& tables : {reference_tables(), tables_with_zero_run()}) {
        const Chunker chunker(ChunkerProfile{}, tables);
        for (const Buffer& data : varied_inputs()) {
            const auto whole = cut_whole(chunker, data);
            for (const std::size_t most : {3000U, 70'000U, 300'000U})
                ASSERT_EQ(cut_in_pieces(chunker, data, random, most), whole);
        }
    }
}

TEST(Chunker, LeavesLieBetweenMinAndMax) {
    for (const std::uint32_t b : {13U, 14U, 15U, 16U}) {
        const ChunkerProfile profile{b};
        const Chunker chunker(profile, reference_tables());
        for (const Buffer& data : varied_inputs()) {
            const auto cuts = cut_whole(chunker, data);
            ASSERT_EQ(cuts.back(), data.size());
            std::uint32_t start = 0;
            for (const auto end : cuts) {
                EXPECT_LE(end - start, profile.max_size());
                if (end != data.size()) {
                    EXPECT_GT(end - start, profile.min_size());
                }
                start = end;
            }
        }
    }
}

TEST(Chunker, ShortStreamsAreOneLeafAndAnEmptyOneIsNone) {
    const Chunker chunker(ChunkerProfile{}, reference_tables());
    const Buffer data = reference_input(4096);
    EXPECT_TRUE(cut_whole(chunker, {}).empty());
    for (const std::size_t size : {1U, 15U, 64U, 4095U, 4096U})
        EXPECT_EQ(cut_whole(chunker, ByteView(data).first(size)), Cuts{std::uint32_t(size)});
}

TEST(Chunker, WithoutTheEndNothingIsDecidedBelowMax) {
    const Chunker chunker(ChunkerProfile{}, reference_tables());
    const Buffer data = reference_input(65'536);
    Chunker::Scratch scratch;
    Cuts cuts;
    chunker.cut(ByteView(data).first(65'535), false, cuts, scratch);
    EXPECT_TRUE(cuts.empty());
    chunker.cut(data, false, cuts, scratch);
    ASSERT_EQ(cuts.size(), 1U);
    EXPECT_EQ(cuts[0], cut_whole(chunker, data)[0]);
}

TEST(Chunker, CutsAreAppendedToWhatIsThere) {
    const Chunker chunker(ChunkerProfile{}, reference_tables());
    const Buffer data = reference_input(100);
    Chunker::Scratch scratch;
    Cuts cuts = {7};
    chunker.cut(data, true, cuts, scratch);
    EXPECT_EQ(cuts, (Cuts{7, 100}));
}

TEST(Chunker, CutsComeBackAfterAnInsertion) {
    const Chunker chunker(ChunkerProfile{}, reference_tables());
    Buffer data = reference_input(1 << 20);
    const auto before = cut_whole(chunker, data);
    data.insert(data.begin() + 300'000, std::byte{42});
    const auto after = cut_whole(chunker, data);
    std::size_t kept = 0;
    for (const auto c : before) {
        const std::uint32_t moved = c > 300'000 ? c + 1 : c;
        if (std::find(after.begin(), after.end(), moved) != after.end()) ++kept;
    }
    EXPECT_GE(kept + 6, before.size());
}

TEST(Chunker, TheKeyOfStageTwoDecides) {
    const Buffer data = reference_input(1 << 20);
    ChunkerTables other = reference_tables();
    other.confirm_key.reveal_mutable()[15] ^= std::byte{1};
    EXPECT_NE(cut_whole(Chunker(ChunkerProfile{}, reference_tables()), data),
              cut_whole(Chunker(ChunkerProfile{}, other), data));
}

TEST(Chunker, TablesAreLittleEndianWordsFirstAThenB) {
    Buffer bytes(64);
    for (std::size_t i = 0; i < 16; ++i) {
        store_le(bytes.data() + 2 * i, kReferenceA[i]);
        store_le(bytes.data() + 32 + 2 * i, kReferenceB[i]);
    }
    EXPECT_EQ(bytes[0], std::byte{0x95});
    const auto key = reference_tables().confirm_key;
    const auto tables = ChunkerTables::from_bytes(bytes, key.reveal());
    EXPECT_EQ(tables.a, kReferenceA);
    EXPECT_EQ(tables.b, kReferenceB);
    EXPECT_TRUE(equal(tables.confirm_key.reveal(), key.reveal()));
}

TEST(ChunkerDeathTest, RefusesWhatDoesNotFitItsOffsets) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    constexpr std::size_t kSize = std::size_t{1} << 32;
    void* place =
        mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(place, MAP_FAILED);
    const Chunker chunker(ChunkerProfile{}, reference_tables());
    const ByteView data(static_cast<const std::byte*>(place), kSize);
    EXPECT_DEATH(cut_whole(chunker, data), "data.size\\(\\) <= ");
    EXPECT_EQ(munmap(place, kSize), 0);
}

TEST(ChunkerDeathTest, RefusesProfilesOutsideTheFormat) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(Chunker(ChunkerProfile{12}, reference_tables()), "average_log2");
    EXPECT_DEATH(Chunker(ChunkerProfile{17}, reference_tables()), "average_log2");
}

/// FNV-1a, 64 bits, over the cuts as 32-bit little-endian words.
std::uint64_t fnv(const Cuts& cuts) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const auto c : cuts) {
        for (int shift = 0; shift < 32; shift += 8)
            sum = (sum ^ ((c >> shift) & 0xff)) * 0x100000001b3;
    }
    return sum;
}

struct FrozenVector {
    std::uint32_t average_log2;
    std::size_t leaves;
    Cuts first;
    std::uint64_t sum;
};

// Frozen with format version 1; docs/FORMAT.md has the same figures. A kernel or a machine that
// gives others would cut every repository anew. Input: reference_input(8 MiB), tables:
// reference_tables().
TEST(Chunker, FrozenVectorsHold) {
    const std::vector<FrozenVector> vectors = {
        {13, 908, {8545, 13647, 23367, 34004, 43769, 53003, 67342, 76121}, 0x963fe5ba87239994},
        {14, 457, {13647, 34004, 53003, 70326, 88346, 110687, 127156, 144979}, 0xfbc52c4dcaf2f69a},
        {16,
         115,
         {67342, 158430, 179826, 239320, 263797, 351173, 424810, 540228},
         0xd5e16af2d2b2c87c},
    };
    const Buffer data = reference_input(8 << 20);
    for (const auto& expected : vectors) {
        for (const auto kernel : available_kernels()) {
            const Chunker chunker(ChunkerProfile{expected.average_log2}, reference_tables(),
                                  kernel);
            const auto cuts = cut_whole(chunker, data);
            EXPECT_EQ(cuts.size(), expected.leaves);
            ASSERT_GE(cuts.size(), 8U);
            EXPECT_EQ(Cuts(cuts.begin(), cuts.begin() + 8), expected.first);
            EXPECT_EQ(fnv(cuts), expected.sum);
        }
    }
}

}  // namespace
}  // namespace perdure
