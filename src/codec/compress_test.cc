#include "codec/compress.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"
#include "base/random.h"

namespace perdure {
namespace {

Buffer random_bytes(std::uint64_t seed, std::size_t size) {
    Buffer bytes(size);
    SeededRandom(seed).fill(bytes);
    return bytes;
}

// Words in random order: compresses like prose, and never twice the same.
Buffer text(std::uint64_t seed, std::size_t size) {
    constexpr std::string_view kWords[] = {"leaf ", "block ", "pack ", "point ", "recipe ",  "the ",
                                           "of ",   "and ",   "is ",   "never ", "deleted ", "a\n"};
    SeededRandom random(seed);
    Buffer bytes;
    while (bytes.size() < size) append(bytes, as_bytes(kWords[random.below(std::size(kWords))]));
    bytes.resize(size);
    return bytes;
}

Buffer zeros(std::size_t size) { return Buffer(size, std::byte{0}); }

Buffer unhex(std::string_view hex) {
    Buffer bytes(hex.size() / 2);
    EXPECT_TRUE(from_hex(hex, bytes)) << hex;
    return bytes;
}

Buffer compressed(ByteView raw, int level = 3) {
    Buffer out;
    EXPECT_TRUE(Compressor().compress(raw, level, out));
    return out;
}

void expect_corrupt(ByteView frame, std::size_t size, const std::string& what) {
    Buffer out(size);
    const auto result = Decompressor().decompress(frame, out);
    ASSERT_FALSE(result) << what;
    EXPECT_EQ(result.error().kind(), ErrorKind::Corrupt) << what;
}

constexpr std::size_t kBlockSizes[] = {16 << 10,  32 << 10,  64 << 10, 128 << 10,
                                       256 << 10, 512 << 10, 1 << 20};

TEST(Compress, TextComesBackAtEveryLevelAndSize) {
    Compressor compressor;
    Decompressor decompressor;
    Buffer frame;
    for (const std::size_t size : kBlockSizes)
        for (const Buffer& raw : {text(size, size), zeros(size)})
            for (int level = kMinLevel; level <= kMaxLevel; ++level) {
                ASSERT_TRUE(compressor.compress(raw, level, frame));
                ASSERT_LT(frame.size(), size / 2);
                Buffer back(size);
                ASSERT_TRUE(decompressor.decompress(frame, back));
                ASSERT_TRUE(equal(back, raw)) << "level " << level << ", " << size << " bytes";
            }
}

TEST(Compress, RandomBytesAreNotKeptAtAnyLevelAndSize) {
    Compressor compressor;
    Buffer frame;
    for (const std::size_t size : kBlockSizes) {
        const Buffer raw = random_bytes(size, size);
        for (int level = kMinLevel; level <= kMaxLevel; ++level)
            ASSERT_FALSE(compressor.compress(raw, level, frame))
                << "level " << level << ", " << size << " bytes";
    }
}

TEST(Compress, SmallInputsComeBackOrAreNotKept) {
    Compressor compressor;
    Decompressor decompressor;
    Buffer frame;
    for (std::size_t size = 0; size < 300; ++size) {
        const Buffer raw = text(1, size);
        if (!compressor.compress(raw, 1, frame)) continue;
        EXPECT_LT(frame.size(), size);
        Buffer back(size);
        ASSERT_TRUE(decompressor.decompress(frame, back));
        ASSERT_TRUE(equal(back, raw)) << size << " bytes";
    }
    EXPECT_FALSE(compressor.compress({}, 1, frame));
}

// A share of zeros sets the gain: keeping starts where the frame is 3 % smaller than the input.
TEST(Compress, KeepsOnlyWhatGainsEnough) {
    Compressor compressor;
    Buffer frame;
    constexpr std::size_t kSize = 100000;
    for (const std::size_t saved : std::initializer_list<std::size_t>{0, 1000, 2500}) {
        Buffer raw = random_bytes(1, kSize);
        std::fill_n(raw.begin(), saved, std::byte{0});
        EXPECT_FALSE(compressor.compress(raw, 3, frame)) << saved;
    }
    for (const std::size_t saved : std::initializer_list<std::size_t>{3500, 5000, 50000}) {
        Buffer raw = random_bytes(1, kSize);
        std::fill_n(raw.begin(), saved, std::byte{0});
        EXPECT_TRUE(compressor.compress(raw, 3, frame)) << saved;
        EXPECT_LE(static_cast<double>(frame.size()), kSize * (1 - kMinGain));
    }
}

TEST(Compress, WhatWasCompressedBeforeDoesNotShow) {
    Compressor used;
    Buffer frame;
    ASSERT_TRUE(used.compress(text(1, 1 << 20), 9, frame));
    EXPECT_FALSE(used.compress(random_bytes(1, 1 << 20), 1, frame));
    const Buffer raw = text(2, 40000);
    ASSERT_TRUE(used.compress(raw, 3, frame));
    EXPECT_TRUE(equal(frame, compressed(raw)));
}

TEST(Compress, FrameStatesItsSizeAndHasNoChecksum) {
    const Buffer frame = compressed(text(1, 5000));
    EXPECT_EQ(to_hex(ByteView(frame).first(4)), "28b52ffd");
    const auto descriptor = std::to_integer<unsigned>(frame[4]);
    EXPECT_EQ(descriptor >> 6, 1U) << "content size in two bytes (RFC 8878, 3.1.1.1.1)";
    EXPECT_EQ(descriptor & 4U, 0U) << "checksum flag";
    EXPECT_EQ(load_le<std::uint16_t>(&frame[5]) + 256, 5000);
}

TEST(CompressDeathTest, LevelsAboveTwelveAreABug) {
    Buffer frame;
    EXPECT_DEATH((void)Compressor().compress(text(1, 5000), 13, frame), "level");
    EXPECT_DEATH((void)Compressor().compress(text(1, 5000), 0, frame), "level");
}

TEST(Compress, MovedContextsStillWork) {
    Compressor compressor;
    Compressor moved(std::move(compressor));
    Decompressor decompressor;
    Decompressor moved_too(std::move(decompressor));
    const Buffer raw = text(1, 20000);
    Buffer frame, back(raw.size());
    ASSERT_TRUE(moved.compress(raw, 1, frame));
    ASSERT_TRUE(moved_too.decompress(frame, back));
    EXPECT_TRUE(equal(back, raw));
}

// By hand from RFC 8878: magic, descriptor (one segment, size in a byte), size 3, one raw last
// block.
constexpr std::string_view kAbcFrame = "28b52ffd2003190000616263";

TEST(Decompress, ReadsAFrameWrittenByHand) {
    Buffer out(3);
    ASSERT_TRUE(Decompressor().decompress(unhex(kAbcFrame), out));
    EXPECT_EQ(as_text(out), "abc");
}

TEST(Decompress, AnotherSizeThanAskedForIsCorrupt) {
    const Buffer frame = compressed(text(1, 5000));
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 4999, 5001, 1 << 20})
        expect_corrupt(frame, size, std::to_string(size));
    expect_corrupt(unhex("28b52ffd2004190000616263"), 4, "states 4, holds 3");
    expect_corrupt(unhex("28b52ffd2002190000616263"), 2, "states 2, holds 3");
    expect_corrupt(unhex("28b52ffd0058190000616263"), 3, "states nothing");
}

