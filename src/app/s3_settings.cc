#include "app/s3_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::uint32_t kMostConnections = 256;
constexpr std::uint32_t kMostSeconds = 86'400;
constexpr std::array<std::string_view, 6> kReadableAtOnce = {"STANDARD",   "STANDARD_IA",
                                                             "ONEZONE_IA", "INTELLIGENT_TIERING",
                                                             "GLACIER_IR", "EXPRESS_ONEZONE"};
constexpr std::array<std::string_view, 2> kArchives = {"GLACIER", "DEEP_ARCHIVE"};

template <std::size_t kCount>
bool is_one_of(const std::array<std::string_view, kCount>& all, std::string_view value) {
    return std::find(all.begin(), all.end(), value) != all.end();
}

Error wrong(const std::string& name, const std::string& value, const std::string& hint) {
    return Error(ErrorKind::InvalidInput, "-o " + name + ": \"" + value + "\" cannot be right")
        .with_hint(hint);
}

struct Setting {
    std::string_view name;
    Result<void> (*apply)(S3Settings&, const std::string& name, const std::string& value);
};

template <std::string S3Settings::*kMember>
Result<void> set_text(S3Settings& to, const std::string&, const std::string& value) {
    to.*kMember = value;
    return {};
}
template <std::string S3Storage::*kMember>
Result<void> set_storage(S3Settings& to, const std::string&, const std::string& value) {
    to.storage.*kMember = value;
    return {};
}
template <std::string AwsRole::*kMember>
Result<void> set_role(S3Settings& to, const std::string&, const std::string& value) {
    if (!to.role) to.role.emplace();
    (*to.role).*kMember = value;
    return {};
}

Result<void> set_region(S3Settings& to, const std::string& name, const std::string& value) {
    if (!is_region_name(value)) return wrong(name, value, "write a region, as in eu-central-1");
    to.region = value;
    return {};
}

Result<void> set_lookup(S3Settings& to, const std::string& name, const std::string& value) {
    if (value == "auto")
        to.bucket_in = BucketIn::Auto;
    else if (value == "dns")
        to.bucket_in = BucketIn::Host;
    else if (value == "path")
        to.bucket_in = BucketIn::Path;
    else
        return wrong(name, value, "write auto, dns or path");
    return {};
}

Result<std::uint32_t> count_of(const std::string& name, const std::string& value,
                               std::uint32_t most = kMostConnections) {
    std::uint32_t count = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (failed != std::errc() || end != value.data() + value.size() || count == 0 || count > most)
        return wrong(name, value, "write a number from 1 to " + std::to_string(most));
    return count;
}

Result<void> set_connections(S3Settings& to, const std::string& name, const std::string& value) {
    to.storage.connections = PERDURE_TRY(count_of(name, value));
    return {};
}

Result<void> set_attempts(S3Settings& to, const std::string& name, const std::string& value) {
    to.attempts = PERDURE_TRY(count_of(name, value));
    return {};
}

template <std::uint32_t S3Settings::*kMember>
Result<void> set_seconds(S3Settings& to, const std::string& name, const std::string& value) {
    to.*kMember = PERDURE_TRY(count_of(name, value, kMostSeconds));
    return {};
}

Result<void> set_data_class(S3Settings& to, const std::string& name, const std::string& value) {
    if (!is_one_of(kReadableAtOnce, value) && !is_one_of(kArchives, value))
        return wrong(name, value, "write a storage class, as in STANDARD_IA");
    to.storage.data_class = value;
    return {};
}

Result<void> set_other_class(S3Settings& to, const std::string& name, const std::string& value) {
    if (!is_one_of(kReadableAtOnce, value))
        return wrong(name, value,
                     "write a storage class that is readable at once: every command reads these "
                     "objects");
    to.storage.other_class = value;
    return {};
}

Result<void> set_encryption(S3Settings& to, const std::string& name, const std::string& value) {
    if (value != "AES256" && value != "aws:kms" && value != "aws:kms:dsse")
        return wrong(name, value, "write AES256, aws:kms or aws:kms:dsse");
    to.storage.encryption = value;
    return {};
}

constexpr Setting kSettings[] = {
    {"s3.region", &set_region},
    {"s3.profile", &set_text<&S3Settings::profile>},
    {"s3.bucket-lookup", &set_lookup},
    {"s3.connections", &set_connections},
    {"s3.attempts", &set_attempts},
    {"s3.connect-timeout", &set_seconds<&S3Settings::connect_s>},
    {"s3.idle-timeout", &set_seconds<&S3Settings::idle_s>},
    {"s3.timeout", &set_seconds<&S3Settings::call_s>},
    {"s3.storage-class", &set_data_class},
    {"s3.other-storage-class", &set_other_class},
    {"s3.encryption", &set_encryption},
    {"s3.kms-key", &set_storage<&S3Storage::kms_key>},
    {"s3.acl", &set_storage<&S3Storage::acl>},
    {"s3.role-arn", &set_role<&AwsRole::arn>},
    {"s3.external-id", &set_role<&AwsRole::external_id>},
    {"s3.role-session-name", &set_role<&AwsRole::session_name>},
};

Result<void> check_together(const S3Settings& settings) {
    if (settings.role && settings.role->arn.empty())
        return Error(ErrorKind::InvalidInput, "-o s3.external-id: there is no role to assume")
            .with_hint("name it with -o s3.role-arn=ARN");
    const S3Storage& storage = settings.storage;
    if (!storage.kms_key.empty() && !storage.encryption.starts_with("aws:kms"))
        return Error(ErrorKind::InvalidInput, "-o s3.kms-key: needs -o s3.encryption=aws:kms");
    return {};
}

}  // namespace

Result<S3Settings> parse_s3_settings(const std::vector<std::string>& settings) {
    S3Settings parsed;
    for (const std::string& text : settings) {
        const auto equals = text.find('=');
        const std::string name = text.substr(0, equals);
        const auto known = std::find_if(std::begin(kSettings), std::end(kSettings),
                                        [&](const Setting& s) { return s.name == name; });
        if (equals == std::string::npos || known == std::end(kSettings))
            return Error(ErrorKind::InvalidInput,
                         "-o " + text + ": " +
                             (equals == std::string::npos ? "is not NAME=VALUE"
                                                          : "there is no such setting"))
                .with_hint("see `perdure help s3`");
        const std::string value = text.substr(equals + 1);
        if (value.empty()) return wrong(name, value, "give it a value, or leave it out");
        PERDURE_TRY(known->apply(parsed, name, value));
    }
    PERDURE_TRY(check_together(parsed));
    return parsed;
}

}  // namespace perdure
