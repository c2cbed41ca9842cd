// Verifies AWS Signature Version 4, in the Authorization header and in the query of a presigned
// URL.
//
// Written from the specification and not from src/net/sigv4.cc, so that a mistake there does not
// verify here: it starts from what was received, and covers the headers that the client names. What
// is shared is percent-encoding.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "cloudsim/api_result.h"
#include "cloudsim/message.h"

namespace perdure::cloudsim {

/// What a signed request says of its signature, not yet believed.
struct Claim {
    std::string access_key_id;
    std::string date;  // "20150830"
    std::string region;
    std::string service;
    std::vector<std::string> signed_headers;  // lower case, sorted
    std::string signature;
    std::string time;                              // "20150830T123600Z"
    std::string token;                             // "": none
    std::optional<std::uint32_t> expires_seconds;  // of a presigned URL
};

/// Nothing if the request is not signed at all; an error if what it says makes no sense.
ApiResult<std::optional<Claim>> read_claim(const Request& request);

struct VerifyOptions {
    bool is_s3 = true;  // its path is encoded once and not normalised
    Time now;
    std::uint32_t most_skew_seconds = 15 * 60;
};

/// What the chunks of a body are signed on with.
struct SigningState {
    Key256 key;
    std::string scope;  // "20150830/us-east-1/s3/aws4_request"
    std::string time;
    std::string signature;
};

/// `payload_hash`: what x-amz-content-sha256 says, or what the service puts in its place.
/// Errors are those of S3 (SignatureDoesNotMatch, RequestTimeTooSkewed, AccessDenied "Request has
/// expired"); other services translate them.
ApiResult<SigningState> verify_signature(const Request& request, const Claim& claim,
                                         const SecretText& secret, const std::string& payload_hash,
                                         const VerifyOptions& options);

/// "20150830T123600Z" as a time. Pure.
std::optional<Time> parse_basic_time(const std::string& text);

}  // namespace perdure::cloudsim
