#include "net/sigv4.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "net/sigv4_vectors.h"

namespace perdure {
namespace {

constexpr Time kSuiteTime{1'440'938'160'000'000'000};  // 2015-08-30T12:36:00Z
constexpr Time kS3Time{1'369'353'600'000'000'000};     // 2013-05-24T00:00:00Z
constexpr std::string_view kSuiteHost = "example.amazonaws.com";
constexpr std::string_view kS3Host = "examplebucket.s3.amazonaws.com";
constexpr std::string_view kNothingHashed =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

SigningScope suite_scope() { return {"us-east-1", "service"}; }
SigningScope s3_scope() { return {"us-east-1", "s3"}; }

AwsCredentials suite_credentials(std::string_view token = {}) {
    return {"AKIDEXAMPLE", SecretText("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            SecretText(std::string(token))};
}

AwsCredentials s3_credentials() {
    return {"AKIAIOSFODNN7EXAMPLE", SecretText("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {}};
}

std::string header_of(const HttpRequest& request, std::string_view name) {
    std::string found;
    for (const HttpHeader& header : request.headers)
        if (header.name == name) found += header.value;
    return found;
}

std::string query_of(const HttpRequest& request, std::string_view name) {
    std::string found;
    for (const QueryPair& pair : request.url.query)
        if (pair.name == name) found += pair.value;
    return found;
}

std::string header_signature(const HttpRequest& request) {
    const std::string value = header_of(request, "Authorization");
    return value.substr(value.rfind('=') + 1);
}

HttpRequest get(std::string path, std::vector<QueryPair> query = {}) {
    return {
        "GET", {"https", std::string(kSuiteHost), 0, std::move(path), std::move(query)}, {}, {}};
}

/// The line of the canonical request that holds the path.
std::string canonical_path(std::string path, PathRule rule) {
    const std::string text = canonical_request(get(std::move(path)), {rule});
    return text.substr(4, text.find('\n', 4) - 4);
}

TEST(SigV4, HeaderSignaturesAreThoseOfTheSuite) {
    for (const SigningVector& v : kSuiteVectors) {
        HttpRequest request = request_of(v, kSuiteHost);
        sign(request, suite_credentials(v.token), suite_scope(), v.options, kSuiteTime);
        EXPECT_EQ(header_signature(request), v.header_signature)
            << v.name << "\n"
            << canonical_request(request, v.options);
    }
}

TEST(SigV4, QuerySignaturesAreThoseOfTheSuite) {
    for (const SigningVector& v : kSuiteVectors) {
        HttpRequest request = request_of(v, kSuiteHost);
        presign(request, suite_credentials(v.token), suite_scope(), v.options, kSuiteTime, 3600);
        EXPECT_EQ(query_of(request, "X-Amz-Signature"), v.query_signature)
            << v.name << "\n"
            << canonical_request(request, v.options);
    }
}

TEST(SigV4, SignaturesAreThoseOfTheS3Examples) {
    for (const SigningVector& v : kS3Vectors) {
        HttpRequest request = request_of(v, kS3Host);
        sign(request, s3_credentials(), s3_scope(), v.options, kS3Time);
        EXPECT_EQ(header_signature(request), v.header_signature) << v.name;
    }
}

TEST(SigV4, PresignedUrlIsThatOfTheS3Example) {
    HttpRequest request = get("/test.txt");
    request.url.host = kS3Host;
    presign(request, s3_credentials(), s3_scope(), kS3Presigning, kS3Time, 86400);
    EXPECT_EQ(request.url.target(),
              "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
              "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
              "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
              "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    EXPECT_TRUE(request.headers.empty());
}

TEST(SigV4, CanonicalRequestsAreThoseOfTheSuite) {
    const auto canonical = [](std::string_view name) {
        const auto* found = std::find_if(std::begin(kSuiteVectors), std::end(kSuiteVectors),
                                         [&](const SigningVector& v) { return v.name == name; });
        HttpRequest request = request_of(*found, kSuiteHost);
        sign(request, suite_credentials(found->token), suite_scope(), found->options, kSuiteTime);
        return canonical_request(request, found->options);
    };
    const std::string host = "host:example.amazonaws.com\n";
    const std::string date = "x-amz-date:20150830T123600Z\n\n";
    const std::string nothing(kNothingHashed);
    EXPECT_EQ(canonical("get-query-plus"),
              "GET\n/\nc%2Bd=\n" + host + date + "host;x-amz-date\n" + nothing);
    EXPECT_EQ(canonical("get-percent-encoded"), "GET\n/foo/bar/baz%253Cqux%253Aquux\n\n" + host +
                                                    date + "host;x-amz-date\n" + nothing);
    EXPECT_EQ(canonical("get-percent-single-encoded"),
              "GET\n/foo/bar/baz%3Cqux%3Aquux\n\n" + host + date + "host;x-amz-date\n" + nothing);
}

TEST(SigV4, CanonicalRequestOfAPresignedRequestIsThatOfTheSuite) {
    HttpRequest request = get("/");
    request.method = "POST";
    request.headers = {{"Content-Length", "13"}};
    presign(request, suite_credentials(), suite_scope(), kUnsignedBody, kSuiteTime, 3600);
    EXPECT_EQ(canonical_request(request, kUnsignedBody),
              "POST\n/\nX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830"
              "%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z"
              "&X-Amz-Expires=3600&X-Amz-SignedHeaders=content-length%3Bhost%3B"
              "x-amz-content-sha256\ncontent-length:13\nhost:example.amazonaws.com\n"
              "x-amz-content-sha256:UNSIGNED-PAYLOAD\n\n"
              "content-length;host;x-amz-content-sha256\nUNSIGNED-PAYLOAD");
}

TEST(SigV4, StringToSignNamesTimeScopeAndHash) {
    HttpRequest request = get("/test.txt");
    request.url.host = kS3Host;
    request.headers = {{"Range", "bytes=0-9"}};
    sign(request, s3_credentials(), s3_scope(), kS3Signing, kS3Time);
    EXPECT_EQ(string_to_sign(canonical_request(request, kS3Signing), s3_scope(), kS3Time),
              "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
              "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
}

TEST(SigV4, SignedRequestHasTheHeadersAndAuthorization) {
    HttpRequest request = get("/");
    sign(request, suite_credentials(kShortToken), suite_scope(), {}, kSuiteTime);
    ASSERT_EQ(request.headers.size(), 3u);
    EXPECT_EQ(header_of(request, "X-Amz-Date"), "20150830T123600Z");
    EXPECT_EQ(header_of(request, "X-Amz-Security-Token"), kShortToken);
    EXPECT_EQ(header_of(request, "Authorization"),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
              "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
              "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}

TEST(SigV4, ContentHashHeaderIsThatOfTheBodyOrUnsigned) {
    HttpRequest request = get("/");
    sign(request, s3_credentials(), s3_scope(), kS3Signing, kS3Time);
    EXPECT_EQ(header_of(request, "x-amz-content-sha256"), kNothingHashed);
    request.body = as_bytes("Welcome to Amazon S3.");
    sign(request, s3_credentials(), s3_scope(), kS3Signing, kS3Time);
    EXPECT_EQ(header_of(request, "x-amz-content-sha256"),
              "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    SigningOptions unsigned_body = kS3Signing;
    unsigned_body.payload = PayloadHash::Unsigned;
    sign(request, s3_credentials(), s3_scope(), unsigned_body, kS3Time);
    EXPECT_EQ(header_of(request, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
}

TEST(SigV4, SigningAgainReplacesTheSignatureAndItsTime) {
    HttpRequest fresh = get("/");
    HttpRequest again = get("/");
    sign(again, suite_credentials(kShortToken), suite_scope(), {}, kS3Time);
    sign(again, suite_credentials(kLongToken), suite_scope(), {}, kSuiteTime);
    sign(fresh, suite_credentials(kLongToken), suite_scope(), {}, kSuiteTime);
    EXPECT_EQ(again.headers.size(), fresh.headers.size());
    EXPECT_EQ(header_of(again, "Authorization"), header_of(fresh, "Authorization"));
}

TEST(SigV4, PresigningAgainReplacesWhatItAdded) {
    HttpRequest fresh = get("/", {{"a", "1"}});
    HttpRequest again = fresh;
    presign(again, suite_credentials(kShortToken), suite_scope(), {}, kS3Time, 60);
    presign(again, suite_credentials(kLongToken), suite_scope(), {}, kSuiteTime, 3600);
    presign(fresh, suite_credentials(kLongToken), suite_scope(), {}, kSuiteTime, 3600);
    EXPECT_EQ(again.url.target(), fresh.url.target());
}

TEST(SigV4, TokenThatIsAddedAfterSigningIsSentAndChangesNothing) {
    HttpRequest with = get("/");
    HttpRequest without = get("/");
    sign(with, suite_credentials(kShortToken), suite_scope(), kTokenAfter, kSuiteTime);
    sign(without, suite_credentials(), suite_scope(), kTokenAfter, kSuiteTime);
    EXPECT_EQ(header_of(with, "X-Amz-Security-Token"), kShortToken);
    EXPECT_EQ(header_of(with, "Authorization"), header_of(without, "Authorization"));

    with = without = get("/");
    presign(with, suite_credentials(kShortToken), suite_scope(), kTokenAfter, kSuiteTime, 60);
    presign(without, suite_credentials(), suite_scope(), kTokenAfter, kSuiteTime, 60);
    EXPECT_EQ(query_of(with, "X-Amz-Security-Token"), kShortToken);
    EXPECT_EQ(query_of(with, "X-Amz-Signature"), query_of(without, "X-Amz-Signature"));
}

TEST(SigV4, HostIsSignedWithAPortThatIsNotTheDefault) {
    HttpRequest request = get("/");
    request.url.port = 443;
    EXPECT_NE(canonical_request(request, {}).find("\nhost:example.amazonaws.com\n"),
              std::string::npos);
    request.url.port = 8443;
    EXPECT_NE(canonical_request(request, {}).find("\nhost:example.amazonaws.com:8443\n"),
              std::string::npos);
    request.headers = {{"Host", "other.example"}};  // what the client will send in its place
    EXPECT_NE(canonical_request(request, {}).find("\nhost:other.example\n"), std::string::npos);
    EXPECT_EQ(canonical_request(request, {}).find("8443"), std::string::npos);
}

TEST(SigV4, HeadersThatChangeOnTheWayAreNotSigned) {
    HttpRequest request = get("/");
    const std::string plain = canonical_request(request, {});
    request.headers = {{"User-Agent", "perdure"},        {"connection", "keep-alive"},
                       {"Expect", "100-continue"},       {"authorization", "old"},
                       {"Transfer-Encoding", "chunked"}, {"x-amzn-trace-id", "1"}};
    EXPECT_EQ(canonical_request(request, {}), plain);
    request.headers.push_back({"Content-Type", "text/plain"});
    EXPECT_NE(canonical_request(request, {}), plain);
}

TEST(SigV4, PathOfS3IsNeitherNormalizedNorEncodedTwice) {
    constexpr PathRule kOnce = PathRule::EncodedOnce;
    EXPECT_EQ(canonical_path("/a//b/../c/.", kOnce), "/a//b/../c/.");
    EXPECT_EQ(canonical_path("/a%20b%2Bc", kOnce), "/a%20b%2Bc");
    EXPECT_EQ(canonical_path("/a+b=c@d:e", kOnce), "/a%2Bb%3Dc%40d%3Ae");
    EXPECT_EQ(canonical_path("/%7e%c3%bc", kOnce), "/~%C3%BC");
    EXPECT_EQ(canonical_path("", kOnce), "/");
}

TEST(SigV4, PathOfOtherServicesIsNormalizedAndEncodedTwice) {
    constexpr PathRule kTwice = PathRule::NormalizedEncodedTwice;
    EXPECT_EQ(canonical_path("/a%20b%2Fc", kTwice), "/a%2520b%252Fc");
    EXPECT_EQ(canonical_path("/snapshots//x/../y/./z", kTwice), "/snapshots/y/z");
    EXPECT_EQ(canonical_path("/a/b/", kTwice), "/a/b/");
    EXPECT_EQ(canonical_path("/a/b/..", kTwice), "/a/");
    EXPECT_EQ(canonical_path("/../../a", kTwice), "/a");
    EXPECT_EQ(canonical_path("/...", kTwice), "/...");
    EXPECT_EQ(canonical_path("", kTwice), "/");
}

TEST(SigV4, QueryIsSortedByNameThenValueAndNotAsOneString) {
    const HttpRequest request = get(
        "/",
        {{"select-type", "2"}, {"select", "b"}, {"uploads", ""}, {"select", "a b+"}, {"S", "1"}});
    const std::string text = canonical_request(request, {});
    EXPECT_EQ(text.substr(6, text.find('\n', 6) - 6),
              "S=1&select=a%20b%2B&select=b&select-type=2&uploads=");
}

TEST(SigV4, ReportShowsBothTextsAndNeitherTokenNorSecret) {
    HttpRequest request = get("/", {{"a", "1"}});
    const AwsCredentials credentials = suite_credentials(kShortToken);
    sign(request, credentials, suite_scope(), {}, kSuiteTime);
    const std::string of_headers = signing_report(request, suite_scope(), {}, kSuiteTime);
    EXPECT_NE(of_headers.find("GET\n/\na=1\nhost:"), std::string::npos);
    EXPECT_NE(
        of_headers.find(string_to_sign(canonical_request(request, {}), suite_scope(), kSuiteTime)),
        std::string::npos);
    request = get("/", {{"a", "1"}});
    presign(request, credentials, suite_scope(), {}, kSuiteTime, 60);
    const std::string of_query = signing_report(request, suite_scope(), {}, kSuiteTime);
    for (std::string_view secret : {kShortToken, as_text(credentials.secret.reveal())}) {
        EXPECT_EQ(of_headers.find(secret), std::string::npos);
        EXPECT_EQ(of_query.find(secret), std::string::npos);
    }
}

template <class T>
void shuffle(std::vector<T>& items, SeededRandom& random) {
    for (std::size_t left = items.size(); left > 1; --left)
        std::swap(items[left - 1], items[random.below(left)]);
}

std::string random_text(SeededRandom& random) {
    std::string text(random.below(6), '\0');
    for (char& c : text) c = " aA-/+%=&\xc3"[random.below(10)];
    return text;
}

/// Of distinct header names; names and pairs of the query may be equal.
HttpRequest random_request(SeededRandom& random) {
    HttpRequest request = get("/" + random_text(random));
    for (std::uint64_t i = random.below(6); i > 0; --i)
        request.headers.push_back({"x-h" + std::to_string(i), random_text(random)});
    for (std::uint64_t i = random.below(8); i > 0; --i)
        request.url.query.push_back({random_text(random), random_text(random)});
    return request;
}

TEST(SigV4, OrderOfHeadersAndQueryPairsDoesNotCount) {
    SeededRandom random(4);
    for (int round = 0; round < 500; ++round) {
        HttpRequest one = random_request(random);
        HttpRequest other = one;
        shuffle(other.headers, random);
        shuffle(other.url.query, random);
        HttpRequest one_url = one;
        HttpRequest other_url = other;
        sign(one, suite_credentials(kShortToken), suite_scope(), {}, kSuiteTime);
        sign(other, suite_credentials(kShortToken), suite_scope(), {}, kSuiteTime);
        ASSERT_EQ(header_of(one, "Authorization"), header_of(other, "Authorization"));
        presign(one_url, suite_credentials(), suite_scope(), kS3Presigning, kSuiteTime, 60);
        presign(other_url, suite_credentials(), suite_scope(), kS3Presigning, kSuiteTime, 60);
        ASSERT_EQ(query_of(one_url, "X-Amz-Signature"), query_of(other_url, "X-Amz-Signature"));
    }
}

TEST(SigV4, EveryPartOfTheRequestCounts) {
    const auto signature_with = [](auto change) {
        HttpRequest request = get("/path", {{"a", "1"}});
        request.headers = {{"Range", "bytes=0-9"}};
        AwsCredentials credentials = suite_credentials();
        SigningScope scope = suite_scope();
        Time now = kSuiteTime;
        change(request, credentials, scope, now);
        sign(request, credentials, scope, {}, now);
        return header_signature(request);
    };
    const std::vector<std::string> signatures = {
        signature_with([](auto&, auto&, auto&, auto&) {}),
        signature_with([](auto& request, auto&, auto&, auto&) { request.method = "PUT"; }),
        signature_with([](auto& request, auto&, auto&, auto&) { request.url.host = "b"; }),
        signature_with([](auto& request, auto&, auto&, auto&) { request.url.path = "/b"; }),
        signature_with([](auto& request, auto&, auto&, auto&) { request.url.query.clear(); }),
        signature_with([](auto& request, auto&, auto&, auto&) { request.headers.clear(); }),
        signature_with([](auto& request, auto&, auto&, auto&) { request.body = as_bytes("b"); }),
        signature_with(
            [](auto&, auto& credentials, auto&, auto&) { credentials.secret = SecretText("b"); }),
        signature_with([](auto&, auto&, auto& scope, auto&) { scope.region = "b"; }),
        signature_with([](auto&, auto&, auto& scope, auto&) { scope.service = "b"; }),
        signature_with([](auto&, auto&, auto&, auto& now) { now.nanoseconds += 1'000'000'000; }),
    };
    for (std::size_t i = 0; i < signatures.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_NE(signatures[i], signatures[j]) << i << " " << j;
}

}  // namespace
}  // namespace perdure
