#include "cli/json.h"

#include <fmt/core.h>

#include "base/clock.h"

namespace perdure {

namespace {

bool is_utf8(std::string_view bytes) {
    try {
        static_cast<void>(nlohmann::json(std::string(bytes)).dump());
        return true;
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

}  // namespace

void print_json(const char* type, nlohmann::json fields) {
    nlohmann::json line{{"type", type}, {"version", 1}};
    line.update(fields);
    fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void put_bytes(nlohmann::json& fields, const std::string& name, std::string_view bytes) {
    fields[name] = bytes;
    if (!is_utf8(bytes)) fields[name + "_hex"] = to_hex(as_bytes(bytes));
}

void put_verified(nlohmann::json& fields, std::optional<std::int64_t> time_ns) {
    fields["verified"] = time_ns ? nlohmann::json(to_iso8601(Time{*time_ns})) : nlohmann::json();
}

nlohmann::json to_json(const Statistics& s) {
    return {{"entries", s.entries},          {"files", s.files},
            {"directories", s.directories},  {"bytes", s.bytes},
            {"captured", s.captured},        {"unchanged", s.unchanged},
            {"excluded", s.excluded},        {"failed", s.failed},
            {"bytes_read", s.bytes_read},    {"bytes_new", s.bytes_new},
            {"bytes_stored", s.bytes_stored}};
}

nlohmann::json to_json(const Point& point) {
    const PointHeader& h = point.header;
    nlohmann::json json{{"id", short_text(h.session)},
                        {"digest", point.digest.hex()},
                        {"kind", to_string(h.kind)},
                        {"host", h.host},
                        {"started", to_iso8601(Time{h.started_ns})},
                        {"finished", to_iso8601(Time{h.finished_ns})},
                        {"outcome", h.outcome == PointOutcome::Success ? "success" : "partial"},
                        {"issues", h.issues},
                        {"paths", h.sources},
                        {"tags", point.tags},
                        {"protected", point.is_protected},
                        {"program", h.program},
                        {"statistics", to_json(h.statistics)}};
    json["copied"] = nlohmann::json::array();
    for (const SessionDigest& original : h.copied)
        json["copied"].push_back(short_text(original.session));
    json["previous"] =
        h.previous ? nlohmann::json(short_text(h.previous->session)) : nlohmann::json();
    json["expired"] =
        point.expired ? nlohmann::json(to_iso8601(Time{point.expired_ns})) : nlohmann::json();
    if (point.expired) json["expired_reason"] = point.expired_reason;
    return json;
}

}  // namespace perdure
