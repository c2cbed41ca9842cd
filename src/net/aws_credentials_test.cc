#include "net/aws_credentials.h"

#include <gtest/gtest.h>

#include <map>

#include "support/loopback_server.h"

namespace perdure {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

class SetClock final : public Clock {
public:
    Time now() override { return {at}; }
    std::uint64_t monotonic_nanoseconds() override { return 0; }
    std::int64_t at = 1'800'000'000 * kSecond;  // 2027-01-15T08:00:00Z
};

/// A machine made of values, and a server for whatever it asks.
struct AwsCredentialsTest : ::testing::Test {
    AwsCredentialsTest()
        : server([this](const ReceivedRequest& request) { return serve(request); }) {
        HttpOptions options;
        options.use_proxy = false;
        options.attempt_ms = 5000;
        http = std::make_unique<HttpClient>(options);
    }

    RawAnswer serve(const ReceivedRequest& request) {
        const auto at = answers.find(request.method + " " + request.target);
        return at == answers.end() ? answer(404) : at->second(request);
    }

    Result<AwsCredentials> get(const std::string& profile = "") {
        AwsEnvironment environment;
        environment.variable = [this](const std::string& name) -> std::optional<std::string> {
            if (name == "HOME") return "/home/u";
            const auto at = variables.find(name);
            return at == variables.end() ? std::nullopt : std::optional(at->second);
        };
        environment.read_file = [this](const std::string& path) -> Result<std::string> {
            const auto at = files.find(path);
            if (at == files.end()) return Error(ErrorKind::NotFound, path);
            return at->second;
        };
        environment.run = [this](const std::string& command) -> Result<std::string> {
            ran.push_back(command);
            return printed;
        };
        environment.metadata_endpoint = server.origin();
        environment.container_endpoint = server.origin();
        chain = std::make_unique<AwsCredentialChain>(environment, profile, role,
                                                     AwsClients{*http, *http}, clock);
        return chain->get({});
    }

    void expect_key(const Result<AwsCredentials>& got, const std::string& key) {
        ASSERT_TRUE(got) << got.error().describe();
        EXPECT_EQ(got->access_key_id, key);
        EXPECT_EQ(as_text(got->secret.reveal()), "secret of " + key);
    }

    static std::string json(const std::string& key, const std::string& expires = "") {
        return "{\"Version\":1,\"AccessKeyId\":\"" + key + "\",\"SecretAccessKey\":\"secret of " +
               key + "\",\"Token\":\"token of " + key + "\"" +
               (expires.empty() ? "" : ",\"Expiration\":\"" + expires + "\"") + "}";
    }

    void be_an_instance(const std::string& expires) {
        const std::string path = "/latest/meta-data/iam/security-credentials/";
        answers["PUT /latest/api/token"] = [](const ReceivedRequest& request) {
            return request.header("x-aws-ec2-metadata-token-ttl-seconds") ? answer(200, "imds")
                                                                          : answer(400);
        };
        const auto with_token = [](std::string body) {
            return [body](const ReceivedRequest& request) {
                return request.header("x-aws-ec2-metadata-token") == "imds" ? answer(200, body)
                                                                            : answer(401);
            };
        };
        answers["GET " + path] = with_token("backup-role\n");
        answers["GET " + path + "backup-role"] = with_token(json("INSTANCE", expires));
    }

