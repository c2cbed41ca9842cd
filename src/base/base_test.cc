#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/id.h"
#include "base/in_order.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/task_group.h"
#include "base/try.h"

namespace perdure {
namespace {

Result<int> half(int n) {
    if (n % 2 != 0) return Error(ErrorKind::InvalidInput, "odd");
    return n / 2;
}

Result<int> quarter(int n) {
    const int once = PERDURE_TRY(half(n).context("first half"));
    return half(once);
}

TEST(Result, TryReturnsTheErrorWithItsContext) {
    EXPECT_EQ(quarter(8).value(), 2);
    auto failed = quarter(3);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().kind(), ErrorKind::InvalidInput);
    EXPECT_EQ(failed.error().describe(), "first half: odd");
}

TEST(Result, HoldsMoveOnlyValues) {
    Result<std::unique_ptr<int>> r = std::make_unique<int>(4);
    auto doubled = std::move(r).map([](std::unique_ptr<int> p) { return *p * 2; });
    EXPECT_EQ(doubled.value(), 8);
}

TEST(Error, SystemErrorsMapToKinds) {
    EXPECT_EQ(system_error(ENOSPC, "x").kind(), ErrorKind::NoSpace);
    EXPECT_EQ(system_error(EEXIST, "x").kind(), ErrorKind::AlreadyExists);
    EXPECT_EQ(system_error(EIO, "x").kind(), ErrorKind::Io);
    EXPECT_EQ(system_error(EIO, "reading y").describe(), "reading y: Input/output error");
}

TEST(Hex, RoundTripsAndRefusesOtherText) {
    EXPECT_EQ(to_hex(0x1f, 8), "0000001f");
    EXPECT_EQ(number_from_hex("0000001f", 8), 0x1fU);
    EXPECT_FALSE(number_from_hex("0000001F", 8));
    EXPECT_FALSE(number_from_hex("1f", 8));
    using TestId = Id<struct TestTag, 16>;
    const auto id = TestId::from_hex("000102030405060708090a0b0c0d0e0f");
    ASSERT_TRUE(id);
    EXPECT_EQ(id->hex(), "000102030405060708090a0b0c0d0e0f");
    EXPECT_FALSE(TestId::from_hex("00"));
}

TEST(Random, SeededStreamIsSplitMix64) {
    SeededRandom random(1);
    std::array<std::byte, 16> bytes{};
    random.fill(bytes);
    EXPECT_EQ(to_hex(ByteView(bytes)), "c15c0289ec2d0a9167ec8e65a18debbe");
}

TEST(Clock, FormatsUtcBeforeAndAfterTheEpoch) {
    EXPECT_EQ(to_iso8601(Time{0}), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_iso8601(Time{-1}), "1969-12-31T23:59:59Z");
}

TEST(SecretText, AssignmentLeavesNoTailOfTheOldText) {
    SecretText text(std::string(64, 'x'));
    const std::byte* old = text.reveal().data();
    text = SecretText("new");
    ASSERT_EQ(text.reveal().data(), old);  // the same buffer, which was not given back
    EXPECT_EQ(as_text(text.reveal()), "new");
    for (std::size_t i = 3; i < 64; ++i) EXPECT_EQ(old[i], std::byte{0}) << i;
}

TEST(Time, OfSecondsIsWithinWhatATimeHolds) {
    EXPECT_EQ(time_of_seconds(-1).nanoseconds, -1'000'000'000);
    EXPECT_EQ(time_of_seconds(253'402'300'799).nanoseconds / 1'000'000'000, 9'223'372'036);
    EXPECT_LT(time_of_seconds(INT64_MIN).nanoseconds, 0);
}

TEST(TaskGroup, FirstErrorStopsTheRest) {
    TaskGroup group;
    std::atomic<bool> stopped = false;
    group.start([&](std::stop_token stop) -> Result<void> {
        while (!stop.stop_requested()) std::this_thread::yield();
        stopped = true;
        return {};
    });
    group.start([](std::stop_token) -> Result<void> { return Error(ErrorKind::Io, "broken"); });
    const auto result = group.join();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message(), "broken");
    EXPECT_TRUE(stopped);
}

TEST(TaskGroup, AnExceptionIsAnInternalError) {
    TaskGroup group;
    group.start([](std::stop_token) -> Result<void> { throw std::runtime_error("boom"); });
    EXPECT_EQ(group.join().error().kind(), ErrorKind::Internal);
}

class InOrderTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(InOrderTest, TakesEveryValueInOrder) {
    InOrder order;
    order.count = 1000;
    order.threads = GetParam();
    std::size_t expected = 0;
    const auto done = make_in_order<std::size_t>(
        order, [](std::size_t i, std::stop_token) -> Result<std::size_t> { return i * i; },
        [&](std::size_t i, std::size_t value) -> Result<void> {
            EXPECT_EQ(i, expected++);
            EXPECT_EQ(value, i * i);
            return {};
        },
        {});
    EXPECT_TRUE(done);
    EXPECT_EQ(expected, 1000U);
}

TEST_P(InOrderTest, TheFirstErrorOfEitherSideEndsIt) {
    InOrder order;
    order.count = 1000;
    order.threads = GetParam();
    const auto fails_at = [](std::size_t n) {
        return [n](std::size_t i, std::stop_token) -> Result<std::size_t> {
            if (i == n) return Error(ErrorKind::Corrupt, "bad");
            return i;
        };
    };
    std::size_t taken = 0;
    const auto count = [&](std::size_t, std::size_t) -> Result<void> {
        ++taken;
        return {};
    };
    EXPECT_EQ(make_in_order<std::size_t>(order, fails_at(500), count, {}).error().kind(),
              ErrorKind::Corrupt);
    EXPECT_LE(taken, 500U);
    taken = 0;
    const auto refuse = [&](std::size_t i, std::size_t) -> Result<void> {
        if (i == 300) return Error(ErrorKind::Denied, "enough");
        ++taken;
        return {};
    };
    EXPECT_EQ(make_in_order<std::size_t>(order, fails_at(1000), refuse, {}).error().kind(),
              ErrorKind::Denied);
    EXPECT_EQ(taken, 300U);
}

TEST_P(InOrderTest, NoMoreIsMadeAheadThanTheWindowAndTheWeightAllow) {
    InOrder order;
    order.count = 400;
    order.threads = GetParam();
    order.window = 8;
    order.weight = [](std::size_t i) { return i % 2 == 0 ? 100 : 1; };
    order.most_weight = 250;
    std::atomic<std::size_t> made{0};
    std::size_t taken = 0, most = 0;
    const auto done = make_in_order<int>(
        order,
        [&](std::size_t, std::stop_token) -> Result<int> {
            ++made;
            return 0;
        },
        [&](std::size_t, int) -> Result<void> {
            ++taken;
            most = std::max(most, made - taken);
            return {};
        },
        {});
    EXPECT_TRUE(done);
    EXPECT_LE(most, 5U);  // two heavy ones, and the light ones between and behind
}

INSTANTIATE_TEST_SUITE_P(Threads, InOrderTest, ::testing::Values(1, 2, 7));

TEST(BoundedQueue, NobodyWaitsForEverWhereAnExceptionEndsTheScope) {
    BoundedQueue<int> queue(2);
    bool thrown = false;
    try {
        TaskGroup group;
        const CloseAtEnd closing(queue);
        group.start([&](std::stop_token) -> Result<void> {
            while (queue.pop()) {
            }
            return {};
        });
        throw std::runtime_error("boom");
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_FALSE(queue.push(1));
}

TEST(BoundedQueue, DeliversInOrderAcrossThreadsAndDrainsAfterClose) {
    BoundedQueue<int> queue(2);
    std::jthread producer([&] {
        for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.push(i));
        queue.close();
    });
    int expected = 0;
    while (auto item = queue.pop()) EXPECT_EQ(*item, expected++);
    EXPECT_EQ(expected, 1000);
    EXPECT_FALSE(queue.push(1));
}

}  // namespace
}  // namespace perdure
