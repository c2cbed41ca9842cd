#include "repo/read_ahead.h"

#include <gtest/gtest.h>

#include <thread>

#include "store/fault_store.h"
#include "support/far_store.h"

namespace perdure {
namespace {

constexpr std::uint64_t kBlock = 256U << 10;
constexpr std::uint64_t kBlocks = 64;

class ReadAheadTest : public ::testing::Test {
protected:
    void SetUp() override {
        pack.resize(kBlocks * kBlock);
        for (std::size_t at = 0; at < pack.size(); at += 4096)
            pack[at] = static_cast<std::byte>(at >> 12);
        ASSERT_TRUE(store.create(name, pack, {}));
        store.counted.reset();
    }
    void expect_block(ReadAhead& ahead, std::uint64_t number, std::uint64_t size) {
        const auto got = ahead.load(name, size, {number * kBlock, kBlock}, {});
        ASSERT_TRUE(got) << got.error().describe();
        EXPECT_TRUE(equal(*got, ByteView(pack).subspan(number * kBlock, kBlock)));
    }
    std::uint64_t requests() const { return store.counted.counts().load.requests; }

    const ObjectName name = ObjectName::parse("packs/std/d/00/x").value();
    Buffer pack;
    MemoryStore memory;
    FarStore store{memory};
};

TEST_F(ReadAheadTest, BlocksInOrderTakeFewRequestsAndNoByteTwice) {
    ReadAhead ahead(store);
    for (std::uint64_t block = 0; block < kBlocks; ++block) expect_block(ahead, block, pack.size());
    EXPECT_LE(requests(), 10U);
    EXPECT_EQ(store.counted.counts().load.bytes, pack.size());
}

TEST_F(ReadAheadTest, BlocksHereAndThereAreReadAlone) {
    ReadAhead ahead(store);
    for (const std::uint64_t block : {60, 3, 40, 20, 50}) expect_block(ahead, block, pack.size());
    EXPECT_EQ(store.counted.counts().load.bytes, 5 * kBlock);
}

TEST_F(ReadAheadTest, ThreadsThatReadOnePackAskForNoByteTwice) {
    ReadAhead ahead(store);
    {
        constexpr std::uint64_t kThreads = 8;
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < kThreads; ++t)
            threads.emplace_back([&, t] {
                for (std::uint64_t block = t; block < kBlocks; block += kThreads)
                    expect_block(ahead, block, pack.size());
            });
    }
    EXPECT_EQ(store.counted.counts().load.bytes, pack.size());
}

/// Each reads a pack of its own, in turn: more than memory holds in all.
TEST_F(ReadAheadTest, AsManyStreamsAsTheStoreServesAskForNoByteTwice) {
    constexpr std::uint64_t kLarge = 4;  // blocks read in one
    std::vector<ObjectName> packs;
    for (std::uint64_t stream = 0; stream < ReadAhead::kStreams; ++stream) {
        packs.push_back(ObjectName::parse("packs/std/d/01/" + std::to_string(stream)).value());
        ASSERT_TRUE(store.create(packs.back(), pack, {}));
    }
    ReadAhead ahead(store);
    for (std::uint64_t block = 0; block < kBlocks; block += kLarge)
        for (const ObjectName& from : packs)
            ASSERT_TRUE(ahead.load(from, pack.size(), {block * kBlock, kLarge * kBlock}, {}));
    EXPECT_GT(ReadAhead::kStreams * pack.size(), ReadAhead::kMostMemory);
    EXPECT_EQ(store.counted.counts().load.bytes, ReadAhead::kStreams * pack.size());
    EXPECT_LE(requests(), 6 * ReadAhead::kStreams);
}

TEST_F(ReadAheadTest, AReadBehindWhatIsThereStopsWhereThatBegins) {
    ReadAhead ahead(store);
    for (std::uint64_t block = 8; block < 24; ++block) expect_block(ahead, block, pack.size());
    for (std::uint64_t block = 0; block < 8; ++block) expect_block(ahead, block, pack.size());
    const auto loaded = store.counted.counts().load.bytes;
    for (std::uint64_t block = 0; block < 24; ++block) expect_block(ahead, block, pack.size());
    EXPECT_EQ(store.counted.counts().load.bytes, loaded);
}

TEST_F(ReadAheadTest, AFailedReadFailsForItsCallerAlone) {
    FaultStore faulty(store);
    FaultRule rule;
    rule.fault = {FaultKind::FailBefore, ErrorKind::Timeout, 0};
    rule.verb = StoreVerb::Load;
    rule.times = 1;
    faulty.add(rule);
    ReadAhead ahead(faulty);
    EXPECT_FALSE(ahead.load(name, pack.size(), {0, kBlock}, {}));
    expect_block(ahead, 0, pack.size());
}

TEST_F(ReadAheadTest, ADiskIsReadBlockByBlock) {
    store.connections = 2;
    ReadAhead ahead(store);
    for (std::uint64_t block = 0; block < 8; ++block) expect_block(ahead, block, pack.size());
    EXPECT_EQ(requests(), 8U);
}

TEST_F(ReadAheadTest, APackThatIsShorterThanItsIndexSaysStillGivesItsBlocks) {
    ReadAhead ahead(store);
    for (std::uint64_t block = 0; block < kBlocks; ++block)
        expect_block(ahead, block, pack.size() + 100 * kBlock);
    EXPECT_FALSE(ahead.load(name, pack.size() + kBlock, {pack.size(), kBlock}, {}));
}

}  // namespace
}  // namespace perdure
