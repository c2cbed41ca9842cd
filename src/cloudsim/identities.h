// Who may ask: accounts with a root key, users, roles, and the sessions of roles. Set up by the
// admin API; kept in the state.
//
// Invariant: a caller is known by a secret, and by a token too where its key is temporary. Thread-
// safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/secret.h"
#include "cloudsim/policy.h"
#include "cloudsim/state_files.h"

namespace perdure::cloudsim {

constexpr const char* kTestAccount = "123456789012";

/// "aws-cn" of "cn-north-1", "aws-us-gov" of "us-gov-west-1", else "aws".
std::string partition_of(const std::string& region);

/// Somebody, as policies see them.
struct Caller : PolicySubject {
    std::string user_id;
    std::string name;  // of the user, or of the role; "" for a root
    std::string access_key_id;
    std::vector<Policy> policies;
    std::optional<Policy> session_policy;
};

struct Key {
    std::string id;
    SecretText secret;
    std::string token;            // "" unless temporary
    std::optional<Time> expires;  // of a temporary one
};

/// What a key is and whose; the caller is believed once the signature holds.
struct KnownKey {
    Key key;
    Caller caller;
};

struct TrustedRole {
    std::string account, name, arn;
    Policy trust;
    std::uint64_t most_seconds = 3600;
};

struct WebIdentity {
    std::string provider, subject, audience;
};

class Identities {
public:
    explicit Identities(const StateFiles& files);

    /// What an earlier run left.
    Result<void> load();
    /// Adds or replaces what the admin API's document says (docs/cloudsim.md).
    ApiResult<void> set(const nlohmann::json& document);
    void remove_user(const std::string& name);
    void remove_role(const std::string& name);

    std::optional<KnownKey> find_key(const std::string& access_key_id) const;
    std::optional<TrustedRole> find_role(const std::string& arn) const;
    std::optional<WebIdentity> find_web_identity(const std::string& token) const;
    std::optional<std::string> role_arn_named(const std::string& name) const;

    /// A new temporary key for a session of the role. `policy`: "" or one that narrows it.
    ApiResult<Key> begin_session(const std::string& role_arn, const std::string& session,
                                 const std::string& policy, Time expires);
    /// As if all temporary keys had come to their end.
    void expire_sessions(Time now);

private:
    struct User {
        std::string account, name, id;
        std::map<std::string, SecretText> keys;
        std::map<std::string, std::string> policies;
        bool is_root = false;
    };
    struct Role {
        std::string account, name, id, trust, partition = "aws";
        std::map<std::string, std::string> policies;
        std::uint64_t most_seconds = 3600;
        std::string arn() const {
            return "arn:" + partition + ":iam::" + account + ":role/" + name;
        }
    };
    struct Session {
        std::string role_arn, name, policy;
        SecretText secret;
        std::string token;
        Time expires;
    };
    struct State {
        std::map<std::string, User> users;        // by account and name
        std::map<std::string, Role> roles;        // by ARN
        std::map<std::string, Session> sessions;  // by key id
        std::map<std::string, WebIdentity> web;   // by token
    };
    static nlohmann::json to_json(const State& state);
    static ApiResult<void> merge(State& state, const nlohmann::json& document);
    static ApiResult<void> merge_user(State& state, const nlohmann::json& value, bool is_root);
    static ApiResult<void> merge_role(State& state, const nlohmann::json& value);
    static KnownKey known_user(const User& user, const std::string& id, const SecretText& secret);
    static std::optional<KnownKey> known_session(const State& state, const std::string& id,
                                                 const Session& session);
    void save(const State& state) const;

    const StateFiles& files_;
    Guarded<State> state_;
};

/// What decides: identity policies, the resource's, the session's. `resource_policy` may be null.
/// AccessDenied with AWS's words otherwise.
ApiResult<void> authorize(const Caller& caller, const std::string& action,
                          const std::string& resource, const PolicyContext& context,
                          const Policy* resource_policy, const std::string& resource_account);

}  // namespace perdure::cloudsim
