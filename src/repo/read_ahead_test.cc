#include "repo/read_ahead.h"

#include <gtest/gtest.h>

#include "store/counting_store.h"
#include "store/memory_store.h"

namespace perdure {
namespace {

constexpr std::uint64_t kBlock = 1U << 20;
constexpr std::uint64_t kBlocks = 64;

/// Memory that answers as a store over a network.
class FarStore final : public Store {
public:
    StoreProperties properties() const override {
        StoreProperties properties;
        properties.connections = far ? 8 : 2;
        return properties;
    }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        return counted.create(name, bytes, std::move(stop));
    }
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override {
        return counted.load(name, range, std::move(stop));
    }
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override {
        return counted.stat(name, std::move(stop));
    }
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override {
        return counted.list(prefix, fn, std::move(stop));
    }
    Result<void> remove(const ObjectName& name, std::stop_token stop) override {
        return counted.remove(name, std::move(stop));
    }

    bool far = true;
    MemoryStore memory;
    CountingStore counted{memory};
};

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
        const ByteView whole(pack);
        EXPECT_TRUE(
            std::equal(got->begin(), got->end(), whole.subspan(number * kBlock, kBlock).begin()));
    }
    std::uint64_t requests() const { return store.counted.counts().load.requests; }

    const ObjectName name = ObjectName::parse("packs/std/d/00/x").value();
    Buffer pack;
    FarStore store;
};

TEST_F(ReadAheadTest, BlocksInOrderTakeFewRequestsAndNoByteTwice) {
    ReadAhead ahead(store);
    for (std::uint64_t block = 0; block < kBlocks; ++block) expect_block(ahead, block, pack.size());
    EXPECT_LE(requests(), 10U);
    EXPECT_EQ(store.counted.counts().load.bytes, pack.size());
}

TEST_F(ReadAheadTest, BlocksHereAndThereAreReadAlone) {
    ReadAhead ahead(store);
    for (const std::uint64_t block : {60, 3, 40, 11, 25}) expect_block(ahead, block, pack.size());
    EXPECT_EQ(store.counted.counts().load.bytes, 5 * kBlock);
}

TEST_F(ReadAheadTest, ADiskIsReadBlockByBlock) {
    store.far = false;
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
