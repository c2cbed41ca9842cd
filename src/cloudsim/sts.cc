#include "cloudsim/sts.h"

#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

std::string value_of(const std::vector<QueryPair>& form, std::string_view name) {
    for (const QueryPair& pair : form)
        if (pair.name == name) return pair.value;
    return "";
}

ApiError sts_error(int status, std::string code, std::string message) {
    return {status, std::move(code), std::move(message), {}, {}};
}

struct Wish {
    std::string role_arn, session, policy;
    std::uint64_t seconds = 3600;
};

ApiResult<Wish> read_wish(const std::vector<QueryPair>& form) {
    Wish wish{value_of(form, "RoleArn"), value_of(form, "RoleSessionName"),
              value_of(form, "Policy")};
    if (wish.role_arn.empty() || wish.session.size() < 2 || wish.session.size() > 64)
        return sts_error(400, "ValidationError",
                         "RoleArn and a RoleSessionName of 2 to 64 characters are required");
    if (const std::string text = value_of(form, "DurationSeconds"); !text.empty()) {
        const auto seconds = parse_number(text);
        if (!seconds || *seconds < 900 || *seconds > 43200)
            return sts_error(400, "ValidationError",
                             "DurationSeconds must be between 900 and 43200");
        wish.seconds = *seconds;
    }
    return wish;
}

/// Who may not assume a role learns nothing of whether it is there.
ApiError not_allowed(const Caller& caller, const Wish& wish, const std::string& action) {
    const std::string who = caller.arn.empty() ? "" : "User: " + caller.arn + " is ";
    return sts_error(403, "AccessDenied",
                     who + (who.empty() ? "Not" : "not") + " authorized to perform: sts:" + action +
                         (who.empty() ? "" : " on resource: " + wish.role_arn));
}

struct Session {
    Key key;
    TrustedRole role;
};

ApiResult<Session> begin(World& world, const Wish& wish, TrustedRole role) {
    if (wish.seconds > role.most_seconds)
        return sts_error(
            400, "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    const Time expires = world.clock.now() + static_cast<std::int64_t>(wish.seconds) * kSecond;
    auto key = world.identities.begin_session(wish.role_arn, wish.session, wish.policy, expires);
    if (!key) return sts_error(400, "MalformedPolicyDocument", key.error().message);
    return Session{*key, std::move(role)};
}

void add_session(XmlWriter& xml, const Session& session, const Wish& wish) {
    const Key& key = session.key;
    const std::string_view secret = as_text(key.secret.reveal());
    xml.open("Credentials").text("AccessKeyId", key.id);
    xml.text("SecretAccessKey", secret);
    xml.text("SessionToken", key.token).text("Expiration", iso_time(*key.expires)).close();
    const std::string partition = wish.role_arn.substr(0, wish.role_arn.find(":iam:"));
    xml.open("AssumedRoleUser")
        .text("AssumedRoleId", "AROA" + session.role.name + ":" + wish.session);
    xml.text("Arn", partition + ":sts::" + session.role.account + ":assumed-role/" +
                        session.role.name + "/" + wish.session)
        .close();
}

ApiResult<Session> assume(World& world, const Caller& caller, const Wish& wish,
                          const std::vector<QueryPair>& form) {
    const auto role = world.identities.find_role(wish.role_arn);
    // A root key may not assume roles on AWS; here it is the only key that a fresh server has.
    if (!role) return not_allowed(caller, wish, "AssumeRole");
    PolicyContext context;
    if (const std::string id = value_of(form, "ExternalId"); !id.empty())
        context["sts:externalid"] = {id};
    context["sts:rolesessionname"] = {wish.session};
    context["aws:principalarn"] = {caller.issuer_arn};
    context["aws:principalaccount"] = {caller.account};
    const bool same_account = caller.account == role->account;
    const PolicyQuestion question{caller, "sts:AssumeRole", "", context, true};
    const Verdict trust = role->trust.evaluate(question);
    if (trust != Verdict::Allow) return not_allowed(caller, wish, "AssumeRole");
    // The account's own policies decide too, unless the trust names this very user.
    const PolicyQuestion exact{caller, "sts:AssumeRole", "", context, false};
    const bool is_named = same_account && role->trust.evaluate(exact) == Verdict::Allow;
    auto allowed =
        authorize(caller, "sts:AssumeRole", wish.role_arn, context, nullptr, caller.account);
    const bool is_denied =
        !allowed && allowed.error().message.find("explicit deny") != std::string::npos;
    if (is_denied || (!is_named && !allowed)) return not_allowed(caller, wish, "AssumeRole");
    return begin(world, wish, *role);
}

ApiResult<Session> assume_by_web(World& world, const Wish& wish,
                                 const std::vector<QueryPair>& form) {
    const auto web = world.identities.find_web_identity(value_of(form, "WebIdentityToken"));
    if (!web)
        return sts_error(400, "InvalidIdentityToken",
                         "Couldn't retrieve verification key from your identity provider, or the "
                         "token is not valid");
    const auto role = world.identities.find_role(wish.role_arn);
    Caller caller;
    caller.is_anonymous = true;
    if (!role) return not_allowed(caller, wish, "AssumeRoleWithWebIdentity");
    caller.federated = "arn:aws:iam::" + role->account + ":oidc-provider/" + web->provider;
    const PolicyContext context = {{lower_case(web->provider) + ":sub", {web->subject}},
                                   {lower_case(web->provider) + ":aud", {web->audience}}};
    const PolicyQuestion question{caller, "sts:AssumeRoleWithWebIdentity", "", context, true};
    if (role->trust.evaluate(question) != Verdict::Allow)
        return not_allowed(caller, wish, "AssumeRoleWithWebIdentity");
    return begin(world, wish, *role);
}

}  // namespace

std::vector<std::string> sts_operations() {
    return {"AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"};
}

bool is_unsigned_sts(const std::string& operation) {
    return operation == "AssumeRoleWithWebIdentity";
}

ApiResult<Answer> handle_sts(World& world, const Caller& caller, const std::vector<QueryPair>& form,
                             const std::string& request_id) {
    const std::string operation = value_of(form, "Action");
    XmlWriter xml(operation + "Response", " xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"");
    xml.open(operation + "Result");
    if (operation == "GetCallerIdentity") {
        xml.text("UserId", caller.user_id).text("Account", caller.account).text("Arn", caller.arn);
    } else {
        const Wish wish = PERDURE_TRY(read_wish(form));
        const bool is_web = operation == "AssumeRoleWithWebIdentity";
        auto session =
            is_web ? assume_by_web(world, wish, form) : assume(world, caller, wish, form);
        const Session begun = PERDURE_TRY(std::move(session));
        add_session(xml, begun, wish);
        if (is_web) {
            const auto web = world.identities.find_web_identity(value_of(form, "WebIdentityToken"));
            xml.text("SubjectFromWebIdentityToken", web->subject)
                .text("Audience", web->audience)
                .text("Provider", web->provider);
        }
    }
    xml.close().open("ResponseMetadata").text("RequestId", request_id);
    Answer answer = xml_answer(std::move(xml));
    answer.set("Content-Type", "text/xml");
    return answer;
}

}  // namespace perdure::cloudsim
