// An error in the words of the service that it is for.
#pragma once

#include "cloudsim/authentication.h"

namespace perdure::cloudsim {

Answer error_answer(Service service, const ApiError& error, const std::string& resource,
                    const std::string& request_id);

}  // namespace perdure::cloudsim
