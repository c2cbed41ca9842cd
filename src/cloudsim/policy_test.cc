#include "cloudsim/policy.h"

#include <gtest/gtest.h>

#include "cloudsim/identities.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

Caller user(std::vector<std::string> policies, std::string account = kTestAccount) {
    Caller caller;
    caller.account = account;
    caller.arn = caller.issuer_arn = "arn:aws:iam::" + account + ":user/u";
    for (const std::string& text : policies) {
        auto policy = Policy::parse(text, PolicyKind::Identity);
        EXPECT_TRUE(bool(policy)) << text;
        caller.policies.push_back(*policy);
    }
    return caller;
}

std::string statement(const std::string& effect, const std::string& action,
                      const std::string& resource, const std::string& rest = "") {
    return R"({"Version":"2012-10-17","Statement":{"Effect":")" + effect + R"(","Action":")" +
           action + R"(","Resource":")" + resource + "\"" + rest + "}}";
}

bool may(const Caller& caller, const std::string& action, const std::string& resource,
         const PolicyContext& context = {}, const Policy* policy = nullptr) {
    return bool(authorize(caller, action, resource, context, policy, kTestAccount));
}

bool condition_holds(const std::string& condition, const PolicyContext& context) {
    return may(user({statement("Allow", "s3:*", "*", ",\"Condition\":" + condition)}),
               "s3:GetObject", "r", context);
}

TEST(Policy, NothingIsAllowedUnlessSomethingAllowsIt) {
    EXPECT_FALSE(may(user({}), "s3:GetObject", "arn:aws:s3:::b/k"));
    const Caller reader = user({statement("Allow", "s3:Get*", "arn:aws:s3:::b/in/*")});
    EXPECT_TRUE(may(reader, "s3:GetObject", "arn:aws:s3:::b/in/k"));
    EXPECT_TRUE(may(reader, "S3:getobject", "arn:aws:s3:::b/in/k"));
    EXPECT_FALSE(may(reader, "s3:GetObject", "arn:aws:s3:::b/IN/k"));
    EXPECT_FALSE(may(reader, "s3:PutObject", "arn:aws:s3:::b/in/k"));
    EXPECT_FALSE(may(reader, "s3:GetObject", "arn:aws:s3:::b/in"));
}

TEST(Policy, AnExplicitDenyWinsWhereverItStands) {
    const std::string all = statement("Allow", "s3:*", "*"),
                      none = statement("Deny", "s3:Delete*", "*");
    EXPECT_FALSE(may(user({all, none}), "s3:DeleteObject", "r"));
    EXPECT_FALSE(may(user({none, all}), "s3:DeleteObject", "r"));
    auto policy = Policy::parse(
        R"({"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"*"}})",
        PolicyKind::Resource);
    ASSERT_TRUE(bool(policy));
    EXPECT_FALSE(may(user({all}), "s3:DeleteObject", "r", {}, &*policy));
    Caller root = user({});
    root.is_root = true;
    EXPECT_TRUE(may(root, "s3:GetObject", "r", {}, &*policy));
    EXPECT_FALSE(may(root, "s3:DeleteObject", "r", {}, &*policy));
}

TEST(Policy, AccountsNeedBothSides) {
    auto grant = Policy::parse(
        R"({"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"s3:*","Resource":"*"}})",
        PolicyKind::Resource);
    ASSERT_TRUE(bool(grant));
    const Caller willing = user({statement("Allow", "s3:*", "*")}, "999999999999");
    EXPECT_TRUE(may(willing, "s3:GetObject", "r", {}, &*grant));
    EXPECT_FALSE(may(willing, "s3:GetObject", "r"));
    EXPECT_FALSE(may(user({}, "999999999999"), "s3:GetObject", "r", {}, &*grant));
    EXPECT_FALSE(may(user({statement("Allow", "s3:*", "*")}, "888888888888"), "s3:GetObject", "r",
                     {}, &*grant));
}

