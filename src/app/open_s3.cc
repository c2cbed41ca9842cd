#include "app/open_s3.h"

#include <algorithm>

#include "app/s3_settings.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/rate_limiter.h"
#include "base/try.h"
#include "net/aws_credentials.h"
#include "net/http_client.h"
#include "repo/repository.h"
#include "store/first_version_store.h"
#include "store/retry_store.h"
#include "store/store_stack.h"

namespace perdure {

namespace {

constexpr std::uint32_t kMachineConnectMs = 2'000;  // the metadata service is one hop away
constexpr std::uint32_t kMachineAttemptMs = 10'000;
// What a pack has to get through with at the least: eight at once over a quarter of a Mbit/s. A
// connection that is dead is noticed by its silence.
constexpr std::uint32_t kSlowest = 4U << 10;

/// Names that begin, end or decide a number: created once, and never again.
const std::vector<std::string>& deciding_prefixes() {
    static const std::vector<std::string> prefixes = {"epochs/", "writers/", "log/",  "points/",
                                                      "index/",  "gc/",      "fate/", "closed/"};
    return prefixes;
}

/// The clients and limits of one process's access.
struct Network {
    Network(const HttpOptions& sts_options, const HttpOptions& machine_options)
        : sts(sts_options), machine(machine_options) {}
    HttpClient sts, machine;
};

std::string user_agent() {
    std::string name = program_name();
    std::replace(name.begin(), name.end(), ' ', '/');
    return name;
}

std::optional<std::string> of_profile(const AwsEnvironment& environment,
                                      const AwsProfiles& profiles, const std::string& profile,
                                      const std::string& key) {
    const std::string name =
        !profile.empty() ? profile : environment.variable("AWS_PROFILE").value_or("default");
    const auto at = profiles.find(name);
    return at == profiles.end() ? std::nullopt : at->second.get(key);
}

std::string ca_file(const StoreOptions& options, const AwsEnvironment& environment,
                    const AwsProfiles& profiles, const std::string& profile) {
    if (!options.ca_file.empty()) return options.ca_file;
    if (const auto bundle = environment.variable("AWS_CA_BUNDLE"); bundle && !bundle->empty())
        return *bundle;
    return of_profile(environment, profiles, profile, "ca_bundle").value_or("");
}

/// The variables that say where S3 is, and behind them what the profile says.
FindVariable find_endpoint(const AwsEnvironment& environment, const AwsProfiles& profiles,
                           const std::string& profile) {
    return [&, profile](const char* name) {
        auto value = environment.variable(name);
        const bool ask_profile =
            (!value || value->empty()) && name == std::string(kEndpointUrl) &&
            environment.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").value_or("") != "true";
        return ask_profile ? of_profile(environment, profiles, profile, "endpoint_url") : value;
    };
}

HttpOptions for_machine(HttpOptions options) {
    options.use_proxy = false;
    options.connect_ms = kMachineConnectMs;
    options.attempt_ms = kMachineAttemptMs;
    return options;
}

Result<std::string> region_of(const S3Settings& settings, const AwsEnvironment& environment,
                              const AwsProfiles& profiles) {
    if (!settings.region.empty()) return settings.region;
    const std::string region = aws_region(environment, profiles, settings.profile).value_or("");
    if (region.empty() || is_region_name(region)) return region;
    return Error(ErrorKind::InvalidInput, "\"" + region + "\" is no region")
        .with_hint("check AWS_REGION, or the profile's region");
}

std::shared_ptr<RateLimiter> limiter(std::uint64_t kib, S3Access& access) {
    if (kib == 0) return nullptr;
    auto made = std::make_shared<RateLimiter>(kib << 10);
    access.parts.push_back(made);
    return made;
}

/// Bytes a second that each connection has when all of them share what the limits allow.
std::uint32_t slowest(const StoreOptions& options, std::uint32_t connections) {
    std::uint64_t each = kSlowest;
    for (const std::uint64_t kib : {options.upload_kib, options.download_kib})
        if (kib > 0) each = std::min(each, (kib << 10) / (2 * connections));
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(each, 1));
}

}  // namespace

Result<S3Access> open_s3_access(const std::string& location, const StoreOptions& options) {
    const AwsEnvironment environment = aws_environment();
    const S3Settings settings = PERDURE_TRY(parse_s3_settings(options.settings));
    const AwsProfiles profiles = PERDURE_TRY(load_aws_profiles(environment));
    S3Location where = PERDURE_TRY(
        parse_s3_location(location, find_endpoint(environment, profiles, settings.profile)));
    where.bucket_in = settings.bucket_in;
    S3Access access;
    access.storage = settings.storage;
    access.retries.attempts = settings.attempts;
    access.retries.call_ms = settings.call_s * std::uint64_t{1000};
    access.region = PERDURE_TRY(region_of(settings, environment, profiles));
    HttpOptions http;
    http.ca_file = ca_file(options, environment, profiles, settings.profile);
    http.user_agent = user_agent();
    http.connect_ms = settings.connect_s * 1000;
    http.idle_ms = settings.idle_s * 1000;
    const auto network = std::make_shared<Network>(http, for_machine(http));
    access.parts.push_back(network);
    auto credentials = std::make_shared<AwsCredentialChain>(
        environment, settings.profile, settings.role, AwsClients{network->sts, network->machine},
        system_clock());
    http.slowest = slowest(options, settings.storage.connections);
    http.upload = limiter(options.upload_kib, access).get();
    http.download = limiter(options.download_kib, access).get();
    access.bucket = std::make_unique<S3Bucket>(std::move(where), access.region,
                                               std::make_unique<HttpClient>(http),
                                               std::move(credentials), system_clock());
    return access;
}

Result<std::string> configured_region(const StoreOptions& options) {
    const AwsEnvironment environment = aws_environment();
    const S3Settings settings = PERDURE_TRY(parse_s3_settings(options.settings));
    return region_of(settings, environment, PERDURE_TRY(load_aws_profiles(environment)));
}

Result<std::unique_ptr<Store>> open_s3_store(const std::string& location,
                                             const StoreOptions& options) {
    S3Access access = PERDURE_TRY(open_s3_access(location, options));
    auto stack = std::make_unique<StoreStack>(
        std::make_unique<S3Store>(std::move(access.bucket), access.storage));
    for (auto& part : access.parts) stack->keep(std::move(part));
    stack->add<RetryStore>(access.retries, system_random(), system_clock());
    stack->add<FirstVersionStore>(deciding_prefixes(),
                                  std::vector<std::string>{"epochs/", "writers/"});
    return std::unique_ptr<Store>(std::move(stack));
}

}  // namespace perdure
