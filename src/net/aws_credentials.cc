#include "net/aws_credentials.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// AWS renews credentials at least five minutes before the old ones expire.
constexpr std::int64_t kRenewBefore = 300 * kSecond;
constexpr std::size_t kMostAnswer = 1U << 20;
constexpr unsigned kMostRoles = 5;  // of a chain of profiles
constexpr const char* kMetadataTokenSeconds = "21600";

Error missing(const std::string& from, const std::string& what) {
    return Error(ErrorKind::Denied, from + ": has no " + what);
}

/// "2026-11-21T09:47:23Z", with or without fractions.
std::optional<Time> time_of(const std::string& text) {
    std::tm parts{};
    if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return std::nullopt;
    return Time{static_cast<std::int64_t>(::timegm(&parts)) * kSecond};
}

/// The JSON that credential_process, containers and the metadata service print.
Result<TimedCredentials> from_json(std::string_view text, const std::string& from) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return Error(ErrorKind::Denied, from + ": answered no JSON object");
    const auto field = [&](const char* name) -> std::string {
        const auto at = json.find(name);
        return at != json.end() && at->is_string() ? at->get<std::string>() : "";
    };
    TimedCredentials found;
    found.from = from;
    found.credentials.access_key_id = field("AccessKeyId");
    found.credentials.secret = SecretText(field("SecretAccessKey"));
    const std::string token = field("SessionToken");
    found.credentials.session_token = SecretText(token.empty() ? field("Token") : token);
    found.expires = time_of(field("Expiration"));
    if (found.credentials.access_key_id.empty()) {
        const std::string message = field("Message");
        return Error(ErrorKind::Denied,
                     from + ": gave no credentials" + (message.empty() ? "" : ": " + message));
    }
    return found;
}

Result<Url> parse_url(const std::string& text, const std::string& from) {
    const auto url = Url::parse(text);
    if (!url) return Error(ErrorKind::InvalidInput, from + ": \"" + text + "\" is not a URL");
    return *url;
}

/// A container's agent is on this machine, in its link-local network, or proves itself by TLS: any
/// other address could be anyone's.
bool is_agent(const Url& url) {
    return url.scheme == "https" || url.host == "localhost" || url.host == "::1" ||
           url.host.starts_with("127.") || url.host == "169.254.170.2" ||
           url.host == "169.254.170.23" || url.host == "fd00:ec2::23";
}

/// The keys that stand in a profile itself, empty where they do not.
TimedCredentials keys_of(const AwsProfile& profile, const std::string& from) {
    return {{profile.get("aws_access_key_id").value_or(""),
             SecretText(profile.get("aws_secret_access_key").value_or("")),
             SecretText(profile.get("aws_session_token").value_or(""))},
            std::nullopt,
            from};
}

std::string profile_name(const AwsEnvironment& environment, const std::string& asked_for) {
    if (!asked_for.empty()) return asked_for;
    return environment.variable("AWS_PROFILE").value_or("default");
}

std::string sts_host(const std::string& region) {
    return "sts." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

HttpRequest sts_request(Url endpoint, const char* action, const std::string& role,
                        const std::string& session) {
    HttpRequest request;
    request.method = "POST";
    request.url = std::move(endpoint);
    if (request.url.path.empty()) request.url.path = "/";
    request.url.query = {{"Action", action},
                         {"Version", "2011-06-15"},
                         {"RoleArn", role},
                         {"RoleSessionName", session.empty() ? "perdure" : session}};
    return request;
}

}  // namespace

// ------------------------------------------------------------------------------------ the files

Result<AwsProfiles> load_aws_profiles(const AwsEnvironment& environment) {
    AwsProfiles profiles;
    const std::string home = environment.variable("HOME").value_or("/root");
    const auto add = [&](const char* variable, const char* name, bool is_config) -> Result<void> {
        const auto chosen = environment.variable(variable);
        const std::string path = chosen ? *chosen : home + "/.aws/" + name;
        const auto text = environment.read_file(path);
        if (text) add_profiles(*text, is_config, profiles);
        if (text || text.error().kind() == ErrorKind::NotFound) return {};
        return text.error();
    };
    PERDURE_TRY(add("AWS_CONFIG_FILE", "config", true));
    PERDURE_TRY(add("AWS_SHARED_CREDENTIALS_FILE", "credentials", false));
    return profiles;
}