TEST(Policy, NotActionAndNotResource) {
    const Caller caller = user(
        {R"({"Statement":[{"Effect":"Allow","NotAction":"s3:Delete*","NotResource":"arn:aws:s3:::b/log/*"}]})"});
    EXPECT_TRUE(may(caller, "s3:GetObject", "arn:aws:s3:::b/x"));
    EXPECT_FALSE(may(caller, "s3:DeleteObject", "arn:aws:s3:::b/x"));
    EXPECT_FALSE(may(caller, "s3:GetObject", "arn:aws:s3:::b/log/x"));
}

TEST(PolicyCondition, Operators) {
    struct Case {
        const char* condition;
        const char* value;
        bool holds;
    };
    for (const Case& c :
         {Case{R"({"StringEquals":{"K":"a"}})", "a", true},
          {R"({"StringEquals":{"k":"a"}})", "A", false},
          {R"({"StringEquals":{"k":["b","a"]}})", "a", true},
          {R"({"StringNotEquals":{"k":["b","a"]}})", "a", false},
          {R"({"StringNotEquals":{"k":"b"}})", "a", true},
          {R"({"StringEqualsIgnoreCase":{"k":"A"}})", "a", true},
          {R"({"StringLike":{"k":"a*c?"}})", "abbcd", true},
          {R"({"StringNotLike":{"k":"a*"}})", "abc", false},
          {R"({"NumericLessThan":{"k":"10"}})", "9", true},
          {R"({"NumericLessThan":{"k":"10"}})", "10", false},
          {R"({"NumericLessThanEquals":{"k":10}})", "10", true},
          {R"({"NumericEquals":{"k":"x"}})", "1", false},
          {R"({"Bool":{"k":"true"}})", "true", true},
          {R"({"Bool":{"k":false}})", "true", false},
          {R"({"DateLessThan":{"k":"2026-11-22T00:00:00Z"}})", "2026-11-21T23:59:59.000Z", true},
          {R"({"IpAddress":{"k":"127.0.0.0/8"}})", "127.1.2.3", true},
          {R"({"NotIpAddress":{"k":"127.0.0.0/8"}})", "128.0.0.1", true},
          {R"({"ArnLike":{"k":"arn:aws:iam::*:role/x"}})", "arn:aws:iam::1:role/x", true},
          {R"({"Null":{"k":"false"}})", "a", true},
          {R"({"Null":{"k":"true"}})", "a", false}})
        EXPECT_EQ(condition_holds(c.condition, {{"k", {c.value}}}), c.holds) << c.condition;
}

TEST(PolicyCondition, AbsentKeys) {
    EXPECT_FALSE(condition_holds(R"({"StringEquals":{"k":"a"}})", {}));
    EXPECT_TRUE(condition_holds(R"({"StringNotEquals":{"k":"a"}})", {}));
    EXPECT_TRUE(condition_holds(R"({"StringEqualsIfExists":{"k":"a"}})", {}));
    EXPECT_TRUE(condition_holds(R"({"Null":{"k":"true"}})", {}));
    EXPECT_FALSE(condition_holds(R"({"Null":{"k":"false"}})", {}));
    EXPECT_TRUE(condition_holds(R"({"ForAllValues:StringEquals":{"k":"a"}})", {}));
    EXPECT_FALSE(condition_holds(R"({"ForAnyValue:StringEquals":{"k":"a"}})", {}));
}

TEST(PolicyCondition, ManyValuesAndManyConditions) {
    const PolicyContext context = {{"k", {"a", "b"}}, {"l", {"1"}}};
    EXPECT_TRUE(condition_holds(R"({"ForAnyValue:StringEquals":{"k":"b"}})", context));
    EXPECT_FALSE(condition_holds(R"({"ForAllValues:StringEquals":{"k":"b"}})", context));
    EXPECT_TRUE(condition_holds(R"({"ForAllValues:StringEquals":{"k":["a","b"]}})", context));
    EXPECT_FALSE(condition_holds(R"({"StringEquals":{"l":"1"},"Null":{"l":"true"}})", context));
}

TEST(Policy, VariablesAreFilledIn) {
    const Caller caller = user({statement("Allow", "s3:*", "arn:aws:s3:::b/${aws:username}/*")});
    EXPECT_TRUE(may(caller, "s3:GetObject", "arn:aws:s3:::b/ann/k", {{"aws:username", {"ann"}}}));
    EXPECT_FALSE(may(caller, "s3:GetObject", "arn:aws:s3:::b/bob/k", {{"aws:username", {"ann"}}}));
    EXPECT_FALSE(may(caller, "s3:GetObject", "arn:aws:s3:::b//k"));
}

TEST(Policy, WhatIsNotUnderstoodIsRefused) {
    for (
        const char* text :
        {"", "[]", "{}", R"({"Statement":{"Effect":"Maybe","Action":"a","Resource":"r"}})",
         R"({"Statement":{"Effect":"Allow","Action":"a"}})",
         R"({"Statement":{"Effect":"Allow","Action":"a","Resource":"r","Kondition":{}}})",
         R"({"Statement":{"Effect":"Allow","Action":"a","Resource":"r","Condition":{"StringKind":{"k":"v"}}}})",
         R"({"Statement":{"Effect":"Allow","Action":"a","Resource":"r","Principal":"*"}})"})
        EXPECT_FALSE(bool(Policy::parse(text, PolicyKind::Identity))) << text;
}

TEST(Wildcard, MatchesAsIam) {
    EXPECT_TRUE(matches_wildcard("", ""));
    EXPECT_TRUE(matches_wildcard("*", ""));
    EXPECT_TRUE(matches_wildcard("a*b*c", "aXbYbZc"));
    EXPECT_FALSE(matches_wildcard("a*b*c", "aXbYbZ"));
    EXPECT_TRUE(matches_wildcard("a?c", "abc"));
    EXPECT_FALSE(matches_wildcard("a?c", "ac"));
}

}  // namespace
}  // namespace perdure::cloudsim
