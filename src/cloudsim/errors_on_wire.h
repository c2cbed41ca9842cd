// An error in the words of the service that it is for.
#pragma once

#include "cloudsim/authentication.h"

namespace perdure::cloudsim {

/// How a service writes its errors. S3: its own XML; Query: STS and its like; Ec2: XML of its own;
/// Json: the others.
enum class ErrorForm { S3, Query, Ec2, Json };
ErrorForm error_form(Service service, const std::optional<Claim>& claim);

Answer error_answer(ErrorForm form, const ApiError& error, const std::string& resource,
                    const std::string& request_id);

}  // namespace perdure::cloudsim
