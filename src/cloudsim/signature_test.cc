#include "cloudsim/signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cloudsim/chunked_body.h"
#include "cloudsim/text.h"
#include "crypto/sha256.h"
#include "net/sigv4_vectors.h"

namespace perdure::cloudsim {
namespace {

constexpr Time kSuiteTime{1'440'938'160'000'000'000};  // 2015-08-30T12:36:00Z
constexpr std::string_view kHost = "example.amazonaws.com";
constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What a server would have received.
Request received(const HttpRequest& sent) {
    Request request;
    request.method = sent.method;
    request.path = sent.url.path.empty() ? "/" : sent.url.path;
    request.query = sent.url.query;
    request.headers = sent.headers;
    for (HttpHeader& header : request.headers)  // lines that were folded
        std::replace(header.value.begin(), header.value.end(), '\n', ' ');
    request.headers.push_back({"Host", sent.url.host_header()});
    request.body = to_buffer(sent.body);
    return request;
}

std::string hash_of(const SigningVector& v, const Request& request) {
    return v.options.payload == PayloadHash::Unsigned ? "UNSIGNED-PAYLOAD"
                                                      : sha256_of(request.body).hex();
}

/// The code of the refusal, "" if it is taken.
std::string verdict(const Request& request, const SigningVector& v, const char* secret = kSecret,
                    Time now = kSuiteTime) {
    auto claim = read_claim(request);
    if (!claim) return claim.error().code;
    if (!*claim) return "unsigned";
    const bool is_s3 = v.options.path == PathRule::EncodedOnce;
    auto verified = verify_signature(request, **claim, SecretText(secret), hash_of(v, request),
                                     {is_s3, now, 900});
    return verified ? "" : verified.error().code;
}

bool signs_token(const SigningVector& v) {
    return v.options.session_token == SessionTokenRule::Signed;
}

Request signed_request(const SigningVector& v) {
    HttpRequest request = request_of(v, kHost);
    const AwsCredentials credentials{"AKIDEXAMPLE", SecretText(kSecret),
                                     SecretText(std::string(v.token))};
    sign(request, credentials, {"us-east-1", "service"}, v.options, kSuiteTime);
    return received(request);
}

TEST(Signature, EveryPublishedRequestIsTakenAndNoneWithAnotherSecret) {
    int count = 0;
    for (const SigningVector& v : kSuiteVectors) {
        if (!signs_token(v)) continue;
        const Request request = signed_request(v);
        EXPECT_EQ(verdict(request, v), "") << v.name;
        EXPECT_EQ(verdict(request, v, "another"), "SignatureDoesNotMatch") << v.name;
        ++count;
    }
    EXPECT_GE(count, 30);
}

TEST(Signature, EveryPublishedPresignedRequestIsTakenForItsTime) {
    for (const SigningVector& v : kSuiteVectors) {
        if (!signs_token(v)) continue;
        HttpRequest request = request_of(v, kHost);
        const AwsCredentials credentials{"AKIDEXAMPLE", SecretText(kSecret),
                                         SecretText(std::string(v.token))};
        presign(request, credentials, {"us-east-1", "service"}, v.options, kSuiteTime, 3600);
        const Request got = received(request);
        EXPECT_EQ(verdict(got, v, kSecret, kSuiteTime + 3599 * kSecond), "") << v.name;
        EXPECT_EQ(verdict(got, v, kSecret, kSuiteTime + 3601 * kSecond), "AccessDenied") << v.name;
    }
}

TEST(Signature, AnyChangeOfASignedRequestIsNoticed) {
    const SigningVector& v = kSuiteVectors[0];
    const Request right = signed_request(v);
    const auto changed = [&](auto&& change) {
        Request request = right;
        change(request);
        return verdict(request, v);
    };
    EXPECT_EQ(changed([](Request& r) { r.method = "PUT"; }), "SignatureDoesNotMatch");
    EXPECT_EQ(changed([](Request& r) { r.path = "/other"; }), "SignatureDoesNotMatch");
    EXPECT_EQ(changed([](Request& r) { r.query.push_back({"a", ""}); }), "SignatureDoesNotMatch");
    EXPECT_EQ(changed([](Request& r) { r.body = to_buffer(as_bytes("x")); }),
              "SignatureDoesNotMatch");
    for (std::size_t i = 0; i < right.headers.size(); ++i) {
        if (right.headers[i].name == "Authorization") continue;
        EXPECT_NE(changed([&](Request& r) { r.headers[i].value += "x"; }), "")
            << right.headers[i].name;
        EXPECT_NE(
            changed([&](Request& r) { r.headers.erase(r.headers.begin() + static_cast<long>(i)); }),
            "")
            << right.headers[i].name;
    }
    EXPECT_EQ(changed([](Request& r) {
                  r.headers.push_back({"x-amz-meta-new", "1"});
              }),
              "AccessDenied");
}

TEST(Signature, ClocksMayDifferByFifteenMinutes) {
    const SigningVector& v = kSuiteVectors[0];
    const Request request = signed_request(v);
    EXPECT_EQ(verdict(request, v, kSecret, kSuiteTime + 900 * kSecond), "");
    EXPECT_EQ(verdict(request, v, kSecret, kSuiteTime + -900 * kSecond), "");
    EXPECT_EQ(verdict(request, v, kSecret, kSuiteTime + 901 * kSecond), "RequestTimeTooSkewed");
    EXPECT_EQ(verdict(request, v, kSecret, kSuiteTime + -901 * kSecond), "RequestTimeTooSkewed");
}

TEST(Signature, ClaimsThatMakeNoSenseAreRefused) {
    Request request;
    request.path = "/";
    auto none = read_claim(request);
    ASSERT_TRUE(bool(none));
    EXPECT_FALSE(*none);
    for (const char* value :
         {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b", "AWS key:signature",
          "AWS4-HMAC-SHA256 Credential=k/20150830/r/s/aws4_request, SignedHeaders=host, "
          "Signature=short"}) {
        request.headers = {{"Authorization", value}};
        EXPECT_FALSE(bool(read_claim(request))) << value;
    }
}

/// AWS's example of a body in chunks: 65 KiB of 'a' in 64 KiB and 1 KiB (sigv4-streaming.html).
class ChunkedExample : public testing::Test {
protected:
    ChunkedExample() {
        Key256 key = hmac_sha256_key(as_bytes("AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                     as_bytes("20130524"));
        for (const char* part : {"us-east-1", "s3", "aws4_request"})
            key = hmac_sha256_key(key.reveal(), as_bytes(part));
        state = {key, "20130524/us-east-1/s3/aws4_request", "20130524T000000Z",
                 "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
        body =
            "10000;chunk-signature="
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
            std::string(65536, 'a') + "\r\n" +
            "400;chunk-signature="
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
            std::string(1024, 'a') + "\r\n" +
            "0;chunk-signature="
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
    }
    std::string code(std::uint64_t length = 66560) {
        auto decoded = decode_chunks(as_bytes(body), length, &state, false);
        return decoded ? "" : decoded.error().code;
    }
    SigningState state;
    std::string body;
};

TEST_F(ChunkedExample, IsTaken) {
    auto decoded = decode_chunks(as_bytes(body), 66560, &state, false);
    ASSERT_TRUE(bool(decoded));
    EXPECT_EQ(as_text(decoded->bytes), std::string(66560, 'a'));
}

TEST_F(ChunkedExample, IsRefusedWithAnyByteChangedOrMissing) {
    const std::string right = body;
    for (const std::size_t at :
         {std::size_t{20}, std::size_t{100}, std::size_t{65700}, right.size() - 10}) {
        body = right;
        body[at] = body[at] == 'b' ? 'c' : 'b';
        EXPECT_NE(code(), "") << at;
        body = right.substr(0, at);
        EXPECT_NE(code(), "") << at;
    }
    body = right;
    EXPECT_EQ(code(66561), "IncompleteBody");
    state.signature[0] = '0';
    EXPECT_EQ(code(), "SignatureDoesNotMatch");
}

TEST(Chunked, AnUnsignedTrailerIsRead) {
    auto decoded = decode_chunks(as_bytes("4\r\nbody\r\n0\r\nx-amz-checksum-crc32: AAAA\r\n\r\n"),
                                 4, nullptr, true);
    ASSERT_TRUE(bool(decoded));
    ASSERT_EQ(decoded->trailers.size(), 1u);
    EXPECT_EQ(decoded->trailers[0].value, "AAAA");
}

}  // namespace
}  // namespace perdure::cloudsim
