// Where credentials are asked for: a program, AWS STS, a container's agent, the instance's
// metadata.
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "base/try.h"
#include "net/aws_credentials.h"

namespace perdure {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMuchSkew = 120 * kSecond;
constexpr std::size_t kMostAnswer = 1U << 20;
constexpr const char* kMetadataTokenSeconds = "21600";
constexpr std::string_view kTokenPath = "/latest/api/token";

Error missing(const std::string& from, const std::string& what) {
    return Error(ErrorKind::Denied, from + ": has no " + what);
}

std::optional<Time> time_of(const std::string& text) {
    const auto ns = parse_iso_date_ns(text);
    return ns ? std::optional(Time{*ns}) : std::nullopt;
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

/// What may be better in a moment is asked again by whoever repeats requests.
ErrorKind refusal(int status) {
    return status == 429 || status >= 500 ? ErrorKind::Unavailable : ErrorKind::Denied;
}

std::string hint_for(std::string_view sts_code) {
    if (sts_code == "ExpiredToken" || sts_code == "ExpiredTokenException")
        return "the credentials that should assume the role have expired: get new ones";
    if (sts_code == "RequestExpired" || sts_code == "SignatureDoesNotMatch")
        return "check this machine's clock, and the secret of the access key";
    return "check the role's trust policy, its external id, and that the caller may assume it";
}

std::string sts_host(const std::string& region) {
    return "sts." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

/// Nobody answers at the metadata service's address: this is no instance, or it hides the service.
Error no_metadata(const std::string& from, const Error& why) {
    return Error(ErrorKind::Denied, from + ": no metadata service answers: " + why.describe())
        .with_hint(
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on an instance, "
            "enable its metadata service and give it a role");
}

Error metadata_refusal(const std::string& from, std::string_view path, int status) {
    const std::string what =
        from + ": HTTP " + std::to_string(status) + " for " + std::string(path);
    if (path == kTokenPath && (status == 404 || status == 405))
        return Error(ErrorKind::Denied,
                     from + ": this metadata service gives no tokens: it knows version 1 only")
            .with_hint("use IMDSv2: version 1 gives credentials to whoever can make a request");
    if (path == kTokenPath && status == 403)
        return Error(ErrorKind::Denied, what + ": the instance's metadata service is disabled")
            .with_hint("enable it (HttpEndpoint), or set AWS_PROFILE");
    if (status == 404)
        return Error(ErrorKind::Denied, from + ": it has none")
            .with_hint("attach an instance profile");
    return Error(refusal(status), what);
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

Result<TimedCredentials> AwsCredentialChain::from_process(const std::string& command) {
    const std::string from = "the credential_process of the profile";
    const std::string text = PERDURE_TRY(environment_.run(command).context(from));
    return from_json(text, from);
}

Time AwsCredentialChain::now() const { return Time{clock_.now().nanoseconds + server_ahead_ns_}; }

/// Whether the time of STS is so far from the one known that it may refuse signatures for that, or
/// give credentials that seem to have expired. Then it is known from now on.
bool AwsCredentialChain::learn_time(const HttpResponse& answer) {
    const auto date = answer.header("date");
    const auto server = date ? parse_http_date_ns(*date) : std::nullopt;
    if (!server) return false;
    const std::int64_t ahead = *server - now().nanoseconds;
    if (std::max(ahead, -ahead) < kMuchSkew) return false;
    server_ahead_ns_ = *server - clock_.now().nanoseconds;
    return true;
}

Result<TimedCredentials> AwsCredentialChain::ask_sts(const MakeRequest& make,
                                                     const std::string& what,
                                                     std::stop_token stop) {
    HttpResponse answer =
        PERDURE_TRY(clients_.sts.send(make(now()), kMostAnswer, stop).context(what));
    if (learn_time(answer) && !answer.ok())
        answer = PERDURE_TRY(clients_.sts.send(make(now()), kMostAnswer, stop).context(what));
    pugi::xml_document document;
    document.load_buffer(answer.body.data(), answer.body.size());
    if (!answer.ok()) {
        const pugi::xml_node error = document.child("ErrorResponse").child("Error");
        const std::string_view code = error.child_value("Code");
        return Error(refusal(answer.status), what + ": HTTP " + std::to_string(answer.status) +
                                                 " " + std::string(code) + ": " +
                                                 error.child_value("Message"))
            .with_hint(hint_for(code));
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
    const AwsProfiles profiles = PERDURE_TRY(load_aws_profiles(environment_));
    Url endpoint = PERDURE_TRY(
        sts_endpoint(aws_region(environment_, profiles, profile_).value_or("us-east-1")));
    HttpRequest request =
        sts_request(std::move(endpoint), "AssumeRoleWithWebIdentity", role, session);
    request.url.query.push_back({"WebIdentityToken", std::string(trimmed(token))});
    return ask_sts([&](Time) { return request; }, "the web identity of " + role, stop);
}

Result<Url> AwsCredentialChain::sts_endpoint(const std::string& region) const {
    for (const char* name : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"})
        if (const auto url = environment_.variable(name); url && !url->empty())
            return parse_url(*url, name);
    return parse_url("https://" + sts_host(region), "the endpoint of STS");
}

Result<TimedCredentials> AwsCredentialChain::assume_role(const AwsRole& role,
                                                         const AwsCredentials& by,
                                                         const std::string& region,
                                                         std::stop_token stop) {
    HttpRequest request =
        sts_request(PERDURE_TRY(sts_endpoint(region)), "AssumeRole", role.arn, role.session_name);
    const auto add = [&](const char* parameter, const std::string& value) {
        if (!value.empty()) request.url.query.push_back({parameter, value});
    };
    add("ExternalId", role.external_id);
    add("DurationSeconds", role.seconds);
    const auto make = [&](Time now) {
        HttpRequest with_signature = request;
        sign(with_signature, by, {region, "sts"}, {}, now);
        return with_signature;
    };
    return ask_sts(make, "the role " + role.arn, stop);
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
    const HttpResponse answer =
        PERDURE_TRY(clients_.machine.send(request, kMostAnswer, stop).context(from));
    if (!answer.ok())
        return Error(refusal(answer.status), from + ": HTTP " + std::to_string(answer.status));
    return from_json(as_text(answer.body), from);
}

Result<TimedCredentials> AwsCredentialChain::from_instance(std::stop_token stop) {
    const std::string from = "the role of this instance";
    const std::string base = environment_.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")
                                 .value_or(environment_.metadata_endpoint);
    const auto ask = [&](const char* method, std::string_view path,
                         HttpHeader header) -> Result<std::string> {
        HttpRequest request;
        request.method = method;
        request.url = PERDURE_TRY(parse_url(base + std::string(path), from));
        request.headers.push_back(std::move(header));
        auto answer = clients_.machine.send(request, kMostAnswer, stop);
        if (!answer && answer.error().kind() == ErrorKind::Cancelled) return answer.error();
        if (!answer) return no_metadata(from, answer.error());
        if (answer->ok()) return std::string(as_text(answer->body));
        return metadata_refusal(from, path, answer->status);
    };
    const std::string token = PERDURE_TRY(
        ask("PUT", kTokenPath, {"X-aws-ec2-metadata-token-ttl-seconds", kMetadataTokenSeconds}));
    const HttpHeader with_token{"X-aws-ec2-metadata-token", token};
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    std::string role = PERDURE_TRY(ask("GET", path, with_token));
    role = role.substr(0, role.find_first_of("\r\n"));
    const std::string text = PERDURE_TRY(ask("GET", path + role, with_token));
    return from_json(text, from);
}

}  // namespace perdure