TEST(Decompress, AnythingButExactlyOneFrameIsCorrupt) {
    const Buffer abc = unhex(kAbcFrame);
    expect_corrupt({}, 0, "nothing");
    expect_corrupt({}, 3, "nothing, bytes wanted");
    Buffer twice = abc;
    append(twice, abc);
    expect_corrupt(twice, 3, "two frames");
    expect_corrupt(twice, 6, "two frames, both wanted");
    Buffer trailed = abc;
    trailed.push_back(std::byte{0});
    expect_corrupt(trailed, 3, "a byte after it");
    const Buffer skippable = unhex("502a4d1800000000");
    expect_corrupt(skippable, 0, "a skippable frame");
    Buffer before = skippable;
    append(before, abc);
    expect_corrupt(before, 3, "a skippable frame before it");
    Buffer after = abc;
    append(after, skippable);
    expect_corrupt(after, 3, "a skippable frame after it");
    expect_corrupt(unhex("28b52ffd210703190000616263"), 3, "a frame that needs a dictionary");
}

TEST(Decompress, EveryTruncationIsCorrupt) {
    const Buffer frame = compressed(text(1, 5000));
    for (std::size_t size = 0; size < frame.size(); ++size)
        expect_corrupt(ByteView(frame).first(size), 5000, std::to_string(size));
}

