#include "cloudsim/policy.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cloudsim/policy_condition.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

using nlohmann::json;

ApiError malformed(const std::string& what) { return {400, "MalformedPolicy", what, {}, {}}; }

bool read_strings(const json& value, std::vector<std::string>& into) {
    const auto add = [&into](const json& one) {
        if (one.is_string()) into.push_back(one.get<std::string>());
        if (one.is_boolean()) into.push_back(one.get<bool>() ? "true" : "false");
        if (one.is_number()) into.push_back(one.dump());
        return one.is_primitive() && !one.is_null();
    };
    if (!value.is_array()) return add(value);
    return std::all_of(value.begin(), value.end(), add);
}

/// ${aws:username} and its like in what a policy says. ${*}, ${?} and ${$} are the characters,
/// which are taken for wildcards here.
std::string with_variables(const std::string& text, const PolicyContext& context) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end =
            text.compare(at, 2, "${") == 0 ? text.find('}', at) : std::string::npos;
        if (end == std::string::npos) {
            result += text[at++];
            continue;
        }
        const auto found = context.find(lower_case(text.substr(at + 2, end - at - 2)));
        // An unknown variable matches nothing, as on AWS.
        result += found == context.end() || found->second.size() != 1 ? std::string(1, '\0')
                                                                      : found->second.front();
        at = end + 1;
    }
    return result;
}

}  // namespace

struct Policy::Reader {
    PolicyKind kind;

    ApiResult<void> conditions(const json& blocks, Statement& into) const {
        if (!blocks.is_object()) return malformed("Condition must be an object");
        for (const auto& [name, keys] : blocks.items()) {
            if (!keys.is_object()) return malformed("Syntax errors in policy.");
            for (const auto& [key, values] : keys.items()) {
                Condition condition;
                std::string_view operation = name;
                if (const std::size_t colon = operation.find(':');
                    colon != std::string_view::npos) {
                    condition.quantifier = operation.substr(0, colon);
                    operation.remove_prefix(colon + 1);
                }
                if (operation.ends_with("IfExists")) {
                    condition.if_exists = true;
                    operation.remove_suffix(8);
                }
                condition.operation = operation;
                condition.key = lower_case(key);
                const bool known_quantifier = condition.quantifier.empty() ||
                                              condition.quantifier == "ForAnyValue" ||
                                              condition.quantifier == "ForAllValues";
                if (!is_condition_operator(operation) || !known_quantifier)
                    return malformed("Invalid Condition type : " + name);
                if (!read_strings(values, condition.values))
                    return malformed("Syntax errors in policy.");
                into.conditions.push_back(std::move(condition));
            }
        }
        return {};
    }

    ApiResult<void> principals(const json& value, Statement& into) const {
        if (value.is_string() && value == "*") {
            into.principals.push_back({"AWS", "*"});
            return {};
        }
        if (!value.is_object()) return malformed("Invalid principal in policy");
        for (const auto& [type, names] : value.items()) {
            std::vector<std::string> list;
            if (!read_strings(names, list)) return malformed("Invalid principal in policy");
            for (std::string& name : list) into.principals.push_back({type, std::move(name)});
        }
        return {};
    }

    ApiResult<Statement> statement(const json& value) const {
        if (!value.is_object()) return malformed("Syntax errors in policy.");
        Statement result;
        for (const auto& [name, content] : value.items()) {
            bool is_read = true;
            if (name == "Effect") {
                if (content != "Allow" && content != "Deny") return malformed("Invalid effect");
                result.allows = content == "Allow";
            } else if (name == "Action" || name == "NotAction") {
                result.excludes_actions = name == "NotAction";
                is_read = read_strings(content, result.actions);
            } else if (name == "Resource" || name == "NotResource") {
                result.excludes_resources = name == "NotResource";
                is_read = read_strings(content, result.resources);
            } else if (name == "Principal" || name == "NotPrincipal") {
                result.excludes_principals = name == "NotPrincipal";
                PERDURE_TRY(principals(content, result));
            } else if (name == "Condition") {
                PERDURE_TRY(conditions(content, result));
            } else if (name != "Sid") {
                return malformed("Unknown element " + name);
            }
            if (!is_read) return malformed("Syntax errors in policy.");
        }
        PERDURE_TRY(check(value, result));
        return result;
    }

    ApiResult<void> check(const json& value, const Statement& statement) const {
        if (!value.contains("Effect")) return malformed("Missing required field Effect");
        if (statement.actions.empty()) return malformed("Missing required field Action");
        if (kind == PolicyKind::Identity && !statement.principals.empty())
            return malformed("Policy document should not specify a principal.");
        if (kind != PolicyKind::Identity && statement.principals.empty())
            return malformed("Missing required field Principal");
        if (kind != PolicyKind::Trust && statement.resources.empty())
            return malformed("Missing required field Resource");
        return {};
    }
};

