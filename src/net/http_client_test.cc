#include "net/http_client.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/rate_limiter.h"
#include "support/loopback_server.h"

namespace perdure {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kMost = 1U << 20;

HttpRequest request_to(const LoopbackServer& server, const std::string& method,
                       const std::string& path = "/") {
    HttpRequest request;
    request.method = method;
    request.url.scheme = "http";
    request.url.host = "127.0.0.1";
    request.url.port = server.port();
    request.url.path = path;
    return request;
}

HttpOptions quick() {
    HttpOptions options;
    options.idle_ms = 1000;
    options.attempt_ms = 5000;
    options.use_proxy = false;
    return options;
}

TEST(HttpClient, SendsWhatItWasGivenAndGivesBackWhatCame) {
    LoopbackServer server([](const ReceivedRequest& got) {
        return answer(got.method == "PUT" ? 201 : 200, "to " + got.target, {"X-Found: yes"});
    });
    HttpClient client(quick());
    HttpRequest put = request_to(server, "PUT", "/a/../b%20c//d");
    put.url.query = {{"x", "1 2"}, {"empty", ""}};
    put.headers = {{"X-Mine", "v"}};
    put.body = as_bytes("content");
    const auto got = client.send(put, kMost, {});
    ASSERT_TRUE(got) << got.error().describe();
    EXPECT_EQ(got->status, 201);
    EXPECT_EQ(as_text(got->body), "to /a/../b%20c//d?x=1%202&empty=") << "as it is, not tidied up";
    EXPECT_EQ(got->header("x-found"), "yes");
    EXPECT_EQ(got->header("x-other"), std::nullopt);
    const auto seen = server.requests().at(0);
    EXPECT_EQ(seen.body, "content");
    EXPECT_EQ(seen.header("x-mine"), "v");
    EXPECT_EQ(seen.header("expect"), std::nullopt);
    EXPECT_EQ(seen.header("transfer-encoding"), std::nullopt);
}

TEST(HttpClient, EveryMethodIsWhatItSays) {
    LoopbackServer server([](const ReceivedRequest& got) {
        RawAnswer back = answer(200, "four");
        if (got.method == "HEAD") back.bytes.resize(back.bytes.size() - 4);
        return back;
    });
    HttpClient client(quick());
    for (const char* method : {"GET", "HEAD", "PUT", "POST", "DELETE"}) {
        const auto got = client.send(request_to(server, method), kMost, {});
        ASSERT_TRUE(got) << method << ": " << got.error().describe();
        EXPECT_EQ(server.requests().back().method, method);
        EXPECT_EQ(as_text(got->body), std::string_view(method) == "HEAD" ? "" : "four");
    }
    EXPECT_EQ(client.counts().requests, 5U);
    EXPECT_EQ(client.counts().connections, 1U) << "one connection serves them all";
}

TEST(HttpClient, AnIdleConnectionThatWasClosedIsReplaced) {
    LoopbackServer server([](const ReceivedRequest& got) {
        RawAnswer back = answer(200, got.body);
        back.close = true;
        return back;
    });
    HttpClient client(quick());
    const std::string body(300'000, 'x');
    for (int i = 0; i < 3; ++i) {
        HttpRequest put = request_to(server, "PUT");
        put.body = as_bytes(body);
        const auto got = client.send(put, kMost, {});
        ASSERT_TRUE(got) << got.error().describe();
        EXPECT_EQ(as_text(got->body), body);
    }
}

TEST(HttpClient, StatusesAreAnswersNotErrors) {
    int status = 0;
    LoopbackServer server([&](const ReceivedRequest&) { return answer(status, "<Error/>"); });
    HttpClient client(quick());
    for (const int each : {204, 304, 400, 403, 404, 412, 500, 503}) {
        status = each;
        auto request = request_to(server, "DELETE");
        const auto got = client.send(request, kMost, {});
        if (each == 204 || each == 304) continue;  // have no body by definition
        ASSERT_TRUE(got) << each;
        EXPECT_EQ(got->status, each);
    }
}

TEST(HttpClient, RedirectsAreNotFollowed) {
    LoopbackServer server(
        [](const ReceivedRequest&) { return answer(307, "", {"Location: http://127.0.0.1:1/"}); });
    HttpClient client(quick());
    EXPECT_EQ(client.send(request_to(server, "GET"), kMost, {})->status, 307);
}

TEST(HttpClient, ATornAnswerMayHaveHappened) {
    LoopbackServer server([](const ReceivedRequest&) {
        RawAnswer back = answer(200, std::string(1000, 'x'));
        back.bytes.resize(back.bytes.size() - 1);
        back.close = true;
        return back;
    });
    HttpClient client(quick());
    const auto got = client.send(request_to(server, "GET"), kMost, {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), ErrorKind::Timeout);
}

TEST(HttpClient, SilenceMayHaveHappened) {
    LoopbackServer server([](const ReceivedRequest&) {
        RawAnswer back = answer(200);
        back.delay_ms = 1500;
        return back;
    });
    HttpOptions options = quick();
    options.attempt_ms = 300;
    HttpClient client(options);
    const auto got = client.send(request_to(server, "GET"), kMost, {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), ErrorKind::Timeout);
}

TEST(HttpClient, LargeBodiesHaveMoreTime) {
    LoopbackServer server([](const ReceivedRequest&) {
        RawAnswer back = answer(200);
        back.delay_ms = 600;
        return back;
    });
    HttpOptions options = quick();
    options.attempt_ms = 100;
    options.slowest = 1000;
    HttpClient client(options);
    const std::string body(5000, 'x');
    HttpRequest put = request_to(server, "PUT");
    EXPECT_FALSE(client.send(put, 100, {}));
    put.body = as_bytes(body);
    EXPECT_TRUE(client.send(put, 100, {}));
    EXPECT_TRUE(client.send(request_to(server, "GET"), 5000, {})) << "it may answer that much";
}

TEST(HttpClient, WhereNobodyListensNothingHappened) {
    std::uint16_t port = 0;
    {
        port = LoopbackServer([](const ReceivedRequest&) { return answer(200); }).port();
    }
    HttpClient client(quick());
    HttpRequest request;
    request.method = "GET";
    request.url.scheme = "http";
    request.url.path = "/";
    request.url.host = "127.0.0.1";
    request.url.port = port;
    const auto refused = client.send(request, kMost, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::Unavailable);
    EXPECT_NE(refused.error().describe().find("127.0.0.1:" + std::to_string(port)),
              std::string::npos);
    request.url.host = "no-such-host.invalid";
    for (int attempt = 0; attempt < 3; ++attempt) {  // one that failed leaves the next one be
        const auto unknown = client.send(request, kMost, {});
        ASSERT_FALSE(unknown);
        EXPECT_EQ(unknown.error().kind(), ErrorKind::Unavailable);
        EXPECT_FALSE(unknown.error().hint().empty());
    }
}

TEST(HttpClient, AnAnswerLargerThanAllowedIsCutOff) {
    LoopbackServer server(
        [](const ReceivedRequest&) { return answer(200, std::string(5000, 'x')); });
    HttpClient client(quick());
    const auto got = client.send(request_to(server, "GET"), 4999, {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), ErrorKind::Corrupt);
    EXPECT_TRUE(client.send(request_to(server, "GET"), 5000, {}));
}

TEST(HttpClient, EndlessHeadersAreCutOff) {
    LoopbackServer server([](const ReceivedRequest&) {
        RawAnswer back{"HTTP/1.1 200 OK\r\n"};
        for (int i = 0; i < 5000; ++i) back.bytes += "X-H" + std::to_string(i) + ": 0123456789\r\n";
        back.bytes += "Content-Length: 0\r\n\r\n";
        return back;
    });
    HttpClient client(quick());
    EXPECT_FALSE(client.send(request_to(server, "GET"), kMost, {}));
}

TEST(HttpClient, StopsWhenAsked) {
    LoopbackServer server([](const ReceivedRequest&) {
        RawAnswer back = answer(200);
        back.delay_ms = 1500;
        return back;
    });
    HttpClient client(quick());
    std::stop_source source;
    const std::jthread stopper([&] {
        std::this_thread::sleep_for(200ms);
        source.request_stop();
    });
    const auto got = client.send(request_to(server, "GET"), kMost, source.get_token());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().kind(), ErrorKind::Cancelled);
}

TEST(HttpClient, ManyThreadsShareItsConnections) {
    LoopbackServer server([](const ReceivedRequest& got) { return answer(200, got.target); });
    HttpClient client(quick());
    {
        constexpr int kThreads = 4;
        std::vector<std::jthread> threads;
        threads.reserve(kThreads);
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < 50; ++i) {
                    const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
                    const auto got = client.send(request_to(server, "GET", path), kMost, {});
                    ASSERT_TRUE(got);
                    EXPECT_EQ(as_text(got->body), path);
                }
            });
    }
    EXPECT_EQ(client.counts().requests, 200U);
    EXPECT_LE(client.counts().connections, 4U);
}

