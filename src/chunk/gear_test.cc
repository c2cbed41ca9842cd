#include "chunk/gear.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "chunk/reference_vectors.h"

namespace perdure {
namespace {

using Candidates = std::vector<std::uint32_t>;

Candidates scan(ChunkKernel kernel, const GearTables& tables, ByteView data, std::size_t begin,
                std::size_t end) {
    Candidates candidates;
    append_candidates(gear_kernel(kernel), tables, data, begin, end, candidates);
    return candidates;
}

/// The defining sum, term by term.
Candidates by_definition(const std::array<std::uint16_t, 16>& a,
                         const std::array<std::uint16_t, 16>& b, ByteView data, std::size_t begin,
                         std::size_t end, std::uint32_t mask) {
    Candidates candidates;
    for (std::size_t i = begin; i < end; ++i) {
        std::uint32_t h = 0;
        for (std::size_t back = 0; back < 16; ++back) {
            const auto byte = std::to_integer<std::size_t>(data[i - back]);
            const auto word = static_cast<std::uint32_t>(a[byte & 15] ^ b[byte >> 4]);
            h += word << back;
        }
        if ((h & mask) == 0) candidates.push_back(static_cast<std::uint32_t>(i));
    }
    return candidates;
}

void expect_kernels_agree(const GearTables& tables, ByteView data, std::size_t begin,
                          std::size_t end) {
    const auto expected = scan(ChunkKernel::Scalar, tables, data, begin, end);
    for (const auto kernel : available_kernels()) {
        ASSERT_EQ(scan(kernel, tables, data, begin, end), expected)
            << "kernel " << static_cast<int>(kernel) << " on [" << begin << ", " << end << ")";
    }
}

/// Tables under which a run of `byte` is a candidate everywhere: T[byte] = 0.
GearTables tables_with_zero_at(std::uint8_t byte) {
    auto b = kReferenceB;
    b[byte >> 4] = kReferenceA[byte & 15];
    return GearTables(kReferenceA, b);
}

TEST(Gear, ScalarFollowsTheDefiningSum) {
    const Buffer data = reference_input(1 << 18);
    const GearTables tables(kReferenceA, kReferenceB);
    EXPECT_EQ(scan(ChunkKernel::Scalar, tables, data, 64, data.size()),
              by_definition(kReferenceA, kReferenceB, data, 64, data.size(), 0xffc0));
}

TEST(Gear, EveryKernelGivesTheFrozenCandidates) {
    const Buffer data = reference_input(1 << 20);
    ASSERT_EQ(data[0], std::byte{0xc1});
    ASSERT_EQ(data[15], std::byte{0xbe});
    const GearTables tables(kReferenceA, kReferenceB);
    const Candidates first = {403, 455, 4395, 4531, 5095, 5864, 5991, 6437};
    for (const auto kernel : available_kernels()) {
        const auto found = scan(kernel, tables, data, 64, data.size());
        ASSERT_EQ(found.size(), 1045U);
        EXPECT_EQ(Candidates(found.begin(), found.begin() + 8), first);
        EXPECT_EQ(found.back(), 1048499U);
    }
}

// The reference that G16 was first measured with asked for 12 bits; its candidates are among ours.
TEST(Gear, TheCandidatesOfTheTwelveBitReferenceAreAmongThoseFound) {
    const Buffer data = reference_input(1 << 20);
    const GearTables tables(kReferenceA, kReferenceB);
    const auto twelve = by_definition(kReferenceA, kReferenceB, data, 64, data.size(), 0xfff0);
    ASSERT_EQ(twelve.size(), 262U);
    const Candidates first = {455, 4395, 5864, 5991, 6437, 7009, 7093, 13646};
    EXPECT_EQ(Candidates(twelve.begin(), twelve.begin() + 8), first);
    EXPECT_EQ(twelve.back(), 1047619U);
    const auto found = scan(preferred_kernel(), tables, data, 64, data.size());
    EXPECT_TRUE(std::includes(found.begin(), found.end(), twelve.begin(), twelve.end()));
}

TEST(Gear, KernelsAgreeOnRandomSpansOfRandomData) {
    SeededRandom random(11);
    Buffer data(300'000);
    random.fill(data);
    for (int round = 0; round < 20; ++round) {
        std::array<std::uint16_t, 32> words;
        random.fill(std::as_writable_bytes(std::span(words)));
        std::array<std::uint16_t, 16> a, b;
        std::copy_n(words.begin(), 16, a.begin());
        std::copy_n(words.begin() + 16, 16, b.begin());
        const GearTables tables(a, b);
        const std::size_t begin = kGearLead + random.below(1000);
        const std::size_t end = begin + random.below(data.size() - begin);
        ASSERT_NO_FATAL_FAILURE(expect_kernels_agree(tables, data, begin, end));
    }
}

// Tables that make a byte of the alphabet zero give many candidates, in every lane and in the rest.
TEST(Gear, KernelsAgreeOnEveryStartAndShortLengthOfDenseData) {
    SeededRandom random(12);
    Buffer data(2048);
    for (auto& byte : data) byte = random.below(24) == 0 ? std::byte{'b'} : std::byte{'a'};
    const GearTables tables = tables_with_zero_at('a');
    std::size_t found = 0;
    for (std::size_t begin = kGearLead; begin < kGearLead + 33; ++begin) {
        for (std::size_t size = 0; size < 400; ++size) {
            ASSERT_NO_FATAL_FAILURE(expect_kernels_agree(tables, data, begin, begin + size));
        }
        found += scan(ChunkKernel::Scalar, tables, data, begin, begin + 400).size();
    }
    EXPECT_GT(found, 1000U);
}

TEST(Gear, KernelsAgreeOnLowEntropyData) {
    SeededRandom random(13);
    for (const std::string_view alphabet : {"ACGT", "0123456789\n", "ab", " etaoinshrdlu"}) {
        Buffer data(100'000);
        for (auto& byte : data)
            byte = static_cast<std::byte>(alphabet[random.below(alphabet.size())]);
        const GearTables plain(kReferenceA, kReferenceB);
        ASSERT_NO_FATAL_FAILURE(expect_kernels_agree(plain, data, 77, data.size() - 3));
        const GearTables dense = tables_with_zero_at(static_cast<std::uint8_t>(alphabet[0]));
        ASSERT_NO_FATAL_FAILURE(expect_kernels_agree(dense, data, 77, data.size() - 3));
    }
}

TEST(Gear, EveryPositionOfARunIsACandidateIfItsWordIsZero) {
    const GearTables tables = tables_with_zero_at(0x00);
    const Buffer data(70'001, std::byte{0});
    for (const auto kernel : available_kernels()) {
        const auto found = scan(kernel, tables, data, 16, data.size());
        ASSERT_EQ(found.size(), data.size() - 16);
        EXPECT_EQ(found.front(), 16U);
        EXPECT_EQ(found.back(), data.size() - 1);
    }
}

TEST(Gear, AlternatingRunsAgree) {
    SeededRandom random(14);
    Buffer data;
    while (data.size() < 80'000)
        data.insert(data.end(), 1 + random.below(700), static_cast<std::byte>(random.below(3)));
    for (std::uint8_t byte = 0; byte < 3; ++byte) {
        ASSERT_NO_FATAL_FAILURE(
            expect_kernels_agree(tables_with_zero_at(byte), data, 31, data.size()));
    }
}

TEST(Gear, SpansJoinSeamlessly) {
    const Buffer data = reference_input(200'000);
    const GearTables tables(kReferenceA, kReferenceB);
    SeededRandom random(15);
    for (const auto kernel : available_kernels()) {
        const auto whole = scan(kernel, tables, data, 16, data.size());
        Candidates joined;
        for (std::size_t at = 16; at < data.size();) {
            const std::size_t end = std::min(data.size(), at + 1 + random.below(5000));
            append_candidates(gear_kernel(kernel), tables, data, at, end, joined);
            at = end;
        }
        EXPECT_EQ(joined, whole);
    }
}

TEST(Gear, ScalarIsAlwaysAvailableAndFirst) {
    const auto kernels = available_kernels();
    ASSERT_FALSE(kernels.empty());
    EXPECT_EQ(kernels.front(), ChunkKernel::Scalar);
    EXPECT_NE(std::find(kernels.begin(), kernels.end(), preferred_kernel()), kernels.end());
}

}  // namespace
}  // namespace perdure
