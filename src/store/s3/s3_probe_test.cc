#include "store/s3/s3_probe.h"

#include <gtest/gtest.h>

#include "store/s3/s3_setup.h"

namespace perdure {
namespace {

std::string rules(const std::string& inner) {
    return "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>" + inner +
           "</Rule></LifecycleConfiguration>";
}

const std::string kExpires = "<Expiration><Days>7</Days></Expiration>";

std::string noncurrent(int days) {
    return "<NoncurrentVersionExpiration><NoncurrentDays>" + std::to_string(days) +
           "</NoncurrentDays></NoncurrentVersionExpiration>";
}

std::string own_rule(const std::string& content) {
    return "<LifecycleConfiguration><Rule><ID>" + own_rule_id("backups/") +
           "</ID><Status>Enabled</Status>" + content + "</Rule></LifecycleConfiguration>";
}

TEST(LifecycleRules, ThatDeleteOrArchiveOurObjectsAreNamed) {
    const auto of_all = dangerous_rules(rules("<Filter/>" + kExpires), "backups/");
    ASSERT_EQ(of_all.size(), 1U);
    EXPECT_EQ(of_all[0], "the lifecycle rule \"r\" deletes objects after 7 days");
    EXPECT_EQ(dangerous_rules(rules("<Prefix>back</Prefix>" + kExpires), "backups/").size(), 1U);
    EXPECT_EQ(dangerous_rules(rules("<Filter><Prefix>backups/packs/</Prefix></Filter>" + kExpires),
                              "backups/")
                  .size(),
              1U);
    EXPECT_EQ(
        dangerous_rules(rules("<Transition><StorageClass>GLACIER</StorageClass></Transition>"), "")
            .size(),
        1U);
}

TEST(LifecycleRules, OfOthersAndOurOwnAreNot) {
    EXPECT_TRUE(dangerous_rules(rules("<Prefix>logs/</Prefix>" + kExpires), "backups/").empty());
    EXPECT_TRUE(dangerous_rules(
                    rules("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>" + kExpires),
                    "backups/")
                    .empty());
    EXPECT_TRUE(dangerous_rules(rules(noncurrent(30)), "backups/").empty());
    EXPECT_TRUE(dangerous_rules(own_rule(noncurrent(3)), "backups/").empty())
        << "how long was the choice of whoever made the bucket";
    EXPECT_TRUE(dangerous_rules("no XML", "").empty());
}

TEST(LifecycleRules, ThatLetGoOfWhatWasOverwrittenTooSoonAreNamed) {
    const auto dangers = dangerous_rules(rules(noncurrent(3)), "backups/");
    ASSERT_EQ(dangers.size(), 1U);
    EXPECT_NE(dangers[0].find("after 3 days"), std::string::npos) << dangers[0];
}

TEST(LifecycleRules, TheNameOfOurOwnExcusesNoOther) {
    EXPECT_EQ(dangerous_rules(own_rule(kExpires), "backups/").size(), 1U);
}

TEST(StoreCapabilities, VersionsThatTheCredentialCannotDestroyProtect) {
    StoreCapabilities found;
    EXPECT_TRUE(found.destroyable()) << "what is not known is not relied on";
    found.overwrites = found.deletes = false;
    EXPECT_FALSE(found.destroyable());
    found.overwrites = true;
    EXPECT_TRUE(found.destroyable());
    found.keeps_versions = true;
    EXPECT_TRUE(found.destroyable());
    found.destroys_versions = false;
    EXPECT_FALSE(found.destroyable());
}

}  // namespace
}  // namespace perdure
