#include "store/retry_store.h"

#include <gtest/gtest.h>

#include "store/fault_store.h"
#include "store/memory_store.h"

namespace perdure {
namespace {

/// Says what time it is.
class StillClock final : public Clock {
public:
    Time now() override { return {}; }
    std::uint64_t monotonic_nanoseconds() override { return milliseconds * 1'000'000; }
    std::uint64_t milliseconds = 0;
};

class RetryStoreTest : public ::testing::Test {
protected:
    void fail(StoreVerb verb, std::uint64_t times, ErrorKind error = ErrorKind::Unavailable,
              FaultKind kind = FaultKind::FailBefore) {
        FaultRule rule;
        rule.fault = {kind, error, 0};
        rule.verb = verb;
        rule.times = times;
        faulty.add(rule);
    }

    MemoryStore memory;
    FaultStore faulty{memory};
    SeededRandom random{1};
    std::vector<std::uint64_t> waits;
    StillClock clock;
    RetryStore store{faulty, {}, random, clock, [this](std::uint64_t ms, const std::stop_token&) {
                         waits.push_back(ms);
                     }};
    const ObjectName name = *ObjectName::parse("a");
};

TEST_F(RetryStoreTest, TriesAgainWhatMayWorkLater) {
    fail(StoreVerb::Create, 3);
    EXPECT_TRUE(store.create(name, as_bytes("x"), {}));
    fail(StoreVerb::Load, 2, ErrorKind::Timeout);
    EXPECT_EQ(as_text(*store.load(name, ByteRange::all(), {})), "x");
    fail(StoreVerb::Stat, 1);
    EXPECT_TRUE(store.stat(name, {}));
    fail(StoreVerb::Remove, 1);
    EXPECT_TRUE(store.remove(name, {}));
    EXPECT_EQ(store.retries(), 7U);
}

TEST_F(RetryStoreTest, TriesNothingAgainThatWillNot) {
    for (const ErrorKind kind : {ErrorKind::Denied, ErrorKind::NoSpace, ErrorKind::Corrupt,
                                 ErrorKind::InvalidInput, ErrorKind::Io}) {
        fail(StoreVerb::Load, 1, kind);
        EXPECT_EQ(store.load(name, ByteRange::all(), {}).error().kind(), kind);
    }
    EXPECT_EQ(store.load(name, ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
    EXPECT_EQ(store.retries(), 0U);
}

TEST_F(RetryStoreTest, AfterALostAnswerTheNameIsTaken) {
    fail(StoreVerb::Create, 1, ErrorKind::Timeout, FaultKind::LoseAnswer);
    const auto again = store.create(name, as_bytes("x"), {});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind(), ErrorKind::AlreadyExists);
    EXPECT_EQ(as_text(*store.load(name, ByteRange::all(), {})), "x");
}

TEST_F(RetryStoreTest, WaitsGrowAndAreDrawn) {
    fail(StoreVerb::Load, FaultRule::kForever);
    EXPECT_FALSE(store.load(name, ByteRange::all(), {}));
    ASSERT_EQ(waits.size(), 7U) << "eight attempts";
    for (std::size_t i = 0; i < waits.size(); ++i) EXPECT_LE(waits[i], 100U << i);
    EXPECT_GT(waits.back(), 100U);
}

TEST_F(RetryStoreTest, AStoreThatFailsAllTheTimeIsNotAskedMuchMoreThanCallersAsk) {
    fail(StoreVerb::Stat, FaultRule::kForever);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(store.stat(name, {}));
    EXPECT_LE(faulty.calls(), 1000U + 20 + 250 + 1);
}

TEST_F(RetryStoreTest, NoAttemptBeginsAfterTheCallsLimitOfTime) {
    fail(StoreVerb::Load, FaultRule::kForever, ErrorKind::Timeout);
    RetryOptions options;
    options.attempts = 100;
    options.longest_wait_ms = 1000;
    options.call_ms = 20'000;
    options.reserve = 1000;
    RetryStore slow(faulty, options, random, clock, [&](std::uint64_t ms, const std::stop_token&) {
        clock.milliseconds += ms + 3000;  // and the attempt
        EXPECT_LE(clock.milliseconds, 20'000U + 3000);
    });
    EXPECT_EQ(slow.load(name, ByteRange::all(), {}).error().kind(), ErrorKind::Timeout);
    EXPECT_GE(slow.retries(), 4U);
    EXPECT_LE(slow.retries(), 7U);
}

TEST_F(RetryStoreTest, AListingGoesOnBehindTheLastName) {
    for (char c = 'a'; c <= 'f'; ++c)
        ASSERT_TRUE(memory.create(*ObjectName::parse(std::string(1, c)), as_bytes("x"), {}));
    /// Breaks off after three names, twice.
    class Breaking final : public Store {
    public:
        explicit Breaking(Store& inner) : inner_(inner) {}
        StoreProperties properties() const override { return inner_.properties(); }
        Result<void> create(const ObjectName&, ByteView, std::stop_token) override { return {}; }
        Result<Buffer> load(const ObjectName& n, ByteRange r, std::stop_token s) override {
            return inner_.load(n, r, s);
        }
        Result<ObjectStat> stat(const ObjectName& n, std::stop_token s) override {
            return inner_.stat(n, s);
        }
        Result<void> list(std::string_view p, const ListFn& f, std::stop_token s) override {
            int left = breaks_-- > 0 ? 3 : 100;
            auto done = inner_.list(
                p, [&](std::string_view n, const ObjectStat& o) { return left-- > 0 && f(n, o); },
                s);
            if (left < 0) return Error(ErrorKind::Timeout, "torn");
            return done;
        }
        Result<void> remove(const ObjectName&, std::stop_token) override { return {}; }

    private:
        Store& inner_;
        int breaks_ = 2;
    } breaking(memory);
    RetryStore patient(breaking, {}, random, clock, [](std::uint64_t, const std::stop_token&) {});
    std::string names;
    ASSERT_TRUE(patient.list("",
                             [&](std::string_view n, const ObjectStat&) {
                                 names += n;
                                 return true;
                             },
                             {}));
    EXPECT_EQ(names, "abcdef");
}

TEST_F(RetryStoreTest, StopsWhenAsked) {
    std::stop_source source;
    fail(StoreVerb::Load, FaultRule::kForever);
    RetryStore stopped(faulty, {}, random, clock,
                       [&](std::uint64_t, const std::stop_token&) { source.request_stop(); });
    EXPECT_FALSE(stopped.load(name, ByteRange::all(), source.get_token()));
    EXPECT_EQ(stopped.retries(), 1U);
}

}  // namespace
}  // namespace perdure
