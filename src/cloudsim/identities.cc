#include "cloudsim/identities.h"

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

using nlohmann::json;
constexpr const char* kFile = "identities.json";

ApiError invalid(std::string what) { return {400, "InvalidInput", std::move(what), {}, {}}; }

std::string upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

std::string new_id(const std::string& kind) { return kind + upper(random_hex(8)); }

std::string string_of(const json& value, const char* name, std::string otherwise = "") {
    const auto found = value.find(name);
    return found != value.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

/// A policy given as a document or as its text.
std::string document_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

ApiResult<void> merge_policies(const json& value, std::map<std::string, std::string>& into) {
    const auto found = value.find("policies");
    if (found == value.end()) return {};
    if (!found->is_object()) return invalid("policies must be an object of documents by name");
    into.clear();
    for (const auto& [name, document] : found->items()) {
        const std::string text = document_of(document);
        PERDURE_TRY(Policy::parse(text, PolicyKind::Identity));
        into[name] = text;
    }
    return {};
}

std::vector<Policy> parsed(const std::map<std::string, std::string>& texts) {
    std::vector<Policy> policies;
    for (const auto& [name, text] : texts)
        policies.push_back(Policy::parse(text, PolicyKind::Identity).value());
    return policies;
}

std::string revealed(const SecretText& secret) { return std::string(as_text(secret.reveal())); }

}  // namespace

std::string partition_of(const std::string& region) {
    if (region.starts_with("cn-")) return "aws-cn";
    return region.starts_with("us-gov-") ? "aws-us-gov" : "aws";
}

Identities::Identities(const StateFiles& files) : files_(files) {
    state_.with([](State& state) {
        User root{kTestAccount, "", kTestAccount, {}, {}, true};
        root.keys["test"] = SecretText("test");
        state.users[std::string(kTestAccount) + "/"] = std::move(root);
    });
}

Result<void> Identities::load() {
    auto document = files_.load(kFile);
    if (!document) {
        if (document.error().kind() == ErrorKind::NotFound) return {};
        return std::move(document).error();
    }
    return state_.with([&](State& state) -> Result<void> {
        auto merged = merge(state, *document);
        if (!merged)
            return Error(ErrorKind::Corrupt, std::string(kFile) + ": " + merged.error().message);
        for (const json& s : document->value("sessions", json::array()))
            state.sessions[string_of(s, "id")] = {
                string_of(s, "role"),   string_of(s, "name"),
                string_of(s, "policy"), SecretText(string_of(s, "secret")),
                string_of(s, "token"),  Time{s.value("expires", std::int64_t{0})}};
        return {};
    });
}

json Identities::to_json(const State& state) {
    json document = {{"users", json::array()},
                     {"roots", json::array()},
                     {"roles", json::array()},
                     {"sessions", json::array()},
                     {"web_identities", json::array()}};
    for (const auto& [place, user] : state.users) {
        json keys = json::array();
        for (const auto& [id, secret] : user.keys)
            keys.push_back({{"id", id}, {"secret", revealed(secret)}});
        document[user.is_root ? "roots" : "users"].push_back({{"account", user.account},
                                                              {"name", user.name},
                                                              {"user_id", user.id},
                                                              {"keys", keys},
                                                              {"policies", user.policies}});
    }
    for (const auto& [arn, role] : state.roles)
        document["roles"].push_back({{"account", role.account},
                                     {"name", role.name},
                                     {"role_id", role.id},
                                     {"partition", role.partition},
                                     {"trust", role.trust},
                                     {"policies", role.policies},
                                     {"max_session_seconds", role.most_seconds}});
    for (const auto& [id, s] : state.sessions)
        document["sessions"].push_back({{"id", id},
                                        {"role", s.role_arn},
                                        {"name", s.name},
                                        {"policy", s.policy},
                                        {"secret", revealed(s.secret)},
                                        {"token", s.token},
                                        {"expires", s.expires.nanoseconds}});
    for (const auto& [token, web] : state.web)
        document["web_identities"].push_back({{"token", token},
                                              {"provider", web.provider},
                                              {"subject", web.subject},
                                              {"audience", web.audience}});
    return document;
}

void Identities::save(const State& state) const {
    if (files_.are_kept()) (void)files_.save(kFile, to_json(state)).has_value();
}

