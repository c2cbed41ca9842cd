// What was asked, for the assertions of tests: each request with its operation, who asked, and how
// it was answered. Bounded: the oldest calls go, and their number is told. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"

namespace perdure::cloudsim {

struct LoggedCall {
    std::uint64_t number = 0;
    Time time;
    std::string service, operation, bucket, key, region, principal, request_id, code, fault;
    int status = 0;
    std::uint64_t connection = 0, received = 0, sent = 0;
    bool applied_twice = false;
};

class CallLog {
public:
    void add(LoggedCall call);
    nlohmann::json to_json(std::uint64_t after) const;
    std::vector<LoggedCall> calls() const;
    void clear();
    /// Requests for operations that are not there. A test that made one has failed.
    std::vector<std::string> unknown() const;
    void add_unknown(const std::string& what);

private:
    static constexpr std::size_t kMost = 100'000;
    struct State {
        std::deque<LoggedCall> calls;
        std::uint64_t count = 0, dropped = 0;
        std::map<std::string, std::uint64_t> by_operation;
        std::vector<std::string> unknown;
    };
    Guarded<State> state_;
};

}  // namespace perdure::cloudsim