    std::map<std::string, std::string> variables, files;
    std::map<std::string, std::function<RawAnswer(const ReceivedRequest&)>> answers;
    std::vector<std::string> ran;
    std::string printed;
    std::optional<AwsRole> role;
    SetClock clock;
    LoopbackServer server;
    std::unique_ptr<HttpClient> http;
    std::unique_ptr<AwsCredentialChain> chain;
};

TEST_F(AwsCredentialsTest, OfTheEnvironmentGoFirst) {
    variables = {{"AWS_ACCESS_KEY_ID", "ENV"},
                 {"AWS_SECRET_ACCESS_KEY", "secret of ENV"},
                 {"AWS_SESSION_TOKEN", "token"}};
    files["/home/u/.aws/credentials"] = "[default]\naws_access_key_id=FILE\n";
    const auto got = get();
    expect_key(got, "ENV");
    EXPECT_EQ(as_text(got->session_token.reveal()), "token");
    EXPECT_EQ(chain->origin(), "the environment");
    variables.erase("AWS_SECRET_ACCESS_KEY");
    const auto half = get();
    ASSERT_FALSE(half);
    EXPECT_NE(half.error().describe().find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
}

TEST_F(AwsCredentialsTest, AProfileThatIsAskedForByNameGoesBeforeTheEnvironment) {
    variables = {{"AWS_ACCESS_KEY_ID", "ENV"}, {"AWS_SECRET_ACCESS_KEY", "secret of ENV"}};
    files["/home/u/.aws/credentials"] =
        "[other]\naws_access_key_id=OTHER\naws_secret_access_key=secret of OTHER\n";
    expect_key(get("other"), "OTHER");
    const auto unknown = get("nobody");
    ASSERT_FALSE(unknown);
    EXPECT_NE(unknown.error().describe().find("\"nobody\""), std::string::npos);
}

TEST_F(AwsCredentialsTest, FilesLieWhereTheEnvironmentSays) {
    variables = {{"AWS_PROFILE", "p"}, {"AWS_CONFIG_FILE", "/etc/aws"}};
    files["/etc/aws"] = "[profile p]\nregion=eu-west-3\n";
    files["/home/u/.aws/credentials"] =
        "[p]\naws_access_key_id=P\naws_secret_access_key=secret of P\n";
    expect_key(get(), "P");
}

TEST_F(AwsCredentialsTest, OfAProcessAreWhatItPrints) {
    files["/home/u/.aws/config"] = "[default]\ncredential_process = /bin/tool --for me\n";
    printed = json("PROCESS");
    expect_key(get(), "PROCESS");
    EXPECT_EQ(ran, std::vector<std::string>{"/bin/tool --for me"});
    printed = "{\"Message\": \"log in first\"}";
    const auto refused = get();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().describe().find("log in first"), std::string::npos);
    printed = "no JSON";
    EXPECT_FALSE(get());
}

TEST_F(AwsCredentialsTest, ARoleIsAssumedWithTheSourcesKeysAndTheExternalId) {
    variables["AWS_ENDPOINT_URL_STS"] = server.origin();
    files["/home/u/.aws/config"] =
        "[profile role]\nrole_arn=arn:aws:iam::1:role/r\nsource_profile=base\nexternal_id=x y\n"
        "region=eu-west-1\n";
    files["/home/u/.aws/credentials"] =
        "[base]\naws_access_key_id=BASE\naws_secret_access_key=secret of BASE\n";
    const std::string target =
        "POST /?Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
        "&RoleSessionName=perdure&ExternalId=x%20y";
    answers[target] = [](const ReceivedRequest& request) {
        const auto signature = request.header("authorization").value_or("");
        if (signature.find("Credential=BASE/20270115/eu-west-1/sts/aws4_request") ==
            std::string::npos)
            return answer(403,
                          "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message>"
                          "</Error></ErrorResponse>");
        return answer(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE"
            "</AccessKeyId><SecretAccessKey>secret of ROLE</SecretAccessKey><SessionToken>t"
            "</SessionToken><Expiration>2027-01-15T09:00:00Z</Expiration></Credentials>"
            "</AssumeRoleResult></AssumeRoleResponse>");
    };
    expect_key(get("role"), "ROLE");
    answers[target] = [](const ReceivedRequest&) {
        return answer(403,
                      "<ErrorResponse><Error><Code>AccessDenied</Code><Message>may not"
                      "</Message></Error></ErrorResponse>");
    };
    const auto refused = get("role");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().describe().find("AccessDenied: may not"), std::string::npos);
}

TEST_F(AwsCredentialsTest, ProfilesThatNameEachOtherAsSourceAreRefused) {
    files["/home/u/.aws/config"] =
        "[profile a]\nrole_arn=x\nsource_profile=b\n[profile b]\nrole_arn=y\nsource_profile=a\n";
    EXPECT_FALSE(get("a"));
}

