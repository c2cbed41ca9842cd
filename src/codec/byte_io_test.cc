#include "codec/byte_io.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/hex.h"
#include "base/random.h"

namespace perdure {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::string varint_hex(std::uint64_t value) {
    ByteWriter writer;
    writer.varint(value);
    return to_hex(writer.view());
}

std::string signed_varint_hex(std::int64_t value) {
    ByteWriter writer;
    writer.signed_varint(value);
    return to_hex(writer.view());
}

Buffer unhex(std::string_view text) {
    Buffer bytes(text.size() / 2);
    EXPECT_TRUE(from_hex(text, bytes)) << text;
    return bytes;
}

// Every length of varint comes up, not only the long ones.
std::uint64_t random_number(SeededRandom& random) { return random.next() >> random.below(64); }

TEST(ByteWriter, WritesWhatFormatSays) {
    ByteWriter writer;
    writer.u8(0xab);
    writer.u32(0x01020304);
    writer.u64(0x0102030405060708);
    writer.sized_bytes(as_bytes("hey"));
    writer.bytes(as_bytes("!"));
    EXPECT_EQ(to_hex(writer.view()),
              "ab"
              "04030201"
              "0807060504030201"
              "03686579"
              "21");
    EXPECT_EQ(writer.size(), 18U);
    EXPECT_EQ(varint_hex(0), "00");
    EXPECT_EQ(varint_hex(127), "7f");
    EXPECT_EQ(varint_hex(128), "8001");
    EXPECT_EQ(varint_hex(300), "ac02");
    EXPECT_EQ(varint_hex(kMax), "ffffffffffffffffff01");
    EXPECT_EQ(signed_varint_hex(0), "00");
    EXPECT_EQ(signed_varint_hex(-1), "01");
    EXPECT_EQ(signed_varint_hex(1), "02");
    EXPECT_EQ(signed_varint_hex(kMost), "feffffffffffffffff01");
    EXPECT_EQ(signed_varint_hex(kLeast), "ffffffffffffffffff01");
}

TEST(ByteWriter, TakeAndClearLeaveItEmpty) {
    ByteWriter writer;
    writer.u8(1);
    EXPECT_EQ(to_hex(writer.take()), "01");
    writer.clear();
    writer.u8(2);
    EXPECT_EQ(to_hex(writer.view()), "02");
    writer.clear();
    EXPECT_EQ(writer.size(), 0U);
}

TEST(ByteIo, BorderValuesComeBack) {
    for (int bit = 0; bit < 64; ++bit)
        for (const std::uint64_t delta : {kMax, std::uint64_t{0}, std::uint64_t{1}}) {
            const std::uint64_t value = (std::uint64_t{1} << bit) + delta;
            ByteWriter writer;
            writer.varint(value);
            writer.signed_varint(static_cast<std::int64_t>(value));
            ByteReader reader(writer.view());
            EXPECT_EQ(reader.varint(), value);
            EXPECT_EQ(reader.signed_varint(), static_cast<std::int64_t>(value));
            EXPECT_TRUE(reader.done());
        }
}

struct Record {
    std::uint8_t u8;
    std::uint32_t u32;
    std::uint64_t u64, varint;
    std::int64_t signed_varint;
    Buffer sized;
};

Record random_record(SeededRandom& random) {
    Record record{
        static_cast<std::uint8_t>(random.next()),
        static_cast<std::uint32_t>(random.next()),
        random.next(),
        random_number(random),
        static_cast<std::int64_t>(random_number(random)) * (random.below(2) == 0 ? 1 : -1),
        Buffer(random.below(300))};
    random.fill(record.sized);
    return record;
}

Buffer encode(const Record& record) {
    ByteWriter writer;
    writer.varint(record.varint);
    writer.u8(record.u8);
    writer.signed_varint(record.signed_varint);
    writer.u32(record.u32);
    writer.sized_bytes(record.sized);
    writer.u64(record.u64);
    return writer.take();
}

// Whether `bytes` read as a record; if so, they are `expected`.
bool decodes_to(ByteView bytes, const Record& expected) {
    ByteReader reader(bytes);
    Record got{};
    got.varint = reader.varint();
    got.u8 = reader.u8();
    got.signed_varint = reader.signed_varint();
    got.u32 = reader.u32();
    got.sized = to_buffer(reader.sized_bytes());
    got.u64 = reader.u64();
    return reader.done() && got.varint == expected.varint && got.u8 == expected.u8 &&
           got.signed_varint == expected.signed_varint && got.u32 == expected.u32 &&
           equal(got.sized, expected.sized) && got.u64 == expected.u64;
}

TEST(ByteIo, RandomRecordsComeBack) {
    SeededRandom random(1);
    for (int round = 0; round < 20000; ++round) {
        const Record record = random_record(random);
        ASSERT_TRUE(decodes_to(encode(record), record)) << "round " << round;
    }
}

TEST(ByteIo, EveryTruncationFails) {
    SeededRandom random(2);
    for (int round = 0; round < 200; ++round) {
        const Record record = random_record(random);
        const Buffer bytes = encode(record);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            ASSERT_FALSE(decodes_to(ByteView(bytes).first(size), record)) << "round " << round;
    }
}

// One value, one spelling: whatever reads as a varint is what the writer makes of that value.
TEST(ByteIo, RandomBytesReadAsAVarintAreItsOnlySpelling) {
    SeededRandom random(3);
    int read = 0;
    for (int round = 0; round < 100000; ++round) {
        Buffer bytes(1 + random.below(12));
        random.fill(bytes);
        for (std::size_t i = 0; i + 1 < bytes.size(); ++i)  // else most stop at the first byte
            if (random.below(10) != 0) bytes[i] |= std::byte{0x80};
        if (random.below(3) == 0) bytes.back() &= std::byte{0x01};
        ByteReader reader(bytes);
        const std::uint64_t value = reader.varint();
        if (!reader.ok()) continue;
        ++read;
        const std::size_t used = bytes.size() - reader.remaining();
        ASSERT_EQ(varint_hex(value), to_hex(ByteView(bytes).first(used)));
    }
    EXPECT_GT(read, 10000);
}

TEST(ByteReader, OverlongAndTooLargeVarintsFail) {
    for (const std::string_view text :
         {"", "80", "8000", "ff00", "818000", "ffffffffffffffffff", "ffffffffffffffffff00",
          "ffffffffffffffffff02", "ffffffffffffffffff7f", "ffffffffffffffffff8001",
          "8080808080808080808000"}) {
        const Buffer bytes = unhex(text);
        ByteReader reader(bytes);
        EXPECT_EQ(reader.varint(), 0U) << text;
        EXPECT_FALSE(reader.ok()) << text;
    }
}

TEST(ByteReader, AfterAFailureEverythingIsEmpty) {
    const Buffer bytes = unhex("0102030405060708090a0b0c0d0e0f");
    ByteReader reader(bytes);
    EXPECT_EQ(reader.u8(), 1U);
    EXPECT_TRUE(reader.bytes(15).empty());  // one more than there are
    EXPECT_FALSE(reader.ok());
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(reader.remaining(), 0U);
    EXPECT_EQ(reader.u8(), 0U);
    EXPECT_EQ(reader.u32(), 0U);
    EXPECT_EQ(reader.u64(), 0U);
    EXPECT_EQ(reader.varint(), 0U);
    EXPECT_EQ(reader.signed_varint(), 0);
    EXPECT_TRUE(reader.bytes(1).empty());
    EXPECT_TRUE(reader.bytes(0).empty());
    EXPECT_TRUE(reader.sized_bytes().empty());
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, HugeLengthsFail) {
    for (const std::uint64_t size : {kMax, kMax - 7, std::uint64_t{1} << 63, std::uint64_t{5}}) {
        ByteWriter writer;
        writer.varint(size);
        writer.bytes(as_bytes("four"));
        ByteReader reader(writer.view());
        EXPECT_TRUE(reader.sized_bytes().empty());
        EXPECT_FALSE(reader.ok()) << size;
    }
    ByteReader reader(as_bytes("four"));
    EXPECT_TRUE(reader.bytes(std::numeric_limits<std::size_t>::max()).empty());
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ReadsUpToTheEndAndEmptyViewsThere) {
    ByteReader reader(as_bytes("ab"));
    EXPECT_EQ(as_text(reader.bytes(2)), "ab");
    EXPECT_TRUE(reader.bytes(0).empty());
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.u8(), 0U);
    EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, LeftoverBytesAreNotDone) {
    ByteReader reader(as_bytes("ab"));
    reader.u8();
    EXPECT_TRUE(reader.ok());
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(reader.remaining(), 1U);
}

TEST(ByteReader, FailMakesItFail) {
    ByteReader reader(as_bytes("ab"));
    reader.fail();
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.u8(), 0U);
}

}  // namespace
}  // namespace perdure
