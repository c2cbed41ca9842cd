#include "cloudsim/signature.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "cloudsim/text.h"
#include "crypto/sha256.h"

namespace perdure::cloudsim {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

ApiError malformed(std::string what) {
    return {400,
            "AuthorizationHeaderMalformed",
            "The authorization header is malformed; " + std::move(what),
            {},
            {}};
}

/// "KEY/20150830/us-east-1/s3/aws4_request"; the key may hold slashes.
bool read_credential(const std::string& text, Claim& claim) {
    const std::vector<std::string> parts = split(text, '/');
    if (parts.size() < 5 || parts.back() != "aws4_request") return false;
    const std::size_t n = parts.size();
    claim.date = parts[n - 4];
    claim.region = parts[n - 3];
    claim.service = parts[n - 2];
    claim.access_key_id = text.substr(0, text.size() - claim.date.size() - claim.region.size() -
                                             claim.service.size() - parts.back().size() - 4);
    return claim.date.size() == 8 && !claim.access_key_id.empty();
}

bool read_authorization(std::string_view value, Claim& claim) {
    if (!value.starts_with(kAlgorithm)) return false;
    bool has_credential = false;
    for (const std::string& part : split(std::string(value.substr(kAlgorithm.size())), ',')) {
        const std::string_view text = trimmed(part);
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos) return false;
        const std::string name(text.substr(0, equals)), content(text.substr(equals + 1));
        if (name == "Credential") has_credential = read_credential(content, claim);
        if (name == "SignedHeaders") claim.signed_headers = split(content, ';');
        if (name == "Signature") claim.signature = content;
    }
    return has_credential && !claim.signed_headers.empty() && claim.signature.size() == 64;
}

ApiResult<std::optional<Claim>> read_presigned(const Request& request) {
    Claim claim;
    const auto bad = [](std::string message) {
        return ApiError{400, "AuthorizationQueryParametersError", std::move(message), {}, {}};
    };
    if (request.parameter_or("X-Amz-Algorithm") != kAlgorithm)
        return bad("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    if (!read_credential(request.parameter_or("X-Amz-Credential"), claim))
        return bad("Error parsing the X-Amz-Credential parameter");
    claim.signed_headers = split(request.parameter_or("X-Amz-SignedHeaders"), ';');
    claim.signature = request.parameter_or("X-Amz-Signature");
    claim.time = request.parameter_or("X-Amz-Date");
    claim.token = request.parameter_or("X-Amz-Security-Token");
    const std::string expires = request.parameter_or("X-Amz-Expires");
    const auto seconds = parse_number(expires);
    if (!seconds || *seconds < 1 || *seconds > 604800)
        return bad("X-Amz-Expires must be between 1 and 604800 seconds");
    claim.expires_seconds = static_cast<std::uint32_t>(*seconds);
    return std::optional(claim);
}

std::string collapsed(std::string_view value) {
    std::string text;
    for (const char c : trimmed(value)) {
        const bool is_blank = c == ' ' || c == '\t';
        if (!is_blank) text += c;
        if (is_blank && (text.empty() || text.back() != ' ')) text += ' ';
    }
    return text;
}

/// Dots resolved, empty segments gone, and what is left encoded once more.
std::string normalized_twice_encoded(const std::string& path) {
    std::vector<std::string> kept;
    const std::vector<std::string> parts = split(path, '/');
    for (const std::string& part : parts) {
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            kept.push_back(part);
        } else if (!kept.empty()) {
            kept.pop_back();
        }
    }
    std::string text;
    for (const std::string& part : kept) text += "/" + percent_encode(part);
    const std::string& last = parts.back();
    if (kept.empty() || last.empty() || last == "." || last == "..") text += '/';
    return text;
}

std::string canonical_query(const Request& request) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const QueryPair& pair : request.query)
        if (pair.name != "X-Amz-Signature")
            pairs.emplace_back(percent_encode(pair.name), percent_encode(pair.value));
    std::sort(pairs.begin(), pairs.end());
    std::string text;
    for (const auto& [name, value] : pairs)
        text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
    return text;
}

std::string canonical_headers(const Request& request, const Claim& claim) {
    std::string text;
    for (const std::string& name : claim.signed_headers) {
        text.append(name).append(":");
        bool is_first = true;
        for (const HttpHeader& header : request.headers) {
            if (!same_header_name(header.name, name)) continue;
            text.append(is_first ? "" : ",").append(collapsed(header.value));
            is_first = false;
        }
        text += '\n';
    }
    return text;
}

std::string canonical(const Request& request, const Claim& claim, const std::string& payload_hash,
                      bool is_s3) {
    const std::string path = is_s3 ? percent_encode_path(percent_decode(request.path))
                                   : normalized_twice_encoded(request.path);
    return request.method + "\n" + path + "\n" + canonical_query(request) + "\n" +
           canonical_headers(request, claim) + "\n" + join(claim.signed_headers, ";") + "\n" +
           payload_hash;
}

