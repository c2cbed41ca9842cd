// Where AWS credentials come from, in the order of the AWS tools:
//   1. the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   2. a web identity token: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
//   3. the profile (AWS_PROFILE, else "default") of the shared files: keys, credential_process,
//      web_identity_token_file, or role_arn with source_profile or credential_source
//   4. a container's agent: AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI
//   5. the instance's role, by IMDSv2 (unless AWS_EC2_METADATA_DISABLED)
// The first that is configured is used; one that is configured and fails is an error, not skipped:
// another identity than the one that was meant would be worse. A profile that was asked for by name
// goes before the environment's keys. With a role given, what was found assumes it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/guarded.h"
#include "net/aws_profile.h"
#include "net/http_client.h"
#include "net/sigv4.h"

namespace perdure {

struct TimedCredentials {
    AwsCredentials credentials;
    std::optional<Time> expires;  // nothing: they do not
    std::string from;             // for people: "the environment", "the role of this instance"
    std::int64_t found_ns = 0;    // when the chain took them, by this machine's clock
};

/// What the chain sees of the machine; tests give it another one.
struct AwsEnvironment {
    std::function<std::optional<std::string>(const std::string& name)> variable;
    std::function<Result<std::string>(const std::string& path)> read_file;
    /// Runs a command by the shell; its standard output. Time-limited.
    std::function<Result<std::string>(const std::string& command)> run;
    std::string metadata_endpoint = "http://169.254.169.254";
    std::string container_endpoint = "http://169.254.170.2";
};
/// The real one.
AwsEnvironment aws_environment();

/// Config and credentials files together. NotFound nowhere: a file that is not there has no
/// profiles.
Result<AwsProfiles> load_aws_profiles(const AwsEnvironment&);
/// AWS_REGION, AWS_DEFAULT_REGION, the profile's; nothing if none says one.
std::optional<std::string> aws_region(const AwsEnvironment&, const AwsProfiles&,
                                      const std::string& profile);

/// Asked with every request, as credentials may be renewed. Thread-safe.
class CredentialSource {
public:
    virtual ~CredentialSource() = default;
    virtual Result<AwsCredentials> get(std::stop_token stop) = 0;
    /// A service says that those of this key have expired: the next get() looks for others, if
    /// there may be any. False if there are none to look for.
    virtual bool expired(const std::string& access_key_id) {
        (void)access_key_id;
        return false;
    }
};

class FixedCredentials final : public CredentialSource {
public:
    explicit FixedCredentials(AwsCredentials credentials) : credentials_(std::move(credentials)) {}
    Result<AwsCredentials> get(std::stop_token) override { return credentials_; }

private:
    const AwsCredentials credentials_;
};

/// A role to assume.
struct AwsRole {
    std::string arn;
    std::string external_id;   // "": none
    std::string session_name;  // "": perdure
    std::string seconds;       // "": the service's default
};

/// Who is asked. Both outlive the chain.
struct AwsClients {
    HttpClient& sts;
    HttpClient& machine;  // without proxies, and soon tired: on a machine outside AWS none answers
};

/// Credentials that renew themselves in time. Thread-safe; one thread renews, the others go on with
/// what there is while that is still good.
class AwsCredentialChain final : public CredentialSource {
public:
    /// `profile`: "" for AWS_PROFILE or "default". `role`: assumed with what the chain finds.
    AwsCredentialChain(AwsEnvironment, std::string profile, std::optional<AwsRole> role, AwsClients,
                       Clock&);

    Result<AwsCredentials> get(std::stop_token stop) override;
    bool expired(const std::string& access_key_id) override;
    /// Where the credentials in use came from.
    std::string origin() const;

private:
    Result<TimedCredentials> find(std::stop_token stop);
    Result<TimedCredentials> find_own(std::stop_token stop);
    Result<TimedCredentials> from_profile(const AwsProfiles&, const std::string& name,
                                          unsigned depth, std::stop_token stop);
    Result<TimedCredentials> from_process(const std::string& command);
    Result<TimedCredentials> from_web_identity(const std::string& token_file,
                                               const std::string& role, const std::string& session,
                                               std::stop_token stop);
    Result<TimedCredentials> assume_role(const AwsRole&, const AwsCredentials& by,
                                         const std::string& region, std::stop_token stop);
    Result<Url> sts_endpoint(const std::string& region) const;
    Result<TimedCredentials> from_container(std::stop_token stop);
    Result<TimedCredentials> from_instance(std::stop_token stop);
    /// The request, signed for that time if it is signed at all.
    using MakeRequest = std::function<HttpRequest(Time now)>;
    Result<TimedCredentials> ask_sts(const MakeRequest&, const std::string& what,
                                     std::stop_token stop);
    /// By the clock of STS, as far as it is known to differ.
    Time now() const;
    bool learn_time(const HttpResponse&);

    const AwsEnvironment environment_;
    const std::string profile_;
    const std::optional<AwsRole> role_;
    const AwsClients clients_;
    Clock& clock_;
    std::atomic<std::int64_t> server_ahead_ns_{0};
    Guarded<std::optional<TimedCredentials>> current_;
    std::mutex renewing_;
};

}  // namespace perdure
