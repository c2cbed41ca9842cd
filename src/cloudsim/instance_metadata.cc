#include "cloudsim/instance_metadata.h"

#include <nlohmann/json.hpp>

#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

using nlohmann::json;

constexpr std::string_view kRoot = "/latest/";
constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";
constexpr std::string_view kContainer = "/_cloudsim/container/credentials";

Answer plain(int status, std::string text = "") {
    Answer answer;
    answer.status = status;
    answer.set("Content-Type", "text/plain");
    answer.text = std::move(text);
    if (status >= 400) answer.error_code = std::to_string(status);
    return answer;
}

Answer json_text(const json& value) {
    Answer answer = plain(200, value.dump(2));
    answer.set("Content-Type", "application/json");
    return answer;
}

std::string short_time(Time time) {
    std::string text = iso_time(time);
    return text.erase(text.size() - 5) + "Z";
}

json credentials(const Key& key) {
    json value = {
        {"AccessKeyId", key.id}, {"Token", key.token}, {"Expiration", short_time(*key.expires)}};
    value["SecretAccessKey"] = std::string(as_text(key.secret.reveal()));
    return value;
}

}  // namespace

ApiResult<void> InstanceMetadata::set(const json& document) {
    const std::string mode = document.value("mode", "v2");
    if (mode != "v2" && mode != "v1" && mode != "both" && mode != "absent" && mode != "hang")
        return ApiError{400, "InvalidInput", "mode is one of v2, v1, both, absent, hang", {}, {}};
    state_.with([&](State& state) {
        state.mode = mode;
        state.role = document.value("role", state.role);
        state.instance_id = document.value("instance_id", state.instance_id);
        state.region = document.value("region", state.region);
        state.zone = document.value("zone", state.region + "a");
        state.seconds = document.value("credential_seconds", state.seconds);
        state.keys.clear();
    });
    return {};
}

ApiResult<void> InstanceMetadata::set_container(const json& document) {
    state_.with([&](State& state) {
        state.container_role = document.value("role", "");
        state.container_token = document.value("token", "");
        state.container_seconds = document.value("credential_seconds", state.container_seconds);
        state.keys.clear();
    });
    return {};
}

bool InstanceMetadata::is_metadata(const Request& request) {
    return request.path.starts_with(kRoot) && !request.header("Authorization");
}

bool InstanceMetadata::is_container(const Request& request) { return request.path == kContainer; }

std::optional<Key> InstanceMetadata::key_of(const std::string& role, std::uint64_t seconds,
                                            State& state) {
    const auto arn = world_.identities.role_arn_named(role);
    if (!arn) return std::nullopt;
    const Time now = world_.clock.now();
    const auto found = state.keys.find(role);
    // A new key is there five minutes before the old one ends, as on an instance.
    if (found != state.keys.end() && *found->second.expires > now + 300 * kSecond)
        return found->second;
    auto key = world_.identities.begin_session(*arn, state.instance_id, "",
                                               now + static_cast<std::int64_t>(seconds) * kSecond);
    if (!key) return std::nullopt;
    state.keys[role] = *key;
    return *key;
}

Answer InstanceMetadata::give_token(const Request& request, State& state) const {
    if (state.mode == "v1") return plain(404);
    if (request.method != "PUT") return plain(405);
    if (request.header("X-Forwarded-For")) return plain(403);
    const auto seconds = parse_number(request.header_or("X-aws-ec2-metadata-token-ttl-seconds"));
    if (!seconds || *seconds < 1 || *seconds > 21600) return plain(400);
    const std::string token = random_hex(20) + "==";
    const Time now = world_.clock.now();
    std::erase_if(state.tokens, [&](const auto& old) { return old.second <= now; });
    state.tokens[token] = now + static_cast<std::int64_t>(*seconds) * kSecond;
    Answer answer = plain(200, token);
    answer.set("X-aws-ec2-metadata-token-ttl-seconds", std::to_string(*seconds));
    return answer;
}

bool InstanceMetadata::is_token_good(const Request& request, State& state) const {
    const auto token = request.header("X-aws-ec2-metadata-token");
    if (!token) return state.mode != "v2";
    const auto found = state.tokens.find(std::string(*token));
    return found != state.tokens.end() && found->second > world_.clock.now();
}

Answer InstanceMetadata::read(const std::string& path, State& state) {
    if (path == kRoles || path + "/" == kRoles)
        return state.role.empty() ? plain(404) : plain(200, state.role);
    if (path.starts_with(kRoles)) {
        if (path.substr(kRoles.size()) != state.role) return plain(404);
        const auto key = key_of(state.role, state.seconds, state);
        if (!key) return plain(404);
        json value = credentials(*key);
        value["Code"] = "Success";
        value["Type"] = "AWS-HMAC";
        value["LastUpdated"] = short_time(world_.clock.now());
        return json_text(value);
    }
    const std::map<std::string, std::string> texts = {
        {"/latest/meta-data/instance-id", state.instance_id},
        {"/latest/meta-data/placement/region", state.region},
        {"/latest/meta-data/placement/availability-zone", state.zone},
        {"/latest/meta-data/local-ipv4", "10.0.0.10"},
        {"/latest/meta-data/hostname", "ip-10-0-0-10.ec2.internal"},
        {"/latest/meta-data/services/partition", partition_of(state.region)},
        {"/latest/meta-data/services/domain",
         partition_of(state.region) == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"}};
    if (const auto found = texts.find(path); found != texts.end()) return plain(200, found->second);
    if (path == "/latest/dynamic/instance-identity/document")
        return json_text({{"accountId", kTestAccount},
                          {"architecture", "x86_64"},
                          {"availabilityZone", state.zone},
                          {"imageId", "ami-0123456789abcdef0"},
                          {"instanceId", state.instance_id},
                          {"instanceType", "m6i.large"},
                          {"pendingTime", short_time(world_.clock.now())},
                          {"privateIp", "10.0.0.10"},
                          {"region", state.region},
                          {"version", "2017-09-30"}});
    return plain(404);
}

Delivered InstanceMetadata::handle(const Request& request) {
    return state_.with([&](State& state) {
        Delivered delivered;
        delivered.delivery.lost = state.mode == "absent";
        delivered.delivery.stalled = state.mode == "hang";
        if (state.mode == "absent" || state.mode == "hang") return delivered;
        const std::string path = percent_decode(request.path);
        if (path == "/latest/api/token") {
            delivered.answer = give_token(request, state);
        } else if (!is_token_good(request, state)) {
            delivered.answer = plain(401);
        } else {
            delivered.answer = request.method == "GET" ? read(path, state) : plain(405);
        }
        return delivered;
    });
}

Answer InstanceMetadata::handle_container(const Request& request) {
    return state_.with([&](State& state) {
        if (state.container_role.empty()) return plain(404);
        if (request.header_or("Authorization") != state.container_token) return plain(403);
        const auto key = key_of(state.container_role, state.container_seconds, state);
        if (!key) return plain(404);
        json value = credentials(*key);
        value["RoleArn"] = world_.identities.role_arn_named(state.container_role).value_or("");
        return json_text(value);
    });
}

}  // namespace perdure::cloudsim
