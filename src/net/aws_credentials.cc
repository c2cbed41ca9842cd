#include "net/aws_credentials.h"

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// AWS renews credentials at least five minutes before the old ones expire.
constexpr std::int64_t kRenewBefore = 300 * kSecond;
constexpr std::int64_t kRenewAtMostEvery = 60 * kSecond;
constexpr unsigned kMostRoles = 5;  // of a chain of profiles
constexpr const char* kDefaultRegion = "us-east-1";

Error missing(const std::string& from, const std::string& what) {
    return Error(ErrorKind::Denied, from + ": has no " + what);
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
                                       std::optional<AwsRole> role, AwsClients clients,
                                       Clock& clock)
    : environment_(std::move(environment)),
      profile_(std::move(profile)),
      role_(std::move(role)),
      clients_(clients),
      clock_(clock) {}

std::string AwsCredentialChain::origin() const {
    return current_.with(
        [](const auto& current) { return current ? current->from : std::string("nowhere yet"); });
}

Result<AwsCredentials> AwsCredentialChain::get(std::stop_token stop) {
    const auto good_for = [&](std::int64_t ahead) {
        return current_.with([&](const auto& current) -> std::optional<AwsCredentials> {
            if (!current) return std::nullopt;
            // A service whose clocks differ among themselves may give what seems to have expired:
            // it says so itself if it has.
            const std::int64_t age = clock_.now().nanoseconds - current->found_ns;
            const bool fresh = age >= 0 && age < kRenewAtMostEvery;
            if (!fresh && current->expires &&
                current->expires->nanoseconds - ahead < now().nanoseconds)
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
    found->found_ns = clock_.now().nanoseconds;
    current_.with([&](auto& current) { current = *found; });
    return std::move(found->credentials);
}

bool AwsCredentialChain::expired(const std::string& access_key_id) {
    current_.with([&](auto& current) {
        if (current && current->credentials.access_key_id == access_key_id) current.reset();
    });
    return true;
}

Result<TimedCredentials> AwsCredentialChain::find(std::stop_token stop) {
    TimedCredentials own = PERDURE_TRY(find_own(stop));
    if (!role_) return own;
    const AwsProfiles profiles = PERDURE_TRY(load_aws_profiles(environment_));
    return assume_role(*role_, own.credentials,
                       aws_region(environment_, profiles, profile_).value_or(kDefaultRegion), stop);
}

Result<TimedCredentials> AwsCredentialChain::find_own(std::stop_token stop) {
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
        const AwsRole wanted{*role, profile.get("external_id").value_or(""),
                             profile.get("role_session_name").value_or(""),
                             profile.get("duration_seconds").value_or("")};
        return assume_role(wanted, caller.credentials,
                           aws_region(environment_, profiles, name).value_or(kDefaultRegion), stop);
    }
    if (profile.get("aws_access_key_id")) {
        TimedCredentials found = keys_of(profile, from);
        if (found.credentials.secret.empty()) return missing(from, "aws_secret_access_key");
        return found;
    }
    if (const auto command = profile.get("credential_process")) return from_process(*command);
    return Error(ErrorKind::NotFound, from + ": names no credentials");
}

}  // namespace perdure
