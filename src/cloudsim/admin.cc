#include "cloudsim/admin.h"

#include <nlohmann/json.hpp>

#include "cloudsim/sts.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

using nlohmann::json;

ApiError invalid(const std::string& what) { return {400, "InvalidInput", what, {}, {}}; }

json to_json(const Settings& s) {
    return {{"secure_transport", s.secure_transport},
            {"ignore_conditions", s.ignore_conditions},
            {"if_match_unquoted_only", s.if_match_unquoted_only},
            {"ignore_checksums", s.ignore_checksums},
            {"restore_seconds", s.restore_seconds}};
}

}  // namespace

Answer Admin::handle(const Request& request, ServerCounts counts) {
    Answer answer;
    answer.set("Content-Type", "application/json");
    ApiResult<json> result = invalid("the values of the document are of the wrong type");
    try {
        result = run(request, counts);
    } catch (const json::exception& thrown) {
        result = invalid(thrown.what());
    }
    if (result) {
        answer.text = result->dump();
    } else {
        answer.status = result.error().status;
        answer.error_code = result.error().code;
        answer.text = json{{"error", result.error().message}, {"code", result.error().code}}.dump();
    }
    return answer;
}

ApiResult<json> Admin::run(const Request& request, ServerCounts counts) {
    const std::string what = request.path.substr(kAdminPrefix.size());
    if (request.method != "GET") return change(what, request);
    if (what == "calls")
        return calls_.to_json(parse_number(request.parameter_or("after")).value_or(0));
    if (what == "connections")
        return json{{"connections", counts.connections}, {"requests", counts.requests}};
    if (what == "faults") return faults_.to_json();
    if (what == "settings")
        return world_.settings.with([](const Settings& s) { return to_json(s); });
    if (what == "operations") return json{{"s3", s3_operations()}, {"sts", sts_operations()}};
    if (what == "clock")
        return json{{"now", iso_time(world_.clock.now())},
                    {"wall", iso_time(world_.clock.wall())},
                    {"advanced_seconds", world_.clock.advanced() / kSecond},
                    {"skew_seconds", world_.clock.skew() / kSecond}};
    return invalid("there is no " + what + " to get");
}

ApiResult<json> Admin::change(const std::string& what, const Request& request) {
    const bool deletes = request.method == "DELETE";
    const json document =
        request.body.empty() ? json::object() : json::parse(as_text(request.body), nullptr, false);
    if (document.is_discarded()) return invalid("the body is no JSON");
    const json done = {{"done", what}};
    if (deletes && what == "calls") {
        calls_.clear();
    } else if (deletes && what == "faults") {
        faults_.clear();
    } else if (deletes && what.starts_with("users/")) {
        world_.identities.remove_user(what.substr(6));
    } else if (deletes && what.starts_with("roles/")) {
        world_.identities.remove_role(what.substr(6));
    } else if (deletes && what == "sessions") {
        world_.identities.expire_sessions(world_.clock.now());
    } else if (deletes) {
        return invalid("there is no " + what + " to delete");
    } else if (what == "faults") {
        std::string id = PERDURE_TRY(faults_.add(document));
        return json{{"id", id}};
    } else if (what == "identities") {
        PERDURE_TRY(world_.identities.set(document));
    } else if (what == "instance") {
        PERDURE_TRY(metadata_.set(document));
    } else if (what == "container") {
        PERDURE_TRY(metadata_.set_container(document));
    } else if (what == "clock") {
        return move_clock(document);
    } else if (what == "settings") {
        return set_settings(document);
    } else if (what == "lifecycle") {
        s3_.run_lifecycle();
    } else {
        return invalid("there is no " + what + " to set");
    }
    return done;
}

ApiResult<json> Admin::move_clock(const json& document) {
    for (const auto& [name, value] : document.items())
        if (name != "advance_seconds" && name != "skew_seconds")
            return invalid("the clock has no " + name);
    if (document.contains("advance_seconds")) {
        const std::int64_t seconds = document["advance_seconds"].get<std::int64_t>();
        if (seconds < 0) return invalid("time does not go back");
        world_.clock.advance(seconds * kSecond);
        (void)world_.files.save("clock.json", {{"advanced", world_.clock.advanced()}}).has_value();
        s3_.run_lifecycle();
    }
    if (document.contains("skew_seconds"))
        world_.clock.set_skew(document["skew_seconds"].get<std::int64_t>() * kSecond);
    return json{{"now", iso_time(world_.clock.now())}, {"wall", iso_time(world_.clock.wall())}};
}

ApiResult<json> Admin::set_settings(const json& document) {
    return world_.settings.with([&](Settings& settings) -> ApiResult<json> {
        for (const auto& [name, value] : document.items())
            if (!to_json(settings).contains(name)) return invalid("there is no setting " + name);
        Settings s = settings;
        s.secure_transport = document.value("secure_transport", s.secure_transport);
        s.ignore_conditions = document.value("ignore_conditions", s.ignore_conditions);
        s.if_match_unquoted_only =
            document.value("if_match_unquoted_only", s.if_match_unquoted_only);
        s.ignore_checksums = document.value("ignore_checksums", s.ignore_checksums);
        const json tiers = document.value("restore_seconds", json::object());
        for (const auto& [tier, seconds] : tiers.items())
            s.restore_seconds[tier] = seconds.get<std::uint64_t>();
        settings = s;
        return to_json(settings);
    });
}

}  // namespace perdure::cloudsim
