// STS: AssumeRole, AssumeRoleWithWebIdentity, GetCallerIdentity, in the Query protocol.
#pragma once

#include <string>
#include <vector>

#include "cloudsim/api_result.h"
#include "cloudsim/identities.h"
#include "cloudsim/message.h"
#include "cloudsim/world.h"

namespace perdure::cloudsim {

std::vector<std::string> sts_operations();

/// Whether the operation is asked without a signature.
bool is_unsigned_sts(const std::string& operation);

/// `form`: the parameters of the body and the query, `Action` among them.
ApiResult<Answer> handle_sts(World& world, const Caller& caller, const std::vector<QueryPair>& form,
                             const std::string& request_id);

}  // namespace perdure::cloudsim