/// Says what time it is.
class StillClock final : public Clock {
public:
    Time now() override { return {}; }
    std::uint64_t monotonic_nanoseconds() override { return at; }
    std::uint64_t at = 0;
};

TEST(RateLimiter, GivesEachTheNextFreeStretchOfTime) {
    StillClock clock;
    RateLimiter limit(1000, clock);
    EXPECT_EQ(limit.take(500), 0U);
    EXPECT_EQ(limit.take(500), 500'000'000U);
    EXPECT_EQ(limit.take(1), 1'000'000'000U);
    clock.at = 10'000'000'000;
    EXPECT_EQ(limit.take(1000), 0U) << "what was not used is not saved up";
    EXPECT_EQ(limit.take(1000), 1'000'000'000U);
    RateLimiter none(0, clock);
    EXPECT_EQ(none.take(1U << 30), 0U);
    EXPECT_EQ(none.take(1U << 30), 0U);
}

TEST(RateLimiter, HandsOutPartsThatNobodyWaitsLongFor) {
    EXPECT_EQ(RateLimiter(0).part_of(65536), 65536U);
    EXPECT_EQ(RateLimiter(1U << 30).part_of(65536), 65536U);
    EXPECT_EQ(RateLimiter(160'000).part_of(65536), 10'000U);
    EXPECT_EQ(RateLimiter(1).part_of(65536), 1024U);
    EXPECT_EQ(RateLimiter(1).part_of(10), 10U);
}

}  // namespace
}  // namespace perdure
