#include "cloudsim/s3/errors.h"

namespace perdure::cloudsim {

ApiError s3_error(int status, std::string code, std::string message) {
    return {status, std::move(code), std::move(message), {}, {}};
}

ApiError no_such_key(const std::string& key) {
    return s3_error(404, "NoSuchKey", "The specified key does not exist.").with("Key", key);
}

ApiError no_such_version(const std::string& key, const std::string& id) {
    return s3_error(404, "NoSuchVersion", "The specified version does not exist.")
        .with("Key", key)
        .with("VersionId", id);
}

ApiError no_such_upload(const std::string& id) {
    return s3_error(404, "NoSuchUpload",
                    "The specified upload does not exist. The upload ID may be invalid, or the "
                    "upload may have been aborted or completed.")
        .with("UploadId", id);
}

ApiError precondition_failed(const std::string& condition) {
    return s3_error(412, "PreconditionFailed",
                    "At least one of the pre-conditions you specified did not hold")
        .with("Condition", condition);
}

ApiError invalid_argument(std::string message, std::string name, std::string value) {
    ApiError error = s3_error(400, "InvalidArgument", std::move(message));
    if (name.empty()) return error;
    return std::move(error)
        .with("ArgumentName", std::move(name))
        .with("ArgumentValue", std::move(value));
}

ApiError invalid_request(std::string message) {
    return s3_error(400, "InvalidRequest", std::move(message));
}

ApiError access_denied(std::string message) {
    return s3_error(403, "AccessDenied", std::move(message));
}

ApiError internal_error(const Error& error) {
    return s3_error(500, "InternalError", error.describe());
}

ApiResult<void> stored(Result<void> result) {
    if (!result) return internal_error(result.error());
    return {};
}

Answer empty_answer(int status) {
    Answer answer;
    answer.status = status;
    return answer;
}

}  // namespace perdure::cloudsim
