// aws-chunked: a body in chunks with their own signatures, and trailers that hold its checksum.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloudsim/api_result.h"
#include "cloudsim/signature.h"

namespace perdure::cloudsim {

struct DecodedBody {
    Buffer bytes;
    std::vector<HttpHeader> trailers;
};

/// Takes the chunks apart and, where `state` is there, verifies their signatures from the head's
/// on. `has_trailer`: the trailers' signature is due too. IncompleteBody if it ends early or has
/// another length than `decoded_length` says; SignatureDoesNotMatch. Pure.
ApiResult<DecodedBody> decode_chunks(ByteView body, std::optional<std::uint64_t> decoded_length,
                                     const SigningState* state, bool has_trailer);

}  // namespace perdure::cloudsim
