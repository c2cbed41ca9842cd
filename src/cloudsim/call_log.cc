#include "cloudsim/call_log.h"

#include <nlohmann/json.hpp>

#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

nlohmann::json to_json(const LoggedCall& call) {
    return {{"number", call.number},
            {"time", iso_time(call.time)},
            {"service", call.service},
            {"operation", call.operation},
            {"bucket", call.bucket},
            {"key", call.key},
            {"region", call.region},
            {"principal", call.principal},
            {"request_id", call.request_id},
            {"status", call.status},
            {"code", call.code},
            {"fault", call.fault},
            {"connection", call.connection},
            {"received", call.received},
            {"sent", call.sent},
            {"applied_twice", call.applied_twice}};
}

}  // namespace

void CallLog::add(LoggedCall call) {
    state_.with([&](State& state) {
        call.number = ++state.count;
        ++state.by_operation[call.service + ":" + call.operation];
        state.calls.push_back(std::move(call));
        if (state.calls.size() <= kMost) return;
        state.calls.pop_front();
        ++state.dropped;
    });
}

nlohmann::json CallLog::to_json(std::uint64_t after) const {
    return state_.with([&](const State& state) {
        nlohmann::json calls = nlohmann::json::array();
        for (const LoggedCall& call : state.calls)
            if (call.number > after) calls.push_back(cloudsim::to_json(call));
        return nlohmann::json{{"calls", calls},
                              {"count", state.count},
                              {"dropped", state.dropped},
                              {"by_operation", state.by_operation},
                              {"unknown", state.unknown}};
    });
}

std::vector<LoggedCall> CallLog::calls() const {
    return state_.with([](const State& state) {
        return std::vector<LoggedCall>(state.calls.begin(), state.calls.end());
    });
}

void CallLog::clear() {
    state_.with([](State& state) { state = State(); });
}

std::vector<std::string> CallLog::unknown() const {
    return state_.with([](const State& state) { return state.unknown; });
}

void CallLog::add_unknown(const std::string& what) {
    state_.with([&](State& state) {
        if (state.unknown.size() < 1000) state.unknown.push_back(what);
    });
}

}  // namespace perdure::cloudsim
