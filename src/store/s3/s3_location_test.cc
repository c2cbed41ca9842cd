#include "store/s3/s3_location.h"

#include <gtest/gtest.h>

#include <map>

namespace perdure {
namespace {

FindVariable variables(std::map<std::string, std::string> values = {}) {
    return [values = std::move(values)](const char* name) -> std::optional<std::string> {
        const auto at = values.find(name);
        return at == values.end() ? std::nullopt : std::optional(at->second);
    };
}

std::string shown(const Url& url) { return url.scheme + "://" + url.host_header() + url.target(); }

TEST(S3Location, OfAwsHasTheBucketInTheHostName) {
    const auto location = parse_s3_location("s3://my-bucket/backups/web/", variables());
    ASSERT_TRUE(location);
    EXPECT_TRUE(location->is_aws());
    EXPECT_EQ(location->prefix, "backups/web/");
    EXPECT_EQ(shown(url_of(*location, "eu-west-1", location->prefix + "points/1")),
              "https://my-bucket.s3.eu-west-1.amazonaws.com/backups/web/points/1");
    EXPECT_EQ(shown(url_of(*location, "cn-north-1", "x")),
              "https://my-bucket.s3.cn-north-1.amazonaws.com.cn/x");
    EXPECT_EQ(shown(url_of(*location, "eu-west-1", "")),
              "https://my-bucket.s3.eu-west-1.amazonaws.com/");
}

TEST(S3Location, ABucketWithDotsGoesIntoThePathAsNoCertificateCoversIt) {
    const auto location = parse_s3_location("s3://my.bucket", variables());
    ASSERT_TRUE(location);
    EXPECT_EQ(location->prefix, "");
    EXPECT_EQ(shown(url_of(*location, "us-east-1", "a")),
              "https://s3.us-east-1.amazonaws.com/my.bucket/a");
}

TEST(S3Location, OfAServerOfItsOwnHasTheBucketInThePath) {
    const auto location = parse_s3_location("s3:http://127.0.0.1:7070/bucket/a/b",
                                            variables({{"AWS_ENDPOINT_URL", "x"}}));
    ASSERT_TRUE(location);
    EXPECT_FALSE(location->is_aws());
    EXPECT_EQ(shown(url_of(*location, "us-east-1", "a/b/c")), "http://127.0.0.1:7070/bucket/a/b/c");
    const auto v6 = parse_s3_location("s3:https://[::1]/bucket", variables());
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->port, 0);
}

TEST(S3Location, TheEnvironmentNamesAServerAndTheOneForS3GoesBefore) {
    const auto both =
        parse_s3_location("s3://bucket/p", variables({{"AWS_ENDPOINT_URL", "http://all:1"},
                                                      {"AWS_ENDPOINT_URL_S3", "https://only-s3"}}));
    ASSERT_TRUE(both);
    EXPECT_EQ(shown(url_of(*both, "us-east-1", "p/x")), "https://only-s3/bucket/p/x");
    const auto wrong =
        parse_s3_location("s3://bucket", variables({{"AWS_ENDPOINT_URL", "127.0.0.1:80"}}));
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().describe().find("AWS_ENDPOINT_URL"), std::string::npos);
}

TEST(S3Location, EitherStyleCanBeAskedFor) {
    auto own = parse_s3_location("s3:http://host:9000/bucket", variables());
    ASSERT_TRUE(own);
    own->bucket_in = BucketIn::Host;
    EXPECT_EQ(shown(url_of(*own, "us-east-1", "x")), "http://bucket.host:9000/x");
    auto aws = parse_s3_location("s3://bucket", variables());
    ASSERT_TRUE(aws);
    aws->bucket_in = BucketIn::Path;
    EXPECT_EQ(shown(url_of(*aws, "us-east-1", "x")), "https://s3.us-east-1.amazonaws.com/bucket/x");
}

TEST(S3Location, ARegionIsWhatMayStandInAHostName) {
    EXPECT_TRUE(is_region_name("eu-central-1"));
    for (const char* text : {"", "-x", "eu/1", "a.evil.example", "EU", "x-"})
        EXPECT_FALSE(is_region_name(text)) << text;
}

TEST(S3Location, WhatIsNoneSaysWhy) {
    for (const char* text :
         {"s3://", "s3:", "s3://Bucket", "s3://ab", "s3://-ab", "s3://a_b", "s3:///x",
          "s3://bucket//x", "s3://bucket/a//b", "s3:http://", "s3:http://host",
          "s3:http://host:0/bucket", "s3:http://host:99999/bucket", "s3:http://user@host/bucket",
          "s3:bucket", "/srv/backup"}) {
        const auto location = parse_s3_location(text, variables());
        ASSERT_FALSE(location) << text;
        EXPECT_EQ(location.error().kind(), ErrorKind::InvalidInput) << text;
        EXPECT_FALSE(location.error().hint().empty()) << text;
    }
}

}  // namespace
}  // namespace perdure
