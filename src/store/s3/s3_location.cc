#include "store/s3/s3_location.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::string_view kScheme = "s3:";

bool is_bucket_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    };
    return name.size() >= 3 && name.size() <= 63 &&
           std::all_of(name.begin(), name.end(), allowed) && name.front() != '-' &&
           name.front() != '.' && name.back() != '-' && name.back() != '.';
}

Error wrong(std::string_view text, std::string why) {
    return Error(ErrorKind::InvalidInput, std::string(text) + ": " + std::move(why))
        .with_hint(
            "write s3://BUCKET/PREFIX, or s3:https://HOST/BUCKET/PREFIX for a server of its "
            "own");
}

/// BUCKET[/PREFIX].
Result<void> set_bucket(S3Location& location, std::string_view rest, std::string_view whole) {
    const auto slash = rest.find('/');
    location.bucket = rest.substr(0, slash);
    if (!is_bucket_name(location.bucket))
        return wrong(whole, "\"" + location.bucket + "\" is not a bucket's name");
    std::string_view prefix = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (prefix.starts_with('/') || prefix.find("//") != std::string_view::npos)
        return wrong(whole, "its prefix has an empty part");
    if (!prefix.empty()) location.prefix = std::string(prefix) + "/";
    return {};
}

void set_endpoint(S3Location& location, const Url& url) {
    location.scheme = url.scheme;
    location.host = url.host;
    location.port = url.port;
}

std::string_view without_slash(std::string_view path) {
    return path.starts_with('/') ? path.substr(1) : path;
}

}  // namespace

bool is_s3_location(std::string_view text) { return text.starts_with(kScheme); }

Result<S3Location> parse_s3_location(std::string_view text, const FindVariable& variable) {
    S3Location location;
    if (!is_s3_location(text)) return wrong(text, "is no location in S3");
    std::string_view rest = text.substr(kScheme.size());
    if (const auto url = Url::parse(rest)) {
        set_endpoint(location, *url);
        PERDURE_TRY(set_bucket(location, without_slash(url->path), text));
        return location;
    }
    if (!rest.starts_with("//")) return wrong(text, "has neither a bucket nor a server");
    PERDURE_TRY(set_bucket(location, rest.substr(2), text));
    for (const char* name : {"AWS_ENDPOINT_URL_S3", kEndpointUrl}) {
        const auto endpoint = variable(name);
        if (!endpoint || endpoint->empty()) continue;
        const auto url = Url::parse(*endpoint);
        if (!url || !without_slash(url->path).empty() || !url->query.empty())
            return wrong(*endpoint, std::string("in ") + name + " is not http[s]://HOST[:PORT]");
        set_endpoint(location, *url);
        break;
    }
    return location;
}

bool is_region_name(std::string_view text) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), allowed) &&
           text.front() != '-' && text.back() != '-';
}

Url url_of(const S3Location& location, std::string_view region, std::string_view key) {
    Url url;
    if (location.is_aws()) {
        url.scheme = "https";
        url.host = std::string("s3.") + std::string(region) + ".amazonaws.com" +
                   (region.starts_with("cn-") ? ".cn" : "");
    } else {
        url.scheme = *location.scheme;
        url.host = location.host;
        url.port = location.port;
    }
    const bool by_default = location.is_aws() && location.bucket.find('.') == std::string::npos;
    const bool in_host = location.bucket_in == BucketIn::Host ||
                         (location.bucket_in == BucketIn::Auto && by_default);
    const std::string path = "/" + percent_encode_path(key);
    url.path = in_host ? path : "/" + location.bucket + path;
    if (in_host) url.host = location.bucket + "." + url.host;
    return url;
}

}  // namespace perdure
