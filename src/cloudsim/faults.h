// Faults that a test asks for: on which calls, how often, and what goes wrong.
//
// The first rule that matches a call, and is not used up, is the one that acts. What is drawn is
// drawn from the rule's seed, so a run repeats. Thread-safe.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/random.h"
#include "cloudsim/api_result.h"
#include "cloudsim/message.h"

namespace perdure::cloudsim {

struct FaultAction {
    enum class Kind {
        Status,         // an error in place of the call
        StatusAfter,    // the call takes effect, the answer is an error
        Drop,           // the connection closes, nothing took effect
        Lose,           // the call takes effect, the connection closes without an answer
        Stall,          // nothing took effect, nothing is ever answered
        StallAfter,     // the call takes effect, nothing is ever answered
        Twice,          // applied twice; the second answer is sent
        TwiceFirst,     // applied twice; the first answer is sent
        CutHead,        // after `bytes` of the head of the answer
        CutBody,        // after `bytes` of its body
        CorruptBody,    // one bit of the body differs, its checksum headers do not
        WrongChecksum,  // the checksum header differs, the body does not
        ErrorInBody,    // 200, white space, then an error: what CompleteMultipartUpload may answer
        Delay           // nothing else
    };
    Kind kind = Kind::Delay;
    int status = 503;
    std::string code = "SlowDown", message = "Please reduce your request rate.";
    std::optional<std::uint64_t> retry_after_seconds;
    std::uint64_t bytes = 0;
    std::uint64_t delay_before_ms = 0, delay_after_ms = 0, drip_ms = 0;
    std::string id;

    bool is_before() const {
        return kind == Kind::Status || kind == Kind::Drop || kind == Kind::Stall;
    }
    bool is_twice() const { return kind == Kind::Twice || kind == Kind::TwiceFirst; }
};

struct FaultTarget {
    std::string service, operation, bucket, key, access_key;
};

class FaultPlan {
public:
    /// One rule of the admin API (docs/cloudsim.md); its id.
    ApiResult<std::string> add(const nlohmann::json& rule);
    void clear();
    nlohmann::json to_json() const;
    /// The fault of this call. Counts it.
    std::optional<FaultAction> take(const FaultTarget& target, std::uint64_t monotonic_ns);

private:
    struct Rule {
        FaultAction action;
        std::string service, operation, bucket, key_prefix, key, access_key;
        std::uint64_t skip = 0, matched = 0, hits = 0;
        std::optional<std::uint64_t> times;
        double probability = 1;
        SeededRandom random{0};
        double rate = 0, burst = 0;  // calls a second that pass: only what is above meets the fault
        double tokens = 0;
        std::uint64_t filled_at = 0;
    };
    struct State {
        std::vector<Rule> rules;
        std::uint64_t count = 0;
    };
    static bool matches(const Rule& rule, const FaultTarget& target);
    static bool passes_rate(Rule& rule, std::uint64_t now);

    Guarded<State> state_;
};

/// What the fault makes of an answer that was given.
void spoil(const FaultAction& fault, Delivered& delivered);

}  // namespace perdure::cloudsim
