// Policies of IAM as AWS evaluates them: an explicit deny wins over every allow, and what nothing
// allows is denied.
//
// A policy that holds what is not known here (an operator, an element) is refused when it is set,
// with MalformedPolicy: one that is half understood would make a test of it worthless.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloudsim/api_result.h"

namespace perdure::cloudsim {

/// Condition keys in lower case, with their values; a key without values is absent.
using PolicyContext = std::map<std::string, std::vector<std::string>>;

/// Whom a policy's Principal is compared with.
struct PolicySubject {
    std::string account;
    std::string arn;         // of the user, or of the session of a role
    std::string issuer_arn;  // of the role; the same as `arn` for others
    std::string federated;   // the provider of a web identity; "" for others
    bool is_anonymous = false;
    bool is_root = false;
};

enum class Verdict { Silent, Allow, Deny };
enum class PolicyKind { Identity, Resource, Trust };

struct PolicyQuestion {
    const PolicySubject& subject;
    std::string_view action;    // "s3:PutObject"
    std::string_view resource;  // an ARN; of a trust policy ""
    const PolicyContext& context;
    /// Whether naming an account allows what its administrators allow: across accounts.
    bool account_counts = false;
};

class Policy {
public:
    static ApiResult<Policy> parse(std::string_view json, PolicyKind kind);

    Verdict evaluate(const PolicyQuestion& question) const;
    const std::string& text() const { return text_; }
    /// Whether it allows something to everybody, as the public access block asks.
    bool is_public() const;

private:
    struct Condition {
        std::string operation;   // "StringLike", without what is said beside it
        std::string quantifier;  // "ForAnyValue", "ForAllValues" or ""
        bool if_exists = false;
        std::string key;
        std::vector<std::string> values;
    };
    struct Statement {
        bool allows = false;
        bool excludes_principals = false, excludes_actions = false, excludes_resources = false;
        std::vector<QueryPair> principals;  // type and value
        std::vector<std::string> actions, resources;
        std::vector<Condition> conditions;
    };
    struct Reader;
    static bool holds(const Condition& condition, const PolicyContext& context);
    bool applies(const Statement& statement, const PolicyQuestion& question) const;
    static bool names(const Statement& statement, const PolicyQuestion& question);

    std::string text_;
    PolicyKind kind_ = PolicyKind::Identity;
    std::vector<Statement> statements_;
};

}  // namespace perdure::cloudsim
