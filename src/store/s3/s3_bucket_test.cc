#include "store/s3/s3_bucket.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/rate_limiter.h"
#include "support/loopback_server.h"

namespace perdure {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

class SetClock final : public Clock {
public:
    Time now() override { return {at}; }
    std::uint64_t monotonic_nanoseconds() override { return 0; }
    std::int64_t at = 1'800'000'000 * kSecond;  // 2027-01-15T08:00:00Z
};

/// New ones each time that the last ones are called expired.
class NumberedCredentials final : public CredentialSource {
public:
    Result<AwsCredentials> get(std::stop_token) override {
        return AwsCredentials{"KEY" + std::to_string(number), SecretText("secret"), {}};
    }
    bool expired(const std::string&) override {
        ++number;
        return renews;
    }
    int number = 1;
    bool renews = true;
};

class S3BucketTest : public ::testing::Test {
protected:
    void serve(LoopbackServer::Handler handler) {
        server = std::make_unique<LoopbackServer>(std::move(handler));
        HttpOptions options;
        options.use_proxy = false;
        S3Location location;
        location.bucket = "bucket";
        location.prefix = "p/";
        location.scheme = "http";
        location.host = "127.0.0.1";
        location.port = server->port();
        bucket = std::make_unique<S3Bucket>(location, "", std::make_unique<HttpClient>(options),
                                            credentials, clock);
    }
    Result<HttpResponse> get(const std::string& method = "GET") {
        return bucket->send({method, "p/x"}, {});
    }
    static std::string fault(const std::string& code, const std::string& more = "") {
        return "<Error><Code>" + code + "</Code><Message>m</Message>" + more + "</Error>";
    }
    static std::string authorization(const ReceivedRequest& request) {
        return request.header("authorization").value_or("");
    }

