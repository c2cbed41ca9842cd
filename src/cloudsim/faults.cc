#include "cloudsim/faults.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

using nlohmann::json;
using Kind = FaultAction::Kind;

const std::map<std::string, Kind>& kinds() {
    static const std::map<std::string, Kind> all = {{"status", Kind::Status},
                                                    {"status-after", Kind::StatusAfter},
                                                    {"drop", Kind::Drop},
                                                    {"lose", Kind::Lose},
                                                    {"stall", Kind::Stall},
                                                    {"stall-after", Kind::StallAfter},
                                                    {"twice", Kind::Twice},
                                                    {"twice-first", Kind::TwiceFirst},
                                                    {"cut-head", Kind::CutHead},
                                                    {"cut-body", Kind::CutBody},
                                                    {"corrupt-body", Kind::CorruptBody},
                                                    {"wrong-checksum", Kind::WrongChecksum},
                                                    {"error-in-body", Kind::ErrorInBody},
                                                    {"delay", Kind::Delay}};
    return all;
}

ApiError invalid(const std::string& what) { return {400, "InvalidInput", what, {}, {}}; }

/// Names that a rule may hold: a misspelt one would be a fault that never comes.
constexpr std::string_view kNames[] = {
    "fault",     "status",          "code",           "message", "retry_after",
    "bytes",     "delay_before_ms", "delay_after_ms", "drip_ms", "service",
    "operation", "bucket",          "key_prefix",     "key",     "access_key",
    "skip",      "times",           "probability",    "seed",    "rate",
    "burst"};

/// A slice of the body read into text, with one bit changed.
void corrupt(Answer& answer) {
    if (!answer.slices.empty()) {
        const BodySlice& slice = answer.slices.front();
        Buffer bytes(slice.length);
        if (!slice.blob->read(slice.offset, bytes) || bytes.empty()) return;
        answer.text.append(as_text(bytes));
        answer.slices.erase(answer.slices.begin());
    }
    if (!answer.text.empty()) answer.text[answer.text.size() / 2] ^= 1;
}

void falsify_checksum(Answer& answer) {
    for (HttpHeader& header : answer.headers)
        if (header.name.starts_with("x-amz-checksum-") && header.name != "x-amz-checksum-type")
            header.value[0] = header.value[0] == 'A' ? 'B' : 'A';
}

void put_error_into_body(const FaultAction& fault, Answer& answer) {
    XmlWriter xml("Error");
    xml.text("Code", fault.code).text("Message", fault.message);
    answer.status = 200;
    answer.slices.clear();
    const std::string text = xml.take();
    // The declaration is sent at once, white space while the work goes on, the error at its end.
    const std::size_t line = text.find('\n') + 1;
    answer.text = text.substr(0, line) + "   \n   \n" + text.substr(line);
    answer.set("Content-Type", "application/xml");
    answer.error_code = fault.code;
}

}  // namespace

ApiResult<std::string> FaultPlan::add(const json& value) {
    if (!value.is_object()) return invalid("a fault is a JSON object");
    for (const auto& [name, content] : value.items())
        if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
            return invalid("a fault has no '" + name + "'");
    const auto kind = kinds().find(value.value("fault", ""));
    if (kind == kinds().end())
        return invalid("fault '" + value.value("fault", "") + "' is not known");
    Rule rule;
    rule.action.kind = kind->second;
    rule.action.status = value.value("status", 503);
    rule.action.code = value.value("code", "SlowDown");
    rule.action.message = value.value("message", "A fault that was asked for.");
    if (value.contains("retry_after"))
        rule.action.retry_after_seconds = value.value("retry_after", std::uint64_t{0});
    rule.action.bytes = value.value("bytes", std::uint64_t{0});
    rule.action.delay_before_ms = value.value("delay_before_ms", std::uint64_t{0});
    rule.action.delay_after_ms = value.value("delay_after_ms", std::uint64_t{0});
    rule.action.drip_ms = value.value("drip_ms", std::uint64_t{0});
    rule.service = value.value("service", "");
    rule.operation = value.value("operation", "");
    rule.bucket = value.value("bucket", "");
    rule.key_prefix = value.value("key_prefix", "");
    rule.key = value.value("key", "");
    rule.access_key = value.value("access_key", "");
    rule.skip = value.value("skip", std::uint64_t{0});
    if (value.contains("times")) rule.times = value.value("times", std::uint64_t{0});
    rule.probability = value.value("probability", 1.0);
    rule.random = SeededRandom(value.value("seed", std::uint64_t{0}));
    rule.rate = value.value("rate", 0.0);
    rule.burst = rule.tokens = value.value("burst", std::max(1.0, rule.rate));
    return state_.with([&](State& state) {
        rule.action.id = "fault-" + std::to_string(++state.count);
        state.rules.push_back(rule);
        return rule.action.id;
    });
}

