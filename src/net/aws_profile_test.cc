#include "net/aws_profile.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

TEST(AwsProfiles, OfAConfigFileAreItsProfileSectionsAndDefault) {
    AwsProfiles profiles;
    add_profiles(
        "# a comment\n[default]\nregion = eu-west-1\n\n[profile backup]\nrole_arn=arn:x ; why\n"
        "s3 =\n  addressing_style = path\n[sso-session x]\nregion = us-east-1\n[plain]\nregion = "
        "y\n"
        "[profile \"two words\"]\r\nregion = z\r\n",
        true, profiles);
    EXPECT_EQ(profiles.size(), 3U);
    EXPECT_EQ(profiles["default"].get("region"), "eu-west-1");
    EXPECT_EQ(profiles["backup"].get("role_arn"), "arn:x");
    EXPECT_EQ(profiles["backup"].get("addressing_style"), std::nullopt);
    EXPECT_EQ(profiles["two words"].get("region"), "z");
}

TEST(AwsProfiles, OfTheCredentialsFileGoBeforeThoseOfTheConfigFile) {
    AwsProfiles profiles;
    add_profiles("[profile a]\naws_access_key_id = of config\nregion = r\n", true, profiles);
    add_profiles("[a]\naws_access_key_id = of credentials\n", false, profiles);
    EXPECT_EQ(profiles["a"].get("aws_access_key_id"), "of credentials");
    EXPECT_EQ(profiles["a"].get("region"), "r");
}

TEST(AwsProfiles, ASecretMayHoldEqualsSignsAndNumberSigns) {
    AwsProfiles profiles;
    add_profiles("[a]\naws_secret_access_key=ab=c#d/e;f==\n", false, profiles);
    EXPECT_EQ(profiles["a"].get("aws_secret_access_key"), "ab=c#d/e;f==");
}

TEST(AwsProfiles, WhatIsNoProfileFileHasNone) {
    for (const char* text :
         {"", "\n\n", "key = value", "[broken\nkey = value", "\0\1\2", "=\n= =\n"}) {
        AwsProfiles profiles;
        add_profiles(text, true, profiles);
        EXPECT_TRUE(profiles.empty()) << text;
    }
}

}  // namespace
}  // namespace perdure
