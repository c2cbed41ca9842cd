#include "store/s3/s3_bucket.h"

#include <algorithm>
#include <array>

#include "base/try.h"
#include "codec/crc32c.h"
#include "net/sigv4.h"
#include "store/s3/s3_error.h"

namespace perdure {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// S3 refuses from a quarter of an hour on. An answer without a body does not say why.
constexpr std::int64_t kMuchSkew = 600 * kSecond;
constexpr const char* kDefaultRegion = "us-east-1";
constexpr const char* kChecksumHeader = "x-amz-checksum-crc32c";

std::string base64(ByteView bytes) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i)
            group = group << 8 | (i < count ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0);
        for (std::size_t i = 0; i < 4; ++i)
            text.push_back(i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=');
    }
    return text;
}

}  // namespace

HttpHeader checksum_header(ByteView body) {
    const std::uint32_t crc = crc32c(body);
    std::array<std::byte, 4> big_endian{};
    for (std::size_t i = 0; i < big_endian.size(); ++i)
        big_endian[i] = static_cast<std::byte>(crc >> (24 - 8 * i) & 0xff);
    return {kChecksumHeader, base64(big_endian)};
}

S3Bucket::S3Bucket(S3Location location, const std::string& region, std::unique_ptr<HttpClient> http,
                   std::shared_ptr<CredentialSource> credentials, Clock& clock)
    : location_(std::move(location)),
      http_(std::move(http)),
      credentials_(std::move(credentials)),
      clock_(clock),
      region_(region.empty() ? kDefaultRegion : region) {}

std::string S3Bucket::where(std::string_view key) const {
    return "s3://" + location_.bucket + (key.empty() ? "" : "/" + std::string(key));
}

HttpRequest S3Bucket::signed_request(const S3Request& request, const AwsCredentials& credentials,
                                     const std::string& in, Time now) const {
    HttpRequest http;
    http.method = request.method;
    http.url = url_of(location_, in, request.key);
    http.url.query = request.query;
    http.headers = request.headers;
    http.body = request.body;
    // Over TLS nothing changes a body on its way, and the server checks the checksum.
    SigningOptions options = kS3Signing;
    const bool has_checksum =
        std::any_of(request.headers.begin(), request.headers.end(),
                    [](const HttpHeader& header) { return header.name == kChecksumHeader; });
    if (has_checksum && http.url.scheme == "https") options.payload = PayloadHash::Unsigned;
    sign(http, credentials, {in, "s3"}, options, now);
    return http;
}

/// A server that refuses a signature for its time says what its own is.
bool S3Bucket::learn_time(const HttpResponse& response, Time signed_at) {
    const auto date = response.header("date");
    const auto server = date ? parse_http_date_ns(*date) : std::nullopt;
    if (!server || response.status != 403) return false;
    const std::int64_t ahead = *server - signed_at.nanoseconds;
    const bool silent = response.body.empty() && std::max(ahead, -ahead) > kMuchSkew;
    if (!silent && !is_clock_skew(response)) return false;
    server_ahead_ns_ = *server - clock_.now().nanoseconds;
    return true;
}

/// False if the request was for that region already: another may have learnt it meanwhile.
bool S3Bucket::learn_region(const HttpResponse& response, const std::string& asked) {
    const bool refused = response.status == 301 || response.status == 307 || response.status == 400;
    const std::string told = refused ? parse_s3_fault(response).region : "";
    if (!is_region_name(told)) return false;
    region_.with([&](std::string& region) { region = told; });
    return told != asked;
}

void S3Bucket::count(const S3Request& request) {
    if (request.method == "DELETE")
        ++removals_;
    else if (request.method == "PUT" || request.method == "POST" || request.key.empty())
        ++writes_;
    else
        ++reads_;
}

Result<HttpResponse> S3Bucket::send(const S3Request& request, std::stop_token stop) {
    bool time_learnt = false, region_learnt = false, renewed = false;
    for (;;) {
        const AwsCredentials credentials = PERDURE_TRY(credentials_->get(stop));
        const Time now{clock_.now().nanoseconds + server_ahead_ns_};
        const std::string in = region();
        const HttpRequest http = signed_request(request, credentials, in, now);
        count(request);
        auto response =
            PERDURE_TRY(http_->send(http, request.most, stop).context(where(request.key)));
        const auto date = response.header("date");
        if (const auto told = date ? parse_http_date_ns(*date) : std::nullopt)
            date_ahead_ns_ = *told - clock_.now().nanoseconds;
        const auto version = response.header("x-amz-version-id");
        if ((version && *version != "null") || response.header("x-amz-delete-marker"))
            versioned_ = true;
        if (response.ok()) return response;
        if (!std::exchange(time_learnt, true) && learn_time(response, now)) continue;
        if (!std::exchange(region_learnt, true) && learn_region(response, in)) continue;
        if (is_expired(response) && !std::exchange(renewed, true) &&
            credentials_->expired(credentials.access_key_id))
            continue;
        return response;
    }
}

std::optional<Time> S3Bucket::server_time() const {
    const std::int64_t ahead = date_ahead_ns_;
    if (ahead == kNoDate) return std::nullopt;
    return Time{clock_.now().nanoseconds + ahead};
}

StoreTraffic S3Bucket::traffic() const {
    const HttpCounts counts = http_->counts();
    return {
        writes_, reads_, removals_, 0, counts.sent, counts.received, server_ahead_ns_ / kSecond};
}

}  // namespace perdure