// Without a checksum a flip may give other content; it must stay within the buffer, and the context
// must stay usable.
TEST(Decompress, FlippedBitsNeverLeaveTheBuffer) {
    constexpr std::size_t kGuard = 64;
    const Buffer raw = text(1, 3000);
    const Buffer frame = compressed(raw);
    Decompressor decompressor;
    int corrupt = 0;
    for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
        Buffer changed = frame;
        changed[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
        Buffer out(raw.size() + 2 * kGuard, std::byte{0xa5});
        const auto result =
            decompressor.decompress(changed, MutableByteView(out).subspan(kGuard, raw.size()));
        if (!result) {
            ++corrupt;
            ASSERT_EQ(result.error().kind(), ErrorKind::Corrupt);
        }
        const auto untouched = [](std::byte b) { return b == std::byte{0xa5}; };
        ASSERT_TRUE(std::all_of(out.begin(), out.begin() + kGuard, untouched)) << "bit " << bit;
        ASSERT_TRUE(std::all_of(out.end() - kGuard, out.end(), untouched)) << "bit " << bit;
    }
    EXPECT_GT(corrupt, 0);
    Buffer out(raw.size());
    ASSERT_TRUE(decompressor.decompress(frame, out));
    EXPECT_TRUE(equal(out, raw));
}

TEST(Decompress, RandomBytesAreCorrupt) {
    SeededRandom random(1);
    for (int round = 0; round < 2000; ++round) {
        Buffer frame = random_bytes(random.next(), random.below(100));
        const Buffer magic = unhex("28b52ffd");
        if (frame.size() >= 4 && round % 2 == 0) std::ranges::copy(magic, frame.begin());
        expect_corrupt(frame, 1000, "round " + std::to_string(round));
    }
}

TEST(Entropy, OfKnownDistributions) {
    EXPECT_EQ(sampled_entropy({}), 0.0);
    EXPECT_EQ(sampled_entropy(zeros(1)), 0.0);
    EXPECT_NEAR(sampled_entropy(zeros(1 << 20)), 0.0, 1e-4);
    for (const std::size_t size :
         std::initializer_list<std::size_t>{256, 4096, 16384, 65536, 1 << 20}) {
        Buffer even(size), two(size);
        for (std::size_t i = 0; i < size; ++i) {
            even[i] = static_cast<std::byte>(i);
            two[i] = static_cast<std::byte>(i % 2);
        }
        EXPECT_NEAR(sampled_entropy(even), 8.0, 0.01) << size;
        EXPECT_NEAR(sampled_entropy(two), 1.0, 0.01) << size;
    }
    EXPECT_NEAR(sampled_entropy(as_bytes("aab")), 0.9183, 1e-4);
}

TEST(Entropy, RandomBlocksAreIncompressibleAndOthersNot) {
    for (const std::size_t size : kBlockSizes)
        for (std::uint64_t seed = 0; seed < 5; ++seed)
            EXPECT_GE(sampled_entropy(random_bytes(seed, size)), kIncompressible) << size;
    EXPECT_LT(sampled_entropy(text(1, 1 << 20)), 5.0);
    Buffer half = random_bytes(1, 1 << 20);
    std::fill(half.begin() + (half.size() / 2), half.end(), std::byte{0});
    EXPECT_LT(sampled_entropy(half), 6.0);
    Buffer seven_bits = random_bytes(2, 1 << 20);
    for (std::byte& b : seven_bits) b &= std::byte{0x7f};
    EXPECT_LT(sampled_entropy(seven_bits), 7.01);
}

// The samples lie at the start, at each third and at the end.
TEST(Entropy, SamplesAreSpreadEvenly) {
    constexpr std::size_t kSize = 1 << 20;
    for (const std::size_t at : {std::size_t{0}, kSize / 3, 2 * kSize / 3, kSize - 4096}) {
        Buffer raw = zeros(kSize);
        const std::size_t begin = at < 4096 ? 0 : at - 4096;
        const std::size_t count = std::min<std::size_t>(8192, kSize - begin);
        SeededRandom(1).fill(MutableByteView(raw).subspan(begin, count));
        EXPECT_GT(sampled_entropy(raw), 1.0) << at;
    }
}

}  // namespace
}  // namespace perdure
