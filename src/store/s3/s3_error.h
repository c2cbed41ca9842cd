// What S3 and its relatives answer when they do not do what was asked, as Errors.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_client.h"

namespace perdure {

/// The <Code> and <Message> of an error's body; empty where there is none (answers to HEAD).
struct S3Fault {
    std::string code;
    std::string message;
    std::string region;  // where the bucket is, if the answer says so
};
S3Fault parse_s3_fault(const HttpResponse& response);

/// `action` is the IAM action that was needed, as in "s3:PutObject"; `object` what it was about.
///
/// NotFound, AlreadyExists (a condition failed), Denied, NoSpace, Corrupt (a range past the end),
/// InvalidInput (no such bucket, another region), Unsupported (what this server does not know; an
/// object that has to be thawed first); Unavailable where it was refused and may be tried again
/// (409, 429, 503), Timeout where it may have happened all the same (other 5xx).
Error s3_error(const HttpResponse& response, std::string_view action, const std::string& object);

/// The server's clock differs too much from the one that signed.
bool is_clock_skew(const HttpResponse& response);
/// The credentials were good once.
bool is_expired(const HttpResponse& response);

}  // namespace perdure
