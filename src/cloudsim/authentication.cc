#include "cloudsim/authentication.h"

#include "cloudsim/text.h"
#include "crypto/sha256.h"

namespace perdure::cloudsim {
namespace {

constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr std::string_view kStreaming = "STREAMING-";

bool is_hash(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// What the signature covers in place of the body.
ApiResult<std::string> payload_hash(const Request& request, const Claim& claim, bool is_s3) {
    const std::string sent = request.header_or("x-amz-content-sha256");
    if (!is_s3) return sha256_of(request.body).hex();
    if (claim.expires_seconds) return sent.empty() ? std::string(kUnsigned) : sent;
    if (sent.empty())
        return ApiError{400,
                        "InvalidRequest",
                        "Missing required header for this request: x-amz-content-sha256",
                        {},
                        {}};
    if (is_hash(sent) || sent == kUnsigned || sent.starts_with(kStreaming)) return sent;
    return ApiError{400,
                    "InvalidArgument",
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                    "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                    {},
                    {}};
}

ApiResult<void> check_token(const World& world, const Claim& claim, const Key& key, bool is_s3) {
    if (claim.token != key.token)
        return ApiError{is_s3 ? 400 : 403,
                        is_s3 ? "InvalidToken" : "InvalidClientTokenId",
                        "The provided token is malformed or otherwise invalid.",
                        {},
                        {}};
    if (key.expires && *key.expires <= world.clock.now())
        return ApiError{
            is_s3 ? 400 : 403, "ExpiredToken", "The provided token has expired.", {}, {}};
    return {};
}

}  // namespace

std::string_view name_of(Service service) {
    switch (service) {
        case Service::S3: return "s3";
        case Service::Sts: return "sts";
        case Service::Metadata: return "metadata";
        case Service::Unknown: return "unknown";
    }
    return "unknown";
}

ApiResult<std::vector<QueryPair>> read_form(const Request& request) {
    constexpr std::string_view kForm = "application/x-www-form-urlencoded";
    std::vector<QueryPair> form;
    if (request.method == "POST" && request.header_or("Content-Type").starts_with(kForm)) {
        form = parse_form(as_text(request.body));
    } else if (request.parameter("Action")) {
        form = request.query;
    }
    return form;
}

Service service_of(const Request& request, const std::optional<Claim>& claim,
                   const std::vector<QueryPair>& form) {
    if (claim) {
        if (claim->service == "s3") return Service::S3;
        return claim->service == "sts" ? Service::Sts : Service::Unknown;
    }
    if (request.header_or("Host").starts_with("sts.")) return Service::Sts;
    for (const QueryPair& pair : form)
        if (pair.name == "Action") return Service::Sts;
    return Service::S3;
}

ApiResult<Authenticated> authenticate(const World& world, const Request& request,
                                      const std::optional<Claim>& claim, bool is_s3) {
    Authenticated result;
    if (!claim) {
        result.caller.is_anonymous = true;
        return result;
    }
    const auto known = world.identities.find_key(claim->access_key_id);
    if (!known)
        return ApiError{403,
                        is_s3 ? "InvalidAccessKeyId" : "InvalidClientTokenId",
                        is_s3 ? "The AWS Access Key Id you provided does not exist in our records."
                              : "The security token included in the request is invalid.",
                        {{"AWSAccessKeyId", claim->access_key_id}},
                        {}};
    PERDURE_TRY(check_token(world, *claim, known->key, is_s3));
    const std::string hash = PERDURE_TRY(payload_hash(request, *claim, is_s3));
    const VerifyOptions options{is_s3, world.clock.wall(), is_s3 ? 900u : 300u};
    auto verified = verify_signature(request, *claim, known->key.secret, hash, options);
    if (!verified && !is_s3 && verified.error().code == "RequestTimeTooSkewed")
        return ApiError{403,
                        "SignatureDoesNotMatch",
                        "Signature expired: " + claim->time + " is not within 5 minutes of " +
                            iso_time(options.now),
                        {},
                        {}};
    result.signing = PERDURE_TRY(std::move(verified));
    result.caller = known->caller;
    return result;
}

ApiResult<DecodedBody> body_of(Request& request, const std::optional<SigningState>& signing) {
    const std::string said = request.header_or("x-amz-content-sha256");
    if (is_hash(said) && sha256_of(request.body).hex() != said)
        return ApiError{
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            {{"ClientComputedContentSHA256", said},
             {"S3ComputedContentSHA256", sha256_of(request.body).hex()}},
            {}};
    if (!said.starts_with(kStreaming)) return DecodedBody{std::move(request.body), {}};
    const bool is_signed = said.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    if (!is_signed && said != "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        return ApiError{501, "NotImplemented", said + " is not implemented", {}, {}};
    const auto length = parse_number(request.header_or("x-amz-decoded-content-length"));
    if (!length)
        return ApiError{411,
                        "MissingContentLength",
                        "You must provide the Content-Length HTTP header.",
                        {},
                        {}};
    return decode_chunks(request.body, length, is_signed && signing ? &*signing : nullptr,
                         said.ends_with("-TRAILER"));
}

}  // namespace perdure::cloudsim
