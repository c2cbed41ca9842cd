// Errors of S3, in its words.
#pragma once

#include <string>

#include "base/result.h"
#include "cloudsim/api_result.h"
#include "cloudsim/message.h"

namespace perdure::cloudsim {

ApiError s3_error(int status, std::string code, std::string message);
ApiError no_such_key(const std::string& key);
ApiError no_such_version(const std::string& key, const std::string& id);
ApiError no_such_upload(const std::string& id);
ApiError precondition_failed(const std::string& condition);
ApiError invalid_argument(std::string message, std::string name = "", std::string value = "");
ApiError invalid_request(std::string message);
ApiError access_denied(std::string message);
/// The disk of the state failed: an InternalError with its words.
ApiError internal_error(const Error& error);

/// PERDURE_TRY of a Result where an ApiResult is due.
ApiResult<void> stored(Result<void> result);

/// 204, or 200 without a body.
Answer empty_answer(int status = 200);

}  // namespace perdure::cloudsim