ApiResult<void> Identities::set(const json& document) {
    return state_.with([&](State& state) -> ApiResult<void> {
        State changed = state;
        PERDURE_TRY(merge(changed, document));
        state = std::move(changed);
        save(state);
        return {};
    });
}

ApiResult<void> Identities::merge(State& state, const json& document) {
    if (!document.is_object()) return invalid("identities must be a JSON object");
    const auto list = [&](const char* name) { return document.value(name, json::array()); };
    for (const json& user : list("roots")) PERDURE_TRY(merge_user(state, user, true));
    for (const json& user : list("users")) PERDURE_TRY(merge_user(state, user, false));
    for (const json& role : list("roles")) PERDURE_TRY(merge_role(state, role));
    for (const json& web : list("web_identities"))
        state.web[string_of(web, "token")] = {string_of(web, "provider"), string_of(web, "subject"),
                                              string_of(web, "audience")};
    return {};
}

ApiResult<void> Identities::merge_user(State& state, const json& value, bool is_root) {
    const std::string account = string_of(value, "account", kTestAccount);
    const std::string name = is_root ? "" : string_of(value, "name");
    if (account.size() != 12 || (name.empty() && !is_root))
        return invalid("a user needs a name, and an account of 12 digits");
    User& user = state.users[account + "/" + name];
    user.account = account;
    user.name = name;
    user.is_root = is_root;
    if (user.id.empty()) user.id = string_of(value, "user_id", is_root ? account : new_id("AIDA"));
    for (const json& key : value.value("keys", json::array())) {
        if (string_of(key, "id").empty() || string_of(key, "secret").empty())
            return invalid("a key needs id and secret");
        user.keys[string_of(key, "id")] = SecretText(string_of(key, "secret"));
    }
    return merge_policies(value, user.policies);
}

ApiResult<void> Identities::merge_role(State& state, const json& value) {
    Role role;
    role.account = string_of(value, "account", kTestAccount);
    role.name = string_of(value, "name");
    role.partition = string_of(value, "partition", "aws");
    if (role.name.empty() || role.account.size() != 12)
        return invalid("a role needs a name, and an account of 12 digits");
    if (const auto known = state.roles.find(role.arn()); known != state.roles.end())
        role = known->second;
    if (role.id.empty()) role.id = string_of(value, "role_id", new_id("AROA"));
    if (value.contains("trust")) role.trust = document_of(value["trust"]);
    role.most_seconds = value.value("max_session_seconds", role.most_seconds);
    PERDURE_TRY(Policy::parse(role.trust, PolicyKind::Trust));
    PERDURE_TRY(merge_policies(value, role.policies));
    state.roles[role.arn()] = role;
    return {};
}

void Identities::remove_user(const std::string& name) {
    state_.with([&](State& state) {
        std::erase_if(state.users,
                      [&](const auto& u) { return !u.second.is_root && u.second.name == name; });
        save(state);
    });
}

void Identities::remove_role(const std::string& name) {
    state_.with([&](State& state) {
        std::erase_if(state.roles, [&](const auto& r) { return r.second.name == name; });
        save(state);
    });
}

KnownKey Identities::known_user(const User& user, const std::string& id, const SecretText& secret) {
    KnownKey known;
    known.key = {id, secret, "", std::nullopt};
    Caller& caller = known.caller;
    caller.account = user.account;
    caller.arn = "arn:aws:iam::" + user.account + (user.is_root ? ":root" : ":user/" + user.name);
    caller.issuer_arn = caller.arn;
    caller.is_root = user.is_root;
    caller.user_id = user.id;
    caller.name = user.name;
    caller.access_key_id = id;
    caller.policies = parsed(user.policies);
    return known;
}

std::optional<KnownKey> Identities::known_session(const State& state, const std::string& id,
                                                  const Session& session) {
    const auto found = state.roles.find(session.role_arn);
    if (found == state.roles.end()) return std::nullopt;
    const Role& role = found->second;
    KnownKey known;
    known.key = {id, session.secret, session.token, session.expires};
    Caller& caller = known.caller;
    caller.account = role.account;
    caller.arn = "arn:" + role.partition + ":sts::" + role.account + ":assumed-role/" + role.name +
                 "/" + session.name;
    caller.issuer_arn = role.arn();
    caller.user_id = role.id + ":" + session.name;
    caller.name = role.name;
    caller.access_key_id = id;
    caller.policies = parsed(role.policies);
    if (!session.policy.empty())
        caller.session_policy = Policy::parse(session.policy, PolicyKind::Identity).value();
    return known;
}