TEST_F(AwsCredentialsTest, OfAContainerComeFromAnAgentOnThisMachineOnly) {
    variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.origin() + "/creds?x=1"},
                 {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer b"}};
    answers["GET /creds?x=1"] = [](const ReceivedRequest& request) {
        return request.header("authorization") == "Bearer b" ? answer(200, json("CONTAINER"))
                                                             : answer(401);
    };
    expect_key(get(), "CONTAINER");
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://198.51.100.1/creds";
    const auto elsewhere = get();
    ASSERT_FALSE(elsewhere);
    EXPECT_EQ(elsewhere.error().kind(), ErrorKind::Denied);
    variables = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/creds"}};
    answers["GET /v2/creds"] = [](const ReceivedRequest&) { return answer(200, json("TASK")); };
    expect_key(get(), "TASK");
}

TEST_F(AwsCredentialsTest, OfAnInstanceAreAskedForWithAToken) {
    be_an_instance("2027-01-15T09:00:00Z");
    expect_key(get(), "INSTANCE");
    EXPECT_EQ(chain->origin(), "the role of this instance");
}

TEST_F(AwsCredentialsTest, AreRenewedFiveMinutesBeforeTheyExpire) {
    be_an_instance("2027-01-15T09:00:00Z");
    expect_key(get(), "INSTANCE");
    const std::size_t asked = server.requests().size();
    clock.at += 54 * 60 * kSecond;
    ASSERT_TRUE(chain->get({}));
    EXPECT_EQ(server.requests().size(), asked) << "still good";
    clock.at += 2 * 60 * kSecond;
    ASSERT_TRUE(chain->get({}));
    EXPECT_GT(server.requests().size(), asked);
    // Nobody answers: what there is serves as long as it is good, and no longer.
    answers.clear();
    EXPECT_TRUE(chain->get({}));
    clock.at += 5 * 60 * kSecond;
    EXPECT_FALSE(chain->get({}));
}

TEST_F(AwsCredentialsTest, ThoseThatExpireBeyondOurTimeAreGood) {
    be_an_instance("9999-12-31T23:59:59Z");
    expect_key(get(), "INSTANCE");
    const std::size_t asked = server.requests().size();
    ASSERT_TRUE(chain->get({}));
    EXPECT_EQ(server.requests().size(), asked) << "and are not asked for again";
}

TEST_F(AwsCredentialsTest, AnInstanceWithoutARoleNamesTheRemedy) {
    answers["PUT /latest/api/token"] = [](const ReceivedRequest&) { return answer(200, "imds"); };
    const auto none = get();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().hint(), "attach an instance profile");
    variables["AWS_EC2_METADATA_DISABLED"] = "true";
    const auto disabled = get();
    ASSERT_FALSE(disabled);
    EXPECT_NE(disabled.error().hint().find("AWS_PROFILE"), std::string::npos);
}

TEST_F(AwsCredentialsTest, ADefaultProfileWithARegionAloneIsNoSource) {
    files["/home/u/.aws/config"] = "[default]\nregion=eu-west-1\n";
    be_an_instance("2027-01-15T09:00:00Z");
    expect_key(get(), "INSTANCE");
}

TEST_F(AwsCredentialsTest, AMetadataServiceThatIsMissingOrOldIsSaid) {
    answers["PUT /latest/api/token"] = [](const ReceivedRequest&) { return answer(404); };
    const auto old = get();
    ASSERT_FALSE(old);
    EXPECT_NE(old.error().describe().find("version 1 only"), std::string::npos);
    EXPECT_EQ(server.requests().size(), 1U) << "version 1 is not asked";
    answers["PUT /latest/api/token"] = [](const ReceivedRequest&) { return answer(403); };
    EXPECT_NE(get().error().describe().find("disabled"), std::string::npos);
    answers["PUT /latest/api/token"] = [](const ReceivedRequest&) { return answer(503); };
    EXPECT_EQ(get().error().kind(), ErrorKind::Unavailable);
    variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1";
    const auto absent = get();
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().kind(), ErrorKind::Denied) << "asking again would not help";
    EXPECT_NE(absent.error().hint().find("AWS_PROFILE"), std::string::npos);
}

