#include <gtest/gtest.h>

#include "cloudsim/text.h"
#include "net/http_client.h"
#include "support/cloudsim.h"

namespace perdure {
namespace {

class StoppedClock final : public Clock {
public:
    Time now() override { return time; }
    std::uint64_t monotonic_nanoseconds() override { return 0; }
    Time time{1'800'000'000'000'000'000};
};

class OwnServer : public testing::Test {
protected:
    /// Status of an answer to our own client's request, signed at `when`.
    int send(CloudSimServer& server, const std::string& method, const std::string& path, Time when,
             const AwsCredentials& credentials, const std::vector<HttpHeader>& headers = {}) {
        HttpRequest request;
        request.method = method;
        request.url = Url::parse(server.origin() + path).value();
        request.headers = headers;
        sign(request, credentials, {CloudSimServer::kRegion, "s3"}, kS3Signing, when);
        HttpOptions options;
        options.use_proxy = false;
        HttpClient client(options);
        auto answer = client.send(request, 1u << 20, {});
        EXPECT_TRUE(answer.has_value());
        return answer ? answer->status : 0;
    }
    StoppedClock clock;
};

TEST_F(OwnServer, TakesWhatOurSignerSigns) {
    CloudSimServer server(&clock);
    ASSERT_EQ(server.problem(), "");
    ASSERT_EQ(server.make_bucket("bucket", true), "");
    const AwsCredentials right = server.credentials();
    const AwsCredentials wrong{"test", SecretText("other"), {}};
    EXPECT_EQ(send(server, "PUT", "/bucket/a%20b%2B//c", clock.time, right), 200);
    EXPECT_EQ(send(server, "GET", "/bucket/a%20b%2B//c", clock.time, right), 200);
    EXPECT_EQ(send(server, "GET", "/bucket/a%20b%2B//c", clock.time, wrong), 403);
    EXPECT_EQ(
        send(server, "PUT", "/bucket/a%20b%2B//c", clock.time, right, {{"If-None-Match", "*"}}),
        412);
}

TEST_F(OwnServer, FollowsTheClockItIsHanded) {
    CloudSimServer server(&clock);
    ASSERT_EQ(server.make_bucket("bucket"), "");
    EXPECT_EQ(send(server, "GET", "/bucket/k", clock.time, server.credentials()), 404);
    const Time before = clock.time;
    clock.time = cloudsim::operator+(clock.time, 3600 * cloudsim::kSecond);
    EXPECT_EQ(send(server, "GET", "/bucket/k", before, server.credentials()), 403);
    EXPECT_EQ(send(server, "GET", "/bucket/k", clock.time, server.credentials()), 404);
}

TEST_F(OwnServer, LogsCallsAndGoesWrongOnRequest) {
    CloudSimServer server(&clock);
    ASSERT_EQ(server.make_bucket("bucket"), "");
    server.admin("PUT", "faults", R"({"fault": "status", "operation": "GetObject", "times": 1})");
    EXPECT_EQ(send(server, "GET", "/bucket/k", clock.time, server.credentials()), 503);
    EXPECT_EQ(send(server, "GET", "/bucket/k", clock.time, server.credentials()), 404);
    ASSERT_EQ(server.calls().size(), 3u);
    EXPECT_EQ(server.calls()[1].operation, "GetObject");
    EXPECT_EQ(server.calls()[1].fault, "fault-1");
}

TEST_F(OwnServer, KnowsWhatItDoesNotHave) {
    CloudSimServer server(&clock);
    ASSERT_EQ(server.make_bucket("bucket"), "");
    EXPECT_EQ(send(server, "GET", "/bucket?cors", clock.time, server.credentials()), 501);
    server.forgive_unknown_calls();
}

}  // namespace
}  // namespace perdure