std::optional<KnownKey> Identities::find_key(const std::string& id) const {
    return state_.with([&](const State& state) -> std::optional<KnownKey> {
        for (const auto& [place, user] : state.users)
            if (const auto key = user.keys.find(id); key != user.keys.end())
                return known_user(user, id, key->second);
        const auto session = state.sessions.find(id);
        if (session == state.sessions.end()) return std::nullopt;
        return known_session(state, id, session->second);
    });
}

std::optional<TrustedRole> Identities::find_role(const std::string& arn) const {
    return state_.with([&](const State& state) -> std::optional<TrustedRole> {
        const auto found = state.roles.find(arn);
        if (found == state.roles.end()) return std::nullopt;
        const Role& role = found->second;
        return TrustedRole{role.account, role.name, arn,
                           Policy::parse(role.trust, PolicyKind::Trust).value(), role.most_seconds};
    });
}

std::optional<WebIdentity> Identities::find_web_identity(const std::string& token) const {
    return state_.with([&](const State& state) -> std::optional<WebIdentity> {
        const auto found = state.web.find(token);
        if (found == state.web.end()) return std::nullopt;
        return found->second;
    });
}

std::optional<std::string> Identities::role_arn_named(const std::string& name) const {
    return state_.with([&](const State& state) -> std::optional<std::string> {
        for (const auto& [arn, role] : state.roles)
            if (role.name == name) return arn;
        return std::nullopt;
    });
}

ApiResult<Key> Identities::begin_session(const std::string& role_arn, const std::string& session,
                                         const std::string& policy, Time expires) {
    if (!policy.empty()) PERDURE_TRY(Policy::parse(policy, PolicyKind::Identity));
    Key key{new_id("ASIA"), SecretText(random_hex(20)),
            to_hex(as_bytes("session")) + random_hex(40), expires};
    state_.with([&](State& state) {
        state.sessions[key.id] = {role_arn, session, policy, key.secret, key.token, expires};
        save(state);
    });
    return key;
}

void Identities::expire_sessions(Time now) {
    state_.with([&](State& state) {
        for (auto& [id, session] : state.sessions) session.expires = std::min(session.expires, now);
        save(state);
    });
}

ApiResult<void> authorize(const Caller& caller, const std::string& action,
                          const std::string& resource, const PolicyContext& context,
                          const Policy* resource_policy, const std::string& resource_account) {
    const bool same_account = caller.account == resource_account && !caller.is_anonymous;
    const PolicyQuestion question{caller, action, resource, context, !same_account};
    const auto denied = [&](const std::string& why) {
        const std::string who = caller.is_anonymous ? "anonymous" : caller.arn;
        return ApiError{403,
                        "AccessDenied",
                        "User: " + who + " is not authorized to perform: " + action +
                            " on resource: \"" + resource + "\" " + why,
                        {},
                        {}};
    };
    bool by_identity = caller.is_root;
    for (const Policy& policy : caller.policies) {
        const Verdict verdict = policy.evaluate(question);
        if (verdict == Verdict::Deny)
            return denied("with an explicit deny in an identity-based policy");
        by_identity = by_identity || verdict == Verdict::Allow;
    }
    const Verdict by_resource =
        resource_policy == nullptr ? Verdict::Silent : resource_policy->evaluate(question);
    if (by_resource == Verdict::Deny)
        return denied("with an explicit deny in a resource-based policy");
    if (caller.session_policy && caller.session_policy->evaluate(question) != Verdict::Allow)
        return denied("because no session policy allows the " + action + " action");
    const bool resource_allows = by_resource == Verdict::Allow;
    if (caller.is_anonymous ? resource_allows
        : same_account      ? by_identity || resource_allows
                            : by_identity && resource_allows)
        return {};
    if (!by_identity && !caller.is_anonymous)
        return denied("because no identity-based policy allows the " + action + " action");
    return denied("because no resource-based policy allows the " + action + " action");
}

}  // namespace perdure::cloudsim
