// AWS Signature Version 4: proof that a request comes from who knows a secret and was not changed,
// in an Authorization header or in the query of a URL that is handed on.
//
// Signing is a pure function of request, credentials, scope, options and time, the same for any
// order of query pairs and of headers with different names. A signature is of one moment: a
// request is signed again for each attempt, with the server's time where it is known to differ.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "net/http_message.h"

namespace perdure {

struct AwsCredentials {
    std::string access_key_id;
    SecretText secret;
    SecretText session_token;  // empty: long-term credentials have none
};

/// What a signature is good for, besides its day.
struct SigningScope {
    std::string region;  // of the service, not of its endpoint: "us-east-1" for those without one
    std::string service;
};

/// How the service makes the canonical path out of the one it received.
enum class PathRule {
    NormalizedEncodedTwice,  // dots and empty segments resolved, escapes escaped: all but S3
    EncodedOnce              // S3: an object's name may have "//" and ".." in it
};

enum class PayloadHash {
    Body,
    Unsigned  // UNSIGNED-PAYLOAD, for S3: what is not known yet, or has a checksum of its own
};

enum class SessionTokenRule {
    Signed,
    AddedAfterSigning  // for the services that take the token off before they verify
};

struct SigningOptions {
    PathRule path = PathRule::NormalizedEncodedTwice;
    PayloadHash payload = PayloadHash::Body;
    bool content_sha256_header = false;  // x-amz-content-sha256, sent and signed: S3 asks for it
    SessionTokenRule session_token = SessionTokenRule::Signed;
};

constexpr SigningOptions kS3Signing{PathRule::EncodedOnce, PayloadHash::Body, true,
                                    SessionTokenRule::Signed};
constexpr SigningOptions kS3Presigning{PathRule::EncodedOnce, PayloadHash::Unsigned, false,
                                       SessionTokenRule::Signed};

/// Adds X-Amz-Date, X-Amz-Security-Token and x-amz-content-sha256 where they belong, and
/// Authorization; what an earlier signing left there is replaced. Every header is signed that does
/// not change on the way (hop-by-hop ones, User-Agent), so headers come before this call.
void sign(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope,
          const SigningOptions& options, Time now);

/// Longer than a week no service takes.
constexpr std::uint32_t kMaxPresignSeconds = 7 * 24 * 3600;

/// The same in the query of `request.url`, for a request that was not signed by sign(): whoever has
/// the URL may send it until `expires_seconds` (1 to kMaxPresignSeconds) after `now`, with the
/// headers that the request has here.
void presign(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope,
             const SigningOptions& options, Time now, std::uint32_t expires_seconds);

/// What is hashed and signed, of a signed request as of one that is about to be. It holds the
/// session token: signing_report() is for people.
std::string canonical_request(const HttpRequest& request, const SigningOptions& options);

std::string string_to_sign(const std::string& canonical_request, const SigningScope& scope,
                           Time now);

/// For an error "signature does not match": both texts, to compare with the service's answer,
/// without the session token.
std::string signing_report(const HttpRequest& request, const SigningScope& scope,
                           const SigningOptions& options, Time now);

}  // namespace perdure
