// The shared files of AWS tools: ~/.aws/config and ~/.aws/credentials (AWS_CONFIG_FILE,
// AWS_SHARED_CREDENTIALS_FILE), as sections of settings.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace perdure {

/// Settings of one profile. Values of the credentials file go before those of the config file, as
/// in the AWS CLI.
class AwsProfile {
public:
    std::optional<std::string> get(const std::string& name) const {
        const auto at = values_.find(name);
        return at == values_.end() ? std::nullopt : std::optional(at->second);
    }
    void set(const std::string& name, std::string value) { values_[name] = std::move(value); }
    bool empty() const { return values_.empty(); }

private:
    std::map<std::string, std::string> values_;
};

using AwsProfiles = std::map<std::string, AwsProfile>;

/// Adds what a file's text says; later settings replace earlier ones. In a config file sections are
/// called "profile NAME" (or "default"); others, as "sso-session NAME", are left out. Lines that
/// are neither section, setting, comment nor part of a nested setting are left out too, as the CLI
/// does.
void add_profiles(std::string_view text, bool is_config, AwsProfiles& profiles);

}  // namespace perdure