std::optional<std::string> aws_region(const AwsEnvironment& environment,
                                      const AwsProfiles& profiles, const std::string& profile) {
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
        if (auto region = environment.variable(name); region && !region->empty()) return region;
    const auto at = profiles.find(profile_name(environment, profile));
    return at == profiles.end() ? std::nullopt : at->second.get("region");
}

// ------------------------------------------------------------------------------------ the chain

AwsCredentialChain::AwsCredentialChain(AwsEnvironment environment, std::string profile,
                                       HttpClient& http, Clock& clock)
    : environment_(std::move(environment)),
      profile_(std::move(profile)),
      http_(http),
      clock_(clock) {}

std::string AwsCredentialChain::origin() const {
    return current_.with(
        [](const auto& current) { return current ? current->from : std::string("nowhere yet"); });
}

Result<AwsCredentials> AwsCredentialChain::get(std::stop_token stop) {
    const auto good_for = [&](std::int64_t ahead) {
        return current_.with([&](const auto& current) -> std::optional<AwsCredentials> {
            if (!current) return std::nullopt;
            if (current->expires &&
                current->expires->nanoseconds - ahead < clock_.now().nanoseconds)
                return std::nullopt;
            return current->credentials;
        });
    };
    if (auto good = good_for(kRenewBefore)) return std::move(*good);
    std::unique_lock renewing(renewing_, std::try_to_lock);
    if (!renewing) {
        if (auto still = good_for(0)) return std::move(*still);
        renewing.lock();
    }
    if (auto renewed = good_for(kRenewBefore)) return std::move(*renewed);
    auto found = find(stop);
    if (!found) {
        if (auto still = good_for(0)) return std::move(*still);
        return std::move(found).error().context("looking for AWS credentials");
    }
    current_.with([&](auto& current) { current = *found; });
    return std::move(found->credentials);
}

Result<TimedCredentials> AwsCredentialChain::find(std::stop_token stop) {
    const auto variable = [&](const char* name) {
        return environment_.variable(name).value_or("");
    };
    if (const auto key = variable("AWS_ACCESS_KEY_ID"); profile_.empty() && !key.empty()) {
        TimedCredentials found;
        found.from = "the environment";
        found.credentials = {key, SecretText(variable("AWS_SECRET_ACCESS_KEY")),
                             SecretText(variable("AWS_SESSION_TOKEN"))};
        if (found.credentials.secret.empty())
            return missing("the environment", "AWS_SECRET_ACCESS_KEY beside AWS_ACCESS_KEY_ID");
        return found;
    }
    const auto token_file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (profile_.empty() && !token_file.empty())
        return from_web_identity(token_file, variable("AWS_ROLE_ARN"),
                                 variable("AWS_ROLE_SESSION_NAME"), stop);
    const AwsProfiles profiles = PERDURE_TRY(load_aws_profiles(environment_));
    const bool named = !profile_.empty() || environment_.variable("AWS_PROFILE");
    const std::string name = profile_name(environment_, profile_);
    if (named || profiles.contains(name)) {
        auto found = from_profile(profiles, name, 0, stop);
        // A default profile that only names a region is no source of credentials.
        if (found || named || found.error().kind() != ErrorKind::NotFound) return found;
    }
    if (!variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty() ||
        !variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty())
        return from_container(stop);
    if (variable("AWS_EC2_METADATA_DISABLED") == "true")
        return Error(ErrorKind::Denied, "there are none, and AWS_EC2_METADATA_DISABLED is set")
            .with_hint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    return from_instance(stop);
}

