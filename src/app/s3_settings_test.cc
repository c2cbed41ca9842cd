#include "app/s3_settings.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

TEST(S3Settings, AreReadByName) {
    const auto settings = parse_s3_settings(
        {"s3.region=eu-central-1", "s3.bucket-lookup=dns", "s3.connections=3",
         "s3.storage-class=GLACIER_IR", "s3.encryption=aws:kms", "s3.kms-key=arn:aws:kms:x=y",
         "s3.acl=bucket-owner-full-control", "s3.role-arn=arn:r", "s3.external-id=e",
         "s3.connect-timeout=3", "s3.idle-timeout=4", "s3.timeout=86400"});
    ASSERT_TRUE(settings) << settings.error().describe();
    EXPECT_EQ(settings->region, "eu-central-1");
    EXPECT_EQ(settings->bucket_in, BucketIn::Host);
    EXPECT_EQ(settings->storage.connections, 3U);
    EXPECT_EQ(settings->connect_s, 3U);
    EXPECT_EQ(settings->idle_s, 4U);
    EXPECT_EQ(settings->call_s, 86'400U);
    EXPECT_EQ(settings->storage.data_class, "GLACIER_IR");
    EXPECT_EQ(settings->storage.other_class, "");
    EXPECT_EQ(settings->storage.kms_key, "arn:aws:kms:x=y");
    EXPECT_EQ(settings->storage.acl, "bucket-owner-full-control");
    EXPECT_EQ(settings->role->arn, "arn:r");
    EXPECT_EQ(settings->role->external_id, "e");
    EXPECT_FALSE(parse_s3_settings({})->role);
}

TEST(S3Settings, ThatCannotBeRightAreNamed) {
    for (const char* text :
         {"s3.region", "s3.region=", "s3.nothing=1", "s3.region=eu/west", "s3.bucket-lookup=maybe",
          "s3.connections=0", "s3.connections=9999", "s3.connections=2x", "s3.timeout=86401",
          "s3.idle-timeout=0", "s3.storage-class=COLD", "s3.encryption=rot13", "s3.external-id=e",
          "s3.kms-key=k"}) {
        const auto settings = parse_s3_settings({text});
        ASSERT_FALSE(settings) << text;
        EXPECT_EQ(settings.error().kind(), ErrorKind::InvalidInput) << text;
        const std::string name = std::string(text).substr(0, std::string(text).find('='));
        EXPECT_NE(settings.error().describe().find(name), std::string::npos) << text;
    }
}

TEST(S3Settings, OnlyDataPacksMayLieWhereTheyMustBeThawed) {
    EXPECT_TRUE(parse_s3_settings({"s3.storage-class=DEEP_ARCHIVE"}));
    EXPECT_TRUE(parse_s3_settings({"s3.other-storage-class=STANDARD_IA"}));
    EXPECT_FALSE(parse_s3_settings({"s3.other-storage-class=GLACIER"}));
}

}  // namespace
}  // namespace perdure