void FaultPlan::clear() {
    state_.with([](State& state) { state.rules.clear(); });
}

json FaultPlan::to_json() const {
    return state_.with([](const State& state) {
        json rules = json::array();
        for (const Rule& rule : state.rules)
            rules.push_back(
                {{"id", rule.action.id}, {"matched", rule.matched}, {"hits", rule.hits}});
        return rules;
    });
}

bool FaultPlan::matches(const Rule& rule, const FaultTarget& target) {
    const auto fits = [](const std::string& wanted, const std::string& actual) {
        return wanted.empty() || wanted == actual;
    };
    return fits(rule.service, target.service) && fits(rule.operation, target.operation) &&
           fits(rule.bucket, target.bucket) && fits(rule.key, target.key) &&
           fits(rule.access_key, target.access_key) && target.key.starts_with(rule.key_prefix);
}

bool FaultPlan::passes_rate(Rule& rule, std::uint64_t now) {
    if (rule.rate <= 0) return false;
    if (rule.filled_at == 0) rule.filled_at = now;
    rule.tokens = std::min(
        rule.burst, rule.tokens + rule.rate * static_cast<double>(now - rule.filled_at) / 1e9);
    rule.filled_at = now;
    if (rule.tokens < 1) return false;
    rule.tokens -= 1;
    return true;
}

std::optional<FaultAction> FaultPlan::take(const FaultTarget& target, std::uint64_t now) {
    return state_.with([&](State& state) -> std::optional<FaultAction> {
        for (Rule& rule : state.rules) {
            if (!matches(rule, target)) continue;
            if (rule.times && rule.hits >= *rule.times) continue;
            if (++rule.matched <= rule.skip || passes_rate(rule, now)) continue;
            constexpr std::uint64_t kParts = 1u << 30;
            if (rule.probability < 1 && static_cast<double>(rule.random.below(kParts)) >=
                                            rule.probability * static_cast<double>(kParts))
                continue;
            ++rule.hits;
            return rule.action;
        }
        return std::nullopt;
    });
}

void spoil(const FaultAction& fault, Delivered& delivered) {
    Delivery& how = delivered.delivery;
    how.delay_ms = fault.delay_after_ms;
    how.drip_ms = fault.drip_ms;
    switch (fault.kind) {
        case Kind::Drop:
        case Kind::Lose: how.lost = true; break;
        case Kind::Stall:
        case Kind::StallAfter: how.stalled = true; break;
        case Kind::CutHead: how.cut_head_after = fault.bytes; break;
        case Kind::CutBody: how.cut_body_after = fault.bytes; break;
        case Kind::CorruptBody: corrupt(delivered.answer); break;
        case Kind::WrongChecksum: falsify_checksum(delivered.answer); break;
        case Kind::ErrorInBody: put_error_into_body(fault, delivered.answer); break;
        default: break;
    }
}

}  // namespace perdure::cloudsim
