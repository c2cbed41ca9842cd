#include "app/iam_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace perdure {
namespace {

nlohmann::json policy(PolicyRole role, std::optional<WriterNumber> writer = std::nullopt) {
    PolicyWishes wishes;
    wishes.role = role;
    wishes.bucket = "b";
    wishes.prefix = "p/";
    wishes.writer = writer;
    wishes.longest_lock_days = 30;
    const auto text = iam_policy(wishes);
    EXPECT_TRUE(text) << text.error().describe();
    return nlohmann::json::parse(*text);
}

/// The resources on which `action` is allowed.
std::vector<std::string> allowed(const nlohmann::json& policy, const std::string& action) {
    std::vector<std::string> resources;
    for (const auto& statement : policy["Statement"])
        for (const auto& each : statement["Action"])
            if (each == action) {
                const auto& resource = statement["Resource"];
                if (!resource.is_array()) resources.push_back(resource.get<std::string>());
                for (std::size_t i = 0; resource.is_array() && i < resource.size(); ++i)
                    resources.push_back(resource[i].get<std::string>());
            }
    return resources;
}

TEST(IamPolicy, AWriterCreatesUnderItsOwnPrefixesOnlyAndNeverOverSomething) {
    const auto of_writer = policy(PolicyRole::Writer, WriterNumber{3});
    for (const std::string& resource : allowed(of_writer, "s3:PutObject")) {
        const bool own = resource.find("00000003") != std::string::npos ||
                         resource == "arn:aws:s3:::b/p/probe/*";
        EXPECT_TRUE(own) << resource;
    }
    for (const auto& statement : of_writer["Statement"])
        if (statement["Action"][0] == "s3:PutObject") {
            EXPECT_EQ(statement["Condition"]["Null"]["s3:if-none-match"], "false");
        }
    for (const char* action :
         {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"})
        EXPECT_TRUE(allowed(of_writer, action).empty()) << action;
    EXPECT_FALSE(iam_policy(PolicyWishes{})) << "a writer without a number";
}

TEST(IamPolicy, AWriterReadsWhatFindsThatSomethingIsStoredAndNoKeySlots) {
    const auto reads = allowed(policy(PolicyRole::Writer, WriterNumber{3}), "s3:GetObject");
    const auto has = [&](const std::string& resource) {
        return std::find(reads.begin(), reads.end(), resource) != reads.end();
    };
    EXPECT_TRUE(has("arn:aws:s3:::b/p/packs/*")) << "manifests lie in them";
    EXPECT_TRUE(has("arn:aws:s3:::b/p/index/*"));
    for (const std::string& resource : reads)
        EXPECT_EQ(resource.find("/keys/"), std::string::npos) << resource;
    EXPECT_FALSE(has("arn:aws:s3:::b/p/*"));
}

TEST(IamPolicy, LocksAreForAsManyDaysAsAskedAndAWritersOfItsOwnObjects) {
    const auto of_writer = policy(PolicyRole::Writer, WriterNumber{3});
    const auto may = allowed(of_writer, "s3:PutObjectRetention");
    ASSERT_FALSE(may.empty());
    for (const std::string& resource : may) {
        const bool own = resource.find("00000003") != std::string::npos ||
                         resource == "arn:aws:s3:::b/p/probe/*";
        EXPECT_TRUE(own) << resource;
    }
    const auto of_maintainer = policy(PolicyRole::Maintainer);
    EXPECT_EQ(allowed(of_maintainer, "s3:PutObjectRetention"),
              std::vector<std::string>{"arn:aws:s3:::b/p/*"});
    for (const auto& text : {of_writer, of_maintainer})
        for (const auto& statement : text["Statement"])
            if (statement["Action"][0] == "s3:PutObjectRetention") {
                const auto& most = statement["Condition"]["NumericLessThanEquals"];
                EXPECT_EQ(most["s3:object-lock-remaining-retention-days"], "30");
            }
    const auto reads = allowed(of_writer, "s3:GetObject");
    EXPECT_TRUE(std::find(reads.begin(), reads.end(), "arn:aws:s3:::b/p/ledger/*") != reads.end())
        << "horizons lie there";
}

TEST(IamPolicy, NobodyMayDestroyAVersionOrDeleteANameThatDecides) {
    for (const PolicyRole role :
         {PolicyRole::Writer, PolicyRole::Maintainer, PolicyRole::Restorer, PolicyRole::Auditor}) {
        const auto text = policy(role, WriterNumber{1});
        EXPECT_TRUE(allowed(text, "s3:DeleteObjectVersion").empty());
        EXPECT_TRUE(allowed(text, "s3:BypassGovernanceRetention").empty());
        for (const std::string& resource : allowed(text, "s3:DeleteObject"))
            for (const char* decides :
                 {"/log/", "/points/", "/epochs/", "/writers/", "/gc/", "/closed/", "p/*"})
                EXPECT_EQ(resource.find(decides), std::string::npos) << resource;
    }
}

TEST(IamPolicy, ReadersChangeNothing) {
    EXPECT_TRUE(allowed(policy(PolicyRole::Restorer), "s3:PutObject").empty());
    const auto creates = allowed(policy(PolicyRole::Auditor), "s3:PutObject");
    EXPECT_EQ(creates,
              (std::vector<std::string>{"arn:aws:s3:::b/p/ledger/*", "arn:aws:s3:::b/p/probe/*"}));
    EXPECT_FALSE(parse_policy_role("root"));
}

}  // namespace
}  // namespace perdure
