// Who sends a request, once its signature, token and body hold.
#pragma once

#include <optional>
#include <vector>

#include "cloudsim/chunked_body.h"
#include "cloudsim/signature.h"
#include "cloudsim/world.h"

namespace perdure::cloudsim {

enum class Service { S3, Sts, Metadata, Unknown };
std::string_view name_of(Service service);

/// The form of a POST of the Query protocol; empty for others.
ApiResult<std::vector<QueryPair>> read_form(const Request& request);
Service service_of(const Request& request, const std::optional<Claim>& claim,
                   const std::vector<QueryPair>& form);

struct Authenticated {
    Caller caller;
    std::optional<SigningState> signing;
};
/// Nobody in particular if there is no claim. InvalidAccessKeyId, ExpiredToken, InvalidToken and
/// what verify_signature() says.
ApiResult<Authenticated> authenticate(const World& world, const Request& request,
                                      const std::optional<Claim>& claim, bool is_s3);

/// The body of a request to S3, without its coding, as long as x-amz-content-sha256 holds. Takes
/// the request's bytes.
ApiResult<DecodedBody> body_of(Request& request, const std::optional<SigningState>& signing);

}  // namespace perdure::cloudsim