    SetClock clock;
    std::shared_ptr<NumberedCredentials> credentials = std::make_shared<NumberedCredentials>();
    std::unique_ptr<LoopbackServer> server;
    std::unique_ptr<S3Bucket> bucket;
};

TEST_F(S3BucketTest, LearnsTheServersTimeFromARefusal) {
    serve([](const ReceivedRequest& request) {
        if (request.header("x-amz-date") == "20270115T090000Z") return answer(200, "x");
        return answer(403, fault("RequestTimeTooSkewed"), {"Date: Fri, 15 Jan 2027 09:00:00 GMT"});
    });
    EXPECT_EQ(get()->status, 200);
    EXPECT_EQ(server->requests().size(), 2U);
    EXPECT_EQ(get()->status, 200) << "and keeps it";
    EXPECT_EQ(server->requests().size(), 3U);
}

TEST_F(S3BucketTest, LearnsTheTimeAlsoFromAnAnswerWithoutABody) {
    serve([](const ReceivedRequest& request) {
        if (request.header("x-amz-date") == "20270115T090000Z") return answer(200);
        return RawAnswer{"HTTP/1.1 403 Forbidden\r\nDate: Fri, 15 Jan 2027 09:00:00 GMT\r\n\r\n",
                         true, 0};
    });
    EXPECT_EQ(get("HEAD")->status, 200);
}

TEST_F(S3BucketTest, LearnsTheBucketsRegionAndAsksAgainOnce) {
    serve([](const ReceivedRequest& request) {
        if (authorization(request).find("/eu-west-3/s3/") != std::string::npos)
            return answer(200, "x");
        return answer(400, fault("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"));
    });
    EXPECT_EQ(get()->status, 200);
    EXPECT_EQ(bucket->region(), "eu-west-3");
    serve([](const ReceivedRequest&) {
        return answer(301, fault("PermanentRedirect"), {"x-amz-bucket-region: evil/../host"});
    });
    EXPECT_EQ(get()->status, 301) << "what cannot be a region is not believed";
    EXPECT_EQ(bucket->region(), "us-east-1");
    EXPECT_EQ(server->requests().size(), 1U);
}

TEST_F(S3BucketTest, RequestsAtOnceAllLearnTheRegion) {
    std::atomic<int> refused = 0;
    serve([&](const ReceivedRequest& request) {
        if (authorization(request).find("/eu-west-3/s3/") != std::string::npos)
            return answer(200, "x");
        // No answer before both have asked in the wrong one.
        ++refused;
        for (int i = 0; i < 500 && refused < 2; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return answer(400, fault("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"));
    });
    std::array<int, 2> status{};
    {
        std::jthread other([&] { status[0] = get()->status; });
        status[1] = get()->status;
    }
    EXPECT_EQ(status, (std::array<int, 2>{200, 200}));
    EXPECT_EQ(refused, 2);
}

TEST_F(S3BucketTest, CredentialsThatExpiredAreRenewedOnce) {
    serve([](const ReceivedRequest& request) {
        return authorization(request).find("KEY2/") != std::string::npos
                   ? answer(200, "x")
                   : answer(400, fault("ExpiredToken"));
    });
    EXPECT_EQ(get()->status, 200);
    credentials->number = 5;
    EXPECT_EQ(get()->status, 400);
    EXPECT_EQ(server->requests().size(), 4U);
    credentials->renews = false;
    EXPECT_EQ(get()->status, 400);
    EXPECT_EQ(server->requests().size(), 5U);
}

TEST_F(S3BucketTest, CountsRequestsByWhatTheyCost) {
    serve([](const ReceivedRequest&) { return answer(200, "12345"); });
    const std::string body = "123";
    ASSERT_TRUE(bucket->send({"PUT", "p/x", {}, {}, as_bytes(body)}, {}));
    ASSERT_TRUE(bucket->send({"GET", ""}, {}));  // a listing
    ASSERT_TRUE(bucket->send({"GET", "p/x"}, {}));
    ASSERT_TRUE(bucket->send({"DELETE", "p/x"}, {}));
    const StoreTraffic traffic = bucket->traffic();
    EXPECT_EQ(traffic.writes, 2U);
    EXPECT_EQ(traffic.reads, 1U);
    EXPECT_EQ(traffic.removals, 1U);
    EXPECT_EQ(traffic.sent, 3U);
    EXPECT_EQ(traffic.received, 20U);
}

TEST_F(S3BucketTest, EveryByteOfABodyIsHeldToTheLimits) {
    constexpr std::uint64_t kRate = 1U << 30;  // quick, as the clock of these limits stands still
    constexpr std::size_t kUp = 2U << 20, kDown = 3U << 20;
    RateLimiter up(kRate, clock), down(kRate, clock);
    const std::string content(kDown, 'd'), body(kUp, 'u');
    serve([&](const ReceivedRequest& request) {
        return answer(200, request.method == "GET" ? content : "");
    });
    HttpOptions options;
    options.use_proxy = false;
    options.upload = &up;
    options.download = &down;
    S3Bucket limited(bucket->location(), "", std::make_unique<HttpClient>(options), credentials,
                     clock);
    S3Request get{"GET", "p/x"};
    ASSERT_TRUE(limited.send({"PUT", "p/x", {}, {}, as_bytes(body)}, {}));
    EXPECT_EQ(down.take(0), 0U);
    ASSERT_TRUE(limited.send(get, {}));
    const auto seconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e9; };
    EXPECT_NEAR(seconds(up.take(0)), static_cast<double>(kUp) / kRate, 1e-6);
    EXPECT_NEAR(seconds(down.take(0)), static_cast<double>(kDown) / kRate, 1e-6);
}

TEST(S3Checksum, IsTheCrc32cInBase64HighestByteFirst) {
    EXPECT_EQ(checksum_header(as_bytes("")).name, "x-amz-checksum-crc32c");
    EXPECT_EQ(checksum_header(as_bytes("")).value, "AAAAAA==");
    // The check value of CRC-32/ISCSI is e3069283.
    EXPECT_EQ(checksum_header(as_bytes("123456789")).value, "4waSgw==");
}

}  // namespace
}  // namespace perdure