Result<TimedCredentials> AwsCredentialChain::from_profile(const AwsProfiles& profiles,
                                                          const std::string& name, unsigned depth,
                                                          std::stop_token stop) {
    const std::string from = "the profile \"" + name + "\"";
    const auto at = profiles.find(name);
    if (at == profiles.end())
        return Error(ErrorKind::InvalidInput, "there is no profile \"" + name + "\"")
            .with_hint("see ~/.aws/config and ~/.aws/credentials");
    const AwsProfile& profile = at->second;
    if (depth > kMostRoles)
        return Error(ErrorKind::InvalidInput, from + ": profiles take each other as their source");
    if (const auto role = profile.get("role_arn")) {
        if (const auto file = profile.get("web_identity_token_file"))
            return from_web_identity(*file, *role, profile.get("role_session_name").value_or(""),
                                     stop);
        const auto source = profile.get("source_profile");
        const auto kind = profile.get("credential_source");
        Result<TimedCredentials> by = missing(from, "source_profile or credential_source");
        if (source && *source == name)  // its own keys assume the role
            by = keys_of(profile, from);
        else if (source)
            by = from_profile(profiles, *source, depth + 1, stop);
        else if (kind == "Ec2InstanceMetadata")
            by = from_instance(stop);
        else if (kind == "EcsContainer")
            by = from_container(stop);
        const TimedCredentials caller = PERDURE_TRY(std::move(by));
        return assume_role(profile, caller.credentials,
                           aws_region(environment_, profiles, name).value_or("us-east-1"), stop);
    }
    if (profile.get("aws_access_key_id")) {
        TimedCredentials found = keys_of(profile, from);
        if (found.credentials.secret.empty()) return missing(from, "aws_secret_access_key");
        return found;
    }
    if (const auto command = profile.get("credential_process")) return from_process(*command);
    return Error(ErrorKind::NotFound, from + ": names no credentials");
}

// ------------------------------------------------------------------------------------ sources

Result<TimedCredentials> AwsCredentialChain::from_process(const std::string& command) {
    const std::string from = "the credential_process of the profile";
    const std::string text = PERDURE_TRY(environment_.run(command).context(from));
    return from_json(text, from);
}

Result<TimedCredentials> AwsCredentialChain::ask_sts(HttpRequest request, const std::string& what,
                                                     std::stop_token stop) {
    const HttpResponse answer = PERDURE_TRY(http_.send(request, kMostAnswer, stop).context(what));
    pugi::xml_document document;
    document.load_buffer(answer.body.data(), answer.body.size());
    if (!answer.ok()) {
        const pugi::xml_node error = document.child("ErrorResponse").child("Error");
        return Error(ErrorKind::Denied, what + ": HTTP " + std::to_string(answer.status) + " " +
                                            error.child_value("Code") + ": " +
                                            error.child_value("Message"))
            .with_hint("check the role's trust policy, and that the caller may assume it");
    }
    const pugi::xml_node found =
        document.first_child().first_child().child("Credentials");  // …Response/…Result
    TimedCredentials timed;
    timed.from = what;
    timed.credentials = {found.child_value("AccessKeyId"),
                         SecretText(found.child_value("SecretAccessKey")),
                         SecretText(found.child_value("SessionToken"))};
    timed.expires = time_of(found.child_value("Expiration"));
    if (timed.credentials.access_key_id.empty()) return missing(what, "credentials in its answer");
    return timed;
}

Result<TimedCredentials> AwsCredentialChain::from_web_identity(const std::string& token_file,
                                                               const std::string& role,
                                                               const std::string& session,
                                                               std::stop_token stop) {
    if (role.empty()) return missing("the web identity", "AWS_ROLE_ARN");
    const std::string token =
        PERDURE_TRY(environment_.read_file(token_file).context("the web identity token"));
    const std::string region = environment_.variable("AWS_REGION").value_or("us-east-1");
    Url endpoint;
    endpoint.scheme = "https";
    endpoint.host = sts_host(region);
    HttpRequest request =
        sts_request(std::move(endpoint), "AssumeRoleWithWebIdentity", role, session);
    request.url.query.push_back({"WebIdentityToken", std::string(trimmed(token))});
    return ask_sts(std::move(request), "the web identity of " + role, stop);
}

