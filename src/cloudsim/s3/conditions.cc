#include "cloudsim/s3/conditions.h"

#include <algorithm>

#include "cloudsim/s3/errors.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

std::string_view unquoted(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
        return etag.substr(1, etag.size() - 2);
    return etag;
}

bool names_etag(std::string_view list, const std::string& etag) {
    for (const std::string& one : split(std::string(list), ','))
        if (trimmed(one) == "*" || unquoted(trimmed(one)) == etag) return true;
    return false;
}

bool if_match_holds(const Settings& settings, std::string_view value, const std::string& etag) {
    if (settings.if_match_unquoted_only) return value == etag;
    return names_etag(value, etag);
}

ReadVerdict check_reading(const Request& request, const std::string& prefix,
                          const std::string& etag, Time modified) {
    const auto since = [&](const char* name) -> std::optional<Time> {
        const auto text = request.header(prefix + name);
        return text ? parse_http_time(*text) : std::nullopt;
    };
    const Time whole{modified.nanoseconds / kSecond * kSecond};
    const auto match = request.header(prefix + "If-Match");
    const auto none_match = request.header(prefix + "If-None-Match");
    if (match && !names_etag(*match, etag)) return ReadVerdict::Failed;
    if (const auto time = since("If-Unmodified-Since"); time && !match && whole > *time)
        return ReadVerdict::Failed;
    if (none_match)
        return names_etag(*none_match, etag) ? ReadVerdict::NotModified : ReadVerdict::Send;
    if (const auto time = since("If-Modified-Since"); time && whole <= *time)
        return ReadVerdict::NotModified;
    return ReadVerdict::Send;
}

}  // namespace

bool has_write_condition(const S3Call& call) {
    return call.request.header("If-None-Match") || call.request.header("If-Match");
}

ApiResult<void> check_write_conditions(const S3& s3, const S3Call& call, Bucket& bucket) {
    const Settings settings = s3.settings();
    if (!has_write_condition(call) || settings.ignore_conditions) return {};
    const auto deleted = bucket.deleted.find(call.key);
    if (deleted != bucket.deleted.end() && deleted->second > call.request.begun)
        return s3_error(409, "ConditionalRequestConflict",
                        "The conditional request cannot succeed due to a conflicting operation "
                        "against this resource.")
            .with("Condition", call.request.header("If-Match") ? "If-Match" : "If-None-Match")
            .with("Key", call.key);
    const ObjectVersion* current = bucket.current(call.key);
    if (const auto value = call.request.header("If-None-Match")) {
        if (*value != "*")
            return s3_error(501, "NotImplemented",
                            "A header you provided implies functionality that is not implemented")
                .with("Header", "If-None-Match");
        if (current != nullptr) return precondition_failed("If-None-Match");
    }
    if (const auto value = call.request.header("If-Match")) {
        if (current == nullptr) return no_such_key(call.key);
        if (!if_match_holds(settings, *value, current->etag))
            return precondition_failed("If-Match");
    }
    return {};
}

ApiResult<void> check_delete_conditions(const S3& s3, const S3Call& call, Bucket& bucket) {
    const Settings settings = s3.settings();
    const auto value = call.request.header("If-Match");
    if (!value || settings.ignore_conditions) return {};
    const std::string id = call.parameter("versionId");
    const ObjectVersion* version =
        id.empty() ? bucket.current(call.key) : bucket.version(call.key, id);
    if (version == nullptr) return no_such_key(call.key);
    if (!if_match_holds(settings, *value, version->etag)) return precondition_failed("If-Match");
    return {};
}

ReadVerdict check_read_conditions(const Request& request, const std::string& etag, Time modified) {
    return check_reading(request, "", etag, modified);
}

ReadVerdict check_copy_conditions(const Request& request, const std::string& etag, Time modified) {
    return check_reading(request, "x-amz-copy-source-", etag, modified);
}

RangeKind parse_range(std::string_view text, std::uint64_t size, ByteRange& range) {
    constexpr std::string_view kUnit = "bytes=";
    if (!text.starts_with(kUnit)) return RangeKind::None;
    text.remove_prefix(kUnit.size());
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return RangeKind::None;
    const auto first = parse_number(text.substr(0, dash));
    const auto last = parse_number(text.substr(dash + 1));
    if (dash == 0) {
        if (!last) return RangeKind::None;
        if (*last == 0 || size == 0) return RangeKind::Unsatisfiable;
        range = {size - std::min(*last, size), size - 1};
        return RangeKind::Range;
    }
    const bool is_open = dash + 1 == text.size();
    if (!first || (!last && !is_open) || (last && *last < *first)) return RangeKind::None;
    if (*first >= size) return RangeKind::Unsatisfiable;
    range = {*first, is_open ? size - 1 : std::min(*last, size - 1)};
    return RangeKind::Range;
}

}  // namespace perdure::cloudsim
