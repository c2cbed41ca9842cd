#include "net/sigv4.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/check.h"
#include "crypto/sha256.h"

namespace perdure {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::string_view kToken = "X-Amz-Security-Token";  // a header, or a name in the query
constexpr std::string_view kDate = "X-Amz-Date";             // likewise
constexpr std::string_view kSignature = "X-Amz-Signature";
constexpr std::string_view kContentHash = "x-amz-content-sha256";
constexpr std::string_view kAuthorization = "Authorization";

// Proxies, clients and the network may add, change or take these.
constexpr std::array<std::string_view, 9> kUnsignedHeaders = {
    kAuthorization,      "Connection", "Expect",     "Keep-Alive",     "TE",
    "Transfer-Encoding", "Upgrade",    "User-Agent", "X-Amzn-Trace-Id"};

// What presign() puts into the query.
constexpr std::array<std::string_view, 7> kSigningPairs = {
    "X-Amz-Algorithm", "X-Amz-Credential", kDate, "X-Amz-Expires", "X-Amz-SignedHeaders", kToken,
    kSignature};

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string lower(std::string_view name) {
    std::string text(name);
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

/// Without spaces at the ends, and one where there were several.
std::string collapsed(std::string_view value) {
    std::string text;
    for (char c : value) {
        if (!is_space(c)) {
            text.push_back(c);
        } else if (!text.empty() && text.back() != ' ') {
            text.push_back(' ');
        }
    }
    if (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

const std::string* find_header(const HttpRequest& request, std::string_view name) {
    for (const HttpHeader& header : request.headers)
        if (same_header_name(header.name, name)) return &header.value;
    return nullptr;
}

void set_header(HttpRequest& request, std::string_view name, std::string value) {
    std::erase_if(request.headers,
                  [&](const HttpHeader& header) { return same_header_name(header.name, name); });
    request.headers.push_back({std::string(name), std::move(value)});
}

bool token_is_signed(const SigningOptions& options) {
    return options.session_token == SessionTokenRule::Signed;
}

bool is_signed(std::string_view name, const SigningOptions& options) {
    if (same_header_name(name, kToken)) return token_is_signed(options);
    return std::none_of(kUnsignedHeaders.begin(), kUnsignedHeaders.end(),
                        [&](std::string_view other) { return same_header_name(name, other); });
}

/// By lower-case name; values of one name in their order, with commas. Host is always among them.
std::map<std::string, std::string> headers_to_sign(const HttpRequest& request,
                                                   const SigningOptions& options) {
    std::map<std::string, std::string> headers;
    for (const HttpHeader& header : request.headers) {
        if (!is_signed(header.name, options)) continue;
        const auto [place, is_first] = headers.try_emplace(lower(header.name));
        if (!is_first) place->second += ',';
        place->second += collapsed(header.value);
    }
    headers.try_emplace("host", request.url.host_header());
    return headers;
}

std::string signed_headers(const HttpRequest& request, const SigningOptions& options) {
    std::string names;
    for (const auto& [name, value] : headers_to_sign(request, options)) {
        if (!names.empty()) names += ';';
        names += name;
    }
    return names;
}

bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

/// RFC 3986 5.2.4, and without empty segments.
std::string normalized(std::string_view path) {
    std::vector<std::string_view> names;
    std::string_view segment;
    for (std::size_t begin = 0; begin <= path.size(); begin += segment.size() + 1) {
        segment = path.substr(begin, path.find('/', begin) - begin);
        if (!segment.empty() && !is_dots(segment)) names.push_back(segment);
        if (segment == ".." && !names.empty()) names.pop_back();
    }
    std::string text;
    for (std::string_view name : names) text.append("/").append(name);
    if (names.empty() || segment.empty() || is_dots(segment)) text += '/';
    return text;
}

std::string canonical_path(const HttpRequest& request, const SigningOptions& options) {
    std::string_view path = request.url.path;
    if (path.empty()) path = "/";
    // S3 decodes the name and encodes it in its own way, so escapes that a path need not have, or
    // lacks, do not count.
    if (options.path == PathRule::EncodedOnce) return percent_encode_path(percent_decode(path));
    return percent_encode_path(normalized(path));
}

std::string canonical_query(const HttpRequest& request, const SigningOptions& options) {
    // By encoded name, then by encoded value: sorted as one string, "a-b=" would come before "a=".
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const QueryPair& pair : request.url.query) {
        if (pair.name == kSignature) continue;
        if (pair.name == kToken && !token_is_signed(options)) continue;
        pairs.emplace_back(percent_encode(pair.name), percent_encode(pair.value));
    }
    std::sort(pairs.begin(), pairs.end());
    std::string text;
    for (const auto& [name, value] : pairs) {
        if (!text.empty()) text += '&';
        text.append(name).append("=").append(value);
    }
    return text;
}

std::string payload_hash(const HttpRequest& request, const SigningOptions& options) {
    if (options.payload == PayloadHash::Unsigned) return "UNSIGNED-PAYLOAD";
    return sha256_of(request.body).hex();
}

/// "20150830T123600Z"
std::string basic_time(Time now) {
    std::string text = to_iso8601(now);
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text;
}

/// "20150830/us-east-1/service/aws4_request"
std::string credential_scope(const SigningScope& scope, Time now) {
    std::string text = basic_time(now).substr(0, 8);
    for (std::string_view part :
         {std::string_view(scope.region), std::string_view(scope.service), kTerminator})
        text.append("/").append(part);
    return text;
}

Key256 signing_key(const SecretText& secret, const SigningScope& scope, Time now) {
    constexpr std::string_view kPrefix = "AWS4";
    Buffer seed;
    seed.reserve(kPrefix.size() + secret.reveal().size());  // so that no copy is left behind
    append(seed, as_bytes(kPrefix));
    append(seed, secret.reveal());
    Key256 key = hmac_sha256_key(seed, as_bytes(basic_time(now).substr(0, 8)));
    wipe(seed);
    for (std::string_view part :
         {std::string_view(scope.region), std::string_view(scope.service), kTerminator})
        key = hmac_sha256_key(key.reveal(), as_bytes(part));
    return key;
}

std::string signature(const HttpRequest& request, const AwsCredentials& credentials,
                      const SigningScope& scope, const SigningOptions& options, Time now) {
    const std::string text = string_to_sign(canonical_request(request, options), scope, now);
    const Key256 key = signing_key(credentials.secret, scope, now);
    return hmac_sha256(key.reveal(), as_bytes(text)).hex();
}

std::string credential(const AwsCredentials& credentials, const SigningScope& scope, Time now) {
    return credentials.access_key_id + "/" + credential_scope(scope, now);
}

// The only place where the token becomes text: the service is to get it.
std::string sent_token(const AwsCredentials& credentials) {
    return std::string(as_text(credentials.session_token.reveal()));
}

void add_content_hash(HttpRequest& request, const SigningOptions& options) {
    if (options.content_sha256_header)
        set_header(request, kContentHash, payload_hash(request, options));
}

}  // namespace

void sign(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope,
          const SigningOptions& options, Time now) {
    set_header(request, kDate, basic_time(now));
    if (!credentials.session_token.empty()) set_header(request, kToken, sent_token(credentials));
    add_content_hash(request, options);
    std::string value(kAlgorithm);
    value.append(" Credential=").append(credential(credentials, scope, now));
    value.append(", SignedHeaders=").append(signed_headers(request, options));
    value.append(", Signature=").append(signature(request, credentials, scope, options, now));
    set_header(request, kAuthorization, std::move(value));
}

void presign(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope,
             const SigningOptions& options, Time now, std::uint32_t expires_seconds) {
    PERDURE_CHECK(expires_seconds > 0 && expires_seconds <= kMaxPresignSeconds);
    std::vector<QueryPair>& query = request.url.query;
    std::erase_if(query, [](const QueryPair& pair) {
        return std::find(kSigningPairs.begin(), kSigningPairs.end(), pair.name) !=
               kSigningPairs.end();
    });
    add_content_hash(request, options);
    const auto add = [&query](std::string_view name, std::string value) {
        query.push_back({std::string(name), std::move(value)});
    };
    add("X-Amz-Algorithm", std::string(kAlgorithm));
    add("X-Amz-Credential", credential(credentials, scope, now));
    add(kDate, basic_time(now));
    add("X-Amz-Expires", std::to_string(expires_seconds));
    add("X-Amz-SignedHeaders", signed_headers(request, options));
    if (!credentials.session_token.empty()) add(kToken, sent_token(credentials));
    add(kSignature, signature(request, credentials, scope, options, now));
}

std::string canonical_request(const HttpRequest& request, const SigningOptions& options) {
    std::string text = request.method + "\n" + canonical_path(request, options) + "\n" +
                       canonical_query(request, options) + "\n";
    for (const auto& [name, value] : headers_to_sign(request, options))
        text.append(name).append(":").append(value).append("\n");
    text.append("\n").append(signed_headers(request, options)).append("\n");
    // A body is hashed once: what the header says is what add_content_hash() found.
    const std::string* sent =
        options.content_sha256_header ? find_header(request, kContentHash) : nullptr;
    return text.append(sent != nullptr ? *sent : payload_hash(request, options));
}

std::string string_to_sign(const std::string& canonical_request, const SigningScope& scope,
                           Time now) {
    return std::string(kAlgorithm) + "\n" + basic_time(now) + "\n" + credential_scope(scope, now) +
           "\n" + sha256_of(as_bytes(canonical_request)).hex();
}

std::string signing_report(const HttpRequest& request, const SigningScope& scope,
                           const SigningOptions& options, Time now) {
    HttpRequest shown = request;
    for (HttpHeader& header : shown.headers)
        if (same_header_name(header.name, kToken)) header.value = "hidden";
    for (QueryPair& pair : shown.url.query)
        if (pair.name == kToken) pair.value = "hidden";
    return "canonical request:\n" + canonical_request(shown, options) + "\nstring to sign:\n" +
           string_to_sign(canonical_request(request, options), scope, now);
}

}  // namespace perdure