Result<TimedCredentials> AwsCredentialChain::assume_role(const AwsProfile& profile,
                                                         const AwsCredentials& by,
                                                         const std::string& region,
                                                         std::stop_token stop) {
    Url endpoint = PERDURE_TRY(parse_url(
        environment_.variable("AWS_ENDPOINT_URL_STS")
            .value_or(
                environment_.variable("AWS_ENDPOINT_URL").value_or("https://" + sts_host(region))),
        "the endpoint of STS"));
    HttpRequest request = sts_request(std::move(endpoint), "AssumeRole", *profile.get("role_arn"),
                                      profile.get("role_session_name").value_or(""));
    const auto add = [&](const char* parameter, const char* setting) {
        if (const auto value = profile.get(setting))
            request.url.query.push_back({parameter, *value});
    };
    add("ExternalId", "external_id");
    add("DurationSeconds", "duration_seconds");
    sign(request, by, {region, "sts"}, {}, clock_.now());
    return ask_sts(std::move(request), "the role " + *profile.get("role_arn"), stop);
}

Result<TimedCredentials> AwsCredentialChain::from_container(std::stop_token stop) {
    const std::string from = "the container's credentials";
    const auto full = environment_.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    HttpRequest request;
    request.method = "GET";
    request.url = PERDURE_TRY(parse_url(
        full && !full->empty()
            ? *full
            : environment_.container_endpoint +
                  environment_.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").value_or(""),
        from));
    if (full && !is_agent(request.url))
        return Error(ErrorKind::Denied, from + ": " + *full + " is not on this machine");
    std::string token = environment_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
    if (const auto file = environment_.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"))
        token = PERDURE_TRY(environment_.read_file(*file).context(from));
    if (!token.empty())
        request.headers.push_back({"Authorization", token.substr(0, token.find_first_of("\r\n"))});
    const HttpResponse answer = PERDURE_TRY(http_.send(request, kMostAnswer, stop).context(from));
    if (!answer.ok())
        return Error(ErrorKind::Denied, from + ": HTTP " + std::to_string(answer.status));
    return from_json(as_text(answer.body), from);
}

Result<TimedCredentials> AwsCredentialChain::from_instance(std::stop_token stop) {
    const std::string from = "the role of this instance";
    const std::string base = environment_.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")
                                 .value_or(environment_.metadata_endpoint);
    const auto ask = [&](const char* method, const std::string& path,
                         HttpHeader header) -> Result<std::string> {
        HttpRequest request;
        request.method = method;
        request.url = PERDURE_TRY(parse_url(base + path, from));
        request.headers.push_back(std::move(header));
        auto answer = http_.send(request, kMostAnswer, stop);
        if (!answer)
            return std::move(answer).error().context(from).with_hint(
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on an instance, "
                "give "
                "it a role");
        if (answer->status == 404)
            return Error(ErrorKind::Denied, from + ": it has none")
                .with_hint("attach an instance profile");
        if (!answer->ok())
            return Error(ErrorKind::Denied,
                         from + ": HTTP " + std::to_string(answer->status) + " for " + path);
        return std::string(as_text(answer->body));
    };
    const std::string token =
        PERDURE_TRY(ask("PUT", "/latest/api/token",
                        {"X-aws-ec2-metadata-token-ttl-seconds", kMetadataTokenSeconds}));
    const HttpHeader with_token{"X-aws-ec2-metadata-token", token};
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    std::string role = PERDURE_TRY(ask("GET", path, with_token));
    role = role.substr(0, role.find_first_of("\r\n"));
    const std::string text = PERDURE_TRY(ask("GET", path + role, with_token));
    return from_json(text, from);
}

}  // namespace perdure