/// Host must be signed, and so must every x-amz-* header that is sent: what is not could be
/// changed.
ApiResult<void> check_signed_headers(const Request& request, const Claim& claim) {
    const auto is_named = [&](std::string_view name) {
        return std::any_of(claim.signed_headers.begin(), claim.signed_headers.end(),
                           [&](const std::string& n) { return same_header_name(n, name); });
    };
    std::string missing = is_named("host") ? "" : "host";
    for (const HttpHeader& header : request.headers) {
        const std::string name = lower_case(header.name);
        if (name.starts_with("x-amz-") && !is_named(name)) missing = name;
    }
    if (missing.empty()) return {};
    return ApiError{403,
                    "AccessDenied",
                    "There were headers present in the request which were not signed",
                    {{"HeadersNotSigned", missing}},
                    {}};
}

ApiResult<void> check_time(const Claim& claim, const VerifyOptions& options) {
    const std::optional<Time> signed_at = parse_basic_time(claim.time);
    if (!signed_at || claim.time.substr(0, 8) != claim.date)
        return ApiError{403,
                        "AccessDenied",
                        "AWS authentication requires a valid Date or x-amz-date header",
                        {},
                        {}};
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::int64_t age = options.now.nanoseconds - signed_at->nanoseconds;
    const std::int64_t skew = std::int64_t{options.most_skew_seconds} * kSecond;
    const std::string now = iso_time(options.now);
    if (claim.expires_seconds) {
        if (age < -skew) return ApiError{403, "AccessDenied", "Request is not valid yet", {}, {}};
        if (age <= std::int64_t{*claim.expires_seconds} * kSecond) return {};
        return ApiError{
            403,
            "AccessDenied",
            "Request has expired",
            {{"X-Amz-Expires", std::to_string(*claim.expires_seconds)}, {"ServerTime", now}},
            {}};
    }
    if (age <= skew && age >= -skew) return {};
    return ApiError{
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        {{"RequestTime", claim.time},
         {"ServerTime", now},
         {"MaxAllowedSkewMilliseconds", std::to_string(options.most_skew_seconds * 1000)}},
        {}};
}

Key256 signing_key(const SecretText& secret, const Claim& claim) {
    Buffer seed = to_buffer(as_bytes("AWS4"));
    append(seed, secret.reveal());
    Key256 key = hmac_sha256_key(seed, as_bytes(claim.date));
    wipe(seed);
    key = hmac_sha256_key(key.reveal(), as_bytes(claim.region));
    key = hmac_sha256_key(key.reveal(), as_bytes(claim.service));
    return hmac_sha256_key(key.reveal(), as_bytes("aws4_request"));
}

}  // namespace

ApiResult<std::optional<Claim>> read_claim(const Request& request) {
    if (request.parameter("X-Amz-Signature")) return read_presigned(request);
    const auto value = request.header("Authorization");
    if (!value) return std::optional<Claim>();
    if (!value->starts_with("AWS")) return std::optional<Claim>();  // an agent's own token
    if (value->starts_with("AWS "))
        return ApiError{400,
                        "InvalidRequest",
                        "The authorization mechanism you have provided is not supported. Please "
                        "use AWS4-HMAC-SHA256.",
                        {},
                        {}};
    Claim claim;
    if (!read_authorization(*value, claim))
        return malformed("it needs Credential, SignedHeaders and Signature.");
    claim.time = request.header_or("x-amz-date");
    claim.token = request.header_or("x-amz-security-token");
    return std::optional(claim);
}

std::optional<Time> parse_basic_time(const std::string& text) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &parts);
    if (text.size() != 16 || end == nullptr || *end != '\0') return std::nullopt;
    return time_of_seconds(::timegm(&parts));
}

ApiResult<SigningState> verify_signature(const Request& request, const Claim& claim,
                                         const SecretText& secret, const std::string& payload_hash,
                                         const VerifyOptions& options) {
    PERDURE_TRY(check_time(claim, options));
    PERDURE_TRY(check_signed_headers(request, claim));
    const std::string scope =
        claim.date + "/" + claim.region + "/" + claim.service + "/aws4_request";
    const std::string text = canonical(request, claim, payload_hash, options.is_s3);
    const std::string to_sign = std::string(kAlgorithm) + "\n" + claim.time + "\n" + scope + "\n" +
                                sha256_of(as_bytes(text)).hex();
    SigningState state{signing_key(secret, claim), scope, claim.time, claim.signature};
    const std::string expected = hmac_sha256(state.key.reveal(), as_bytes(to_sign)).hex();
    if (expected.size() == claim.signature.size() &&
        CRYPTO_memcmp(expected.data(), claim.signature.data(), expected.size()) == 0)
        return state;
    return ApiError{403,
                    "SignatureDoesNotMatch",
                    "The request signature we calculated does not match the signature you "
                    "provided. Check your key and signing method.",
                    {{"AWSAccessKeyId", claim.access_key_id},
                     {"StringToSign", to_sign},
                     {"SignatureProvided", claim.signature},
                     {"CanonicalRequest", text}},
                    {}};
}

}  // namespace perdure::cloudsim