ApiResult<Policy> Policy::parse(std::string_view text, PolicyKind kind) {
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object())
        return malformed("Policies must be valid JSON and the first byte must be '{'");
    for (const auto& [name, value] : document.items())
        if (name != "Version" && name != "Id" && name != "Statement")
            return malformed("Unknown element " + name);
    if (!document.contains("Statement")) return malformed("Missing required field Statement");
    Policy policy;
    policy.text_ = text;
    policy.kind_ = kind;
    const json& statements = document["Statement"];
    const Reader reader{kind};
    if (!statements.is_array()) {
        Statement only = PERDURE_TRY(reader.statement(statements));
        policy.statements_.push_back(std::move(only));
        return policy;
    }
    for (const json& one : statements) {
        Statement next = PERDURE_TRY(reader.statement(one));
        policy.statements_.push_back(std::move(next));
    }
    return policy;
}

bool Policy::holds(const Condition& condition, const PolicyContext& context) {
    const auto found = context.find(condition.key);
    const bool is_there = found != context.end() && !found->second.empty();
    if (condition.operation == "Null")
        return std::any_of(
            condition.values.begin(), condition.values.end(),
            [&](const std::string& value) { return (lower_case(value) == "true") == !is_there; });
    const bool negated = is_negated(condition.operation);
    if (!is_there) {
        if (condition.quantifier == "ForAllValues") return true;
        if (condition.quantifier == "ForAnyValue") return condition.if_exists;
        return condition.if_exists || negated;
    }
    const auto fits = [&](const std::string& actual) {
        const bool matched = std::any_of(
            condition.values.begin(), condition.values.end(), [&](const std::string& expected) {
                return values_match(condition.operation, actual, with_variables(expected, context));
            });
        return matched != negated;
    };
    const auto& actual = found->second;
    if (condition.quantifier == "ForAllValues")
        return std::all_of(actual.begin(), actual.end(), fits);
    return std::any_of(actual.begin(), actual.end(), fits);
}

bool Policy::names(const Statement& statement, const PolicyQuestion& question) {
    const PolicySubject& subject = question.subject;
    const auto is_named = [&](const QueryPair& principal) {
        if (principal.name == "Federated")
            return !subject.federated.empty() && principal.value == subject.federated;
        if (principal.name != "AWS") return false;
        const std::string& value = principal.value;
        if (value == "*") return true;
        if (subject.is_anonymous) return false;
        if (value == subject.arn || value == subject.issuer_arn) return true;
        const bool is_account =
            value == subject.account || value.ends_with("::" + subject.account + ":root");
        // Naming the account leaves it to the account's own policies whom to allow.
        return is_account && (subject.is_root || question.account_counts || !statement.allows);
    };
    const bool any =
        std::any_of(statement.principals.begin(), statement.principals.end(), is_named);
    return any != statement.excludes_principals;
}

bool Policy::applies(const Statement& statement, const PolicyQuestion& question) const {
    if (kind_ != PolicyKind::Identity && !names(statement, question)) return false;
    const auto any = [](const std::vector<std::string>& patterns, auto&& matches) {
        return std::any_of(patterns.begin(), patterns.end(), matches);
    };
    const std::string action = lower_case(question.action);
    if (any(statement.actions, [&](const std::string& pattern) {
            return matches_wildcard(lower_case(pattern), action);
        }) == statement.excludes_actions)
        return false;
    if (kind_ != PolicyKind::Trust &&
        any(statement.resources, [&](const std::string& pattern) {
            return matches_wildcard(with_variables(pattern, question.context), question.resource);
        }) == statement.excludes_resources)
        return false;
    return std::all_of(statement.conditions.begin(), statement.conditions.end(),
                       [&](const Condition& c) { return holds(c, question.context); });
}

Verdict Policy::evaluate(const PolicyQuestion& question) const {
    Verdict verdict = Verdict::Silent;
    for (const Statement& statement : statements_) {
        if (!applies(statement, question)) continue;
        if (!statement.allows) return Verdict::Deny;
        verdict = Verdict::Allow;
    }
    return verdict;
}

bool Policy::is_public() const {
    return std::any_of(statements_.begin(), statements_.end(), [](const Statement& statement) {
        const bool everybody = std::any_of(statement.principals.begin(), statement.principals.end(),
                                           [](const QueryPair& p) { return p.value == "*"; });
        // A condition that holds to one principal, account or network makes it private.
        const bool is_narrowed = std::any_of(
            statement.conditions.begin(), statement.conditions.end(), [](const Condition& c) {
                return !is_negated(c.operation) &&
                       (c.key.starts_with("aws:principal") || c.key.starts_with("aws:source") ||
                        c.key == "aws:userid");
            });
        return statement.allows && everybody && !is_narrowed;
    });
}

}  // namespace perdure::cloudsim
