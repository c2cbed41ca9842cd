// The operators of policy conditions, on one value of the request and one of the policy.
#pragma once

#include <string>
#include <string_view>

namespace perdure::cloudsim {

/// "StringEquals", "NumericLessThan", … without IfExists and quantifier.
bool is_condition_operator(std::string_view operation);
/// StringNotLike and its like: true where nothing matches, and where the key is absent.
bool is_negated(std::string_view operation);
/// Whether the values match as the operator compares them; of a negated one, as its opposite does.
bool values_match(std::string_view operation, const std::string& actual,
                  const std::string& expected);

}  // namespace perdure::cloudsim