TEST_F(AwsCredentialsTest, ARoleThatIsGivenIsAssumedWithWhatTheChainFinds) {
    variables = {{"AWS_ACCESS_KEY_ID", "ENV"},
                 {"AWS_SECRET_ACCESS_KEY", "secret of ENV"},
                 {"AWS_ENDPOINT_URL", server.origin()}};
    role = AwsRole{"arn:aws:iam::1:role/r", "ext", "", ""};
    const std::string target =
        "POST /?Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
        "&RoleSessionName=perdure&ExternalId=ext";
    answers[target] = [](const ReceivedRequest&) {
        return answer(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE"
            "</AccessKeyId><SecretAccessKey>secret of ROLE</SecretAccessKey><SessionToken>t"
            "</SessionToken><Expiration>2027-01-15T09:00:00Z</Expiration></Credentials>"
            "</AssumeRoleResult></AssumeRoleResponse>");
    };
    expect_key(get(), "ROLE");
}

TEST_F(AwsCredentialsTest, AClockThatDiffersFromThatOfStsIsAllowedFor) {
    variables = {{"AWS_ACCESS_KEY_ID", "ENV"},
                 {"AWS_SECRET_ACCESS_KEY", "secret of ENV"},
                 {"AWS_ENDPOINT_URL", server.origin()}};
    role = AwsRole{"arn:aws:iam::1:role/r", "", "", ""};
    clock.at += 3600 * kSecond;
    const std::string date = "Date: Fri, 15 Jan 2027 08:00:00 GMT";
    std::vector<std::string> signed_at;
    answers
        ["POST /?Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
         "&RoleSessionName=perdure"] = [&](const ReceivedRequest& request) {
            signed_at.emplace_back(request.header("x-amz-date").value_or(""));
            if (signed_at.back() != "20270115T080000Z")
                return answer(403,
                              "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>"
                              "Signature not yet current</Message></Error></ErrorResponse>",
                              {date});
            return answer(
                200,
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ROLE"
                "</AccessKeyId><SecretAccessKey>secret of ROLE</SecretAccessKey><SessionToken>t"
                "</SessionToken><Expiration>2027-01-15T08:45:00Z</Expiration></Credentials>"
                "</AssumeRoleResult></AssumeRoleResponse>",
                {date});
        };
    expect_key(get(), "ROLE");
    EXPECT_EQ(signed_at, (std::vector<std::string>{"20270115T090000Z", "20270115T080000Z"}));
    // By this machine's clock they had expired before they were given.
    ASSERT_TRUE(chain->get({}));
    EXPECT_EQ(signed_at.size(), 2U);
}

TEST_F(AwsCredentialsTest, AWebIdentityAsksTheEndpointOfSts) {
    variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},
                 {"AWS_ROLE_ARN", "arn:r"},
                 {"AWS_ENDPOINT_URL_STS", server.origin()}};
    files["/token"] = "jwt\n";
    answers
        ["POST /?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Ar"
         "&RoleSessionName=perdure&WebIdentityToken=jwt"] = [](const ReceivedRequest&) {
            return answer(
                200,
                "<A><B><Credentials><AccessKeyId>WEB</AccessKeyId><SecretAccessKey>secret of "
                "WEB</SecretAccessKey><SessionToken>t</SessionToken></Credentials></B></A>");
        };
    expect_key(get(), "WEB");
}

TEST_F(AwsCredentialsTest, OnesThatAServiceCallsExpiredAreLookedForAgain) {
    files["/home/u/.aws/config"] = "[default]\ncredential_process = tool\n";
    printed = json("OLD");
    expect_key(get(), "OLD");
    printed = json("NEW");
    expect_key(chain->get({}), "OLD");
    EXPECT_TRUE(chain->expired("OLD"));
    expect_key(chain->get({}), "NEW");
    EXPECT_TRUE(chain->expired("OLD")) << "another thread was first";
    expect_key(chain->get({}), "NEW");
}

TEST(AwsEnvironment, RunsCommandsAndSaysHowTheyFail) {
    const AwsEnvironment environment = aws_environment();
    EXPECT_EQ(*environment.run("printf '%s' '{}'"), "{}");
    EXPECT_FALSE(environment.run("exit 3"));
    EXPECT_EQ(environment.read_file("/nowhere/at/all").error().kind(), ErrorKind::NotFound);
}

}  // namespace
}  // namespace perdure
