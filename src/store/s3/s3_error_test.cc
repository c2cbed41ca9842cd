#include "store/s3/s3_error.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

HttpResponse answered(int status, const std::string& code, const std::string& message = "m") {
    HttpResponse response;
    response.status = status;
    if (!code.empty())
        response.body = to_buffer(as_bytes("<?xml version=\"1.0\"?><Error><Code>" + code +
                                           "</Code><Message>" + message + "</Message></Error>"));
    return response;
}

ErrorKind kind(int status, const std::string& code) {
    return s3_error(answered(status, code), "s3:GetObject", "s3://b/k").kind();
}

TEST(S3Error, IsWhatACallerDecidesOn) {
    EXPECT_EQ(kind(404, "NoSuchKey"), ErrorKind::NotFound);
    EXPECT_EQ(kind(404, ""), ErrorKind::NotFound) << "HEAD has no body";
    EXPECT_EQ(kind(404, "NoSuchBucket"), ErrorKind::InvalidInput);
    EXPECT_EQ(kind(412, "PreconditionFailed"), ErrorKind::AlreadyExists);
    EXPECT_EQ(kind(416, "InvalidRange"), ErrorKind::Corrupt);
    EXPECT_EQ(kind(403, "AccessDenied"), ErrorKind::Denied);
    EXPECT_EQ(kind(409, "ConditionalRequestConflict"), ErrorKind::Unavailable);
    EXPECT_EQ(kind(429, "TooManyRequests"), ErrorKind::Unavailable);
    EXPECT_EQ(kind(503, "SlowDown"), ErrorKind::Unavailable);
    EXPECT_EQ(kind(500, "InternalError"), ErrorKind::Timeout) << "it may have happened";
    EXPECT_EQ(kind(502, ""), ErrorKind::Timeout);
    EXPECT_EQ(kind(501, "NotImplemented"), ErrorKind::Unsupported);
    EXPECT_EQ(kind(507, ""), ErrorKind::NoSpace);
    EXPECT_EQ(kind(403, "QuotaExceeded"), ErrorKind::NoSpace);
    EXPECT_EQ(kind(400, "ExpiredToken"), ErrorKind::Denied);
    EXPECT_EQ(kind(403, "InvalidObjectState"), ErrorKind::Unsupported);
    EXPECT_EQ(kind(409, "InvalidBucketState"), ErrorKind::Unsupported);
    EXPECT_EQ(kind(409, "BucketAlreadyExists"), ErrorKind::AlreadyExists);
    EXPECT_EQ(kind(301, "PermanentRedirect"), ErrorKind::InvalidInput);
    EXPECT_EQ(kind(301, ""), ErrorKind::InvalidInput);
}

TEST(S3Error, NamesTheObjectTheActionAndWhatToDo) {
    HttpResponse response = answered(403, "AccessDenied", "no");
    response.headers.push_back({"x-amz-request-id", "4711"});
    const Error denied = s3_error(response, "s3:PutObject", "s3://b/points/1");
    EXPECT_EQ(denied.describe(),
              "s3://b/points/1: s3:PutObject: HTTP 403 AccessDenied: no (request 4711)");
    EXPECT_EQ(denied.hint(), "allow s3:PutObject to this credential; see `perdure iam policy`");
    HttpResponse elsewhere = answered(301, "PermanentRedirect");
    elsewhere.headers.push_back({"X-Amz-Bucket-Region", "eu-central-1"});
    EXPECT_EQ(s3_error(elsewhere, "s3:GetObject", "s3://b/k").hint(),
              "the bucket is in eu-central-1");
    EXPECT_NE(s3_error(answered(400, "ExpiredToken"), "s3:GetObject", "x").hint().find("expired"),
              std::string::npos);
}

TEST(S3Error, AnAnswerOfSomethingElseMeansTheWrongEndpoint) {
    HttpResponse page;
    page.body = to_buffer(as_bytes("<html><body>Not Found</body></html>"));
    for (const int status : {400, 403, 404, 405, 502}) {
        page.status = status;
        const Error error = s3_error(page, "s3:GetObject", "s3://b/k");
        EXPECT_NE(error.kind(), ErrorKind::NotFound)
            << "it does not say that the object is missing";
        EXPECT_NE(error.hint().find("check the endpoint"), std::string::npos) << status;
    }
}

TEST(S3Error, OfABodyThatIsNoXmlStillSaysTheStatus) {
    HttpResponse response;
    response.status = 502;
    response.body = to_buffer(as_bytes("<html><body>Bad Gateway"));
    EXPECT_EQ(s3_error(response, "s3:GetObject", "s3://b/k").describe(),
              "s3://b/k: s3:GetObject: HTTP 502");
}

TEST(S3Error, SaysHowLongTheServerWantsToBeLeftAlone) {
    HttpResponse slow = answered(503, "SlowDown");
    EXPECT_EQ(s3_error(slow, "s3:PutObject", "x").retry_after_ms(), 0U);
    slow.headers.push_back({"Retry-After", "7"});
    EXPECT_EQ(s3_error(slow, "s3:PutObject", "x").retry_after_ms(), 7000U);
}

TEST(S3Error, ClocksThatDifferAreToldApartFromOtherRefusals) {
    EXPECT_TRUE(is_clock_skew(answered(403, "RequestTimeTooSkewed")));
    EXPECT_FALSE(is_clock_skew(answered(403, "AccessDenied")));
}

}  // namespace
}  // namespace perdure
