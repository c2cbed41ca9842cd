#include "repo/names.h"

#include "base/check.h"
#include "base/hex.h"

namespace perdure {

namespace {

constexpr int kWriterDigits = 8;
constexpr int kSessionDigits = 16;
constexpr int kEpochDigits = 8;
constexpr int kListDigits = 16;
constexpr int kFateDigits = 8;

ObjectName must(std::string text) {
    auto name = ObjectName::parse(text);
    PERDURE_CHECK(name.has_value());
    return std::move(name).value();
}

std::string hex_of(WriterNumber w) { return to_hex(number(w), kWriterDigits); }
std::string hex_of(SessionNumber n) { return to_hex(number(n), kSessionDigits); }
std::string session_path(SessionName s) { return hex_of(s.writer) + "/" + hex_of(s.session); }

/// Removes `prefix` from `text` if it is there.
bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::optional<std::uint64_t> take_number(std::string_view& text, int digits) {
    const auto width = static_cast<std::size_t>(digits);
    if (text.size() < width) return std::nullopt;
    const auto value = number_from_hex(text.substr(0, width), digits);
    if (value) text.remove_prefix(width);
    return value;
}

std::optional<SessionName> take_session(std::string_view& text, std::string_view separator) {
    const auto w = take_number(text, kWriterDigits);
    if (!w || !take(text, separator)) return std::nullopt;
    const auto n = take_number(text, kSessionDigits);
    if (!n) return std::nullopt;
    return SessionName{WriterNumber{static_cast<std::uint32_t>(*w)}, SessionNumber{*n}};
}

std::optional<SessionName> parse_session_name(std::string_view name, std::string_view prefix) {
    if (!take(name, prefix)) return std::nullopt;
    const auto session = take_session(name, "/");
    return session && name.empty() ? session : std::nullopt;
}

}  // namespace

namespace names {

ObjectName config() { return must("perdure"); }
ObjectName epoch(EpochNumber e) { return must("epochs/" + to_hex(number(e), kEpochDigits)); }
ObjectName key_slot(const SlotId& id) { return must("keys/" + id.hex()); }
ObjectName enrolment(WriterNumber w) { return must("writers/" + hex_of(w)); }
ObjectName log_entry(SessionName s) { return must("log/" + session_path(s)); }
ObjectName point(SessionName s) { return must("points/" + session_path(s)); }
ObjectName index(SessionName s) { return must("index/" + session_path(s)); }
ObjectName hints(SessionName s) { return must("hints/" + session_path(s)); }

ObjectName pack(std::string_view retention_class, PackKind kind, SessionName s, const PackId& id) {
    const std::string hex = id.hex();
    return must("packs/" + std::string(retention_class) + (kind == PackKind::Data ? "/d/" : "/m/") +
                hex.substr(0, 2) + "/" + hex_of(s.writer) + "-" + hex_of(s.session) + "-" + hex);
}

ObjectName condemned_list(std::uint64_t k) { return must("gc/" + to_hex(k, kListDigits)); }
ObjectName verdict(std::uint64_t k) { return must("gc/" + to_hex(k, kListDigits) + ".verdict"); }
ObjectName fate(SessionName s, std::uint32_t i) {
    return must(fate_prefix(s) + to_hex(i, kFateDigits));
}

ObjectName closed(SessionName s) { return must("closed/" + session_path(s)); }
ObjectName merged(std::uint64_t m) { return must("merged/" + to_hex(m, kListDigits)); }
ObjectName ledger(std::uint64_t n) { return must("ledger/" + to_hex(n, kListDigits)); }
ObjectName aside(const PackId& drawn) { return must("aside/" + drawn.hex()); }
ObjectName proof_of(const ObjectName& original) { return must("imports/" + original.text()); }

std::string log_prefix(WriterNumber w) { return "log/" + hex_of(w) + "/"; }
std::string points_prefix(WriterNumber w) { return "points/" + hex_of(w) + "/"; }
std::string closed_prefix(WriterNumber w) { return "closed/" + hex_of(w) + "/"; }
std::string fate_prefix(SessionName s) { return "fate/" + session_path(s) + "/"; }

std::optional<EpochNumber> parse_epoch(std::string_view name) {
    if (!take(name, "epochs/")) return std::nullopt;
    const auto e = number_from_hex(name, kEpochDigits);
    if (!e) return std::nullopt;
    return EpochNumber{static_cast<std::uint32_t>(*e)};
}

std::optional<SlotId> parse_key_slot(std::string_view name) {
    return take(name, "keys/") ? SlotId::from_hex(name) : std::nullopt;
}

std::optional<WriterNumber> parse_enrolment(std::string_view name) {
    if (!take(name, "writers/")) return std::nullopt;
    const auto w = number_from_hex(name, kWriterDigits);
    if (!w) return std::nullopt;
    return WriterNumber{static_cast<std::uint32_t>(*w)};
}

std::optional<SessionName> parse_log_entry(std::string_view name) {
    return parse_session_name(name, "log/");
}
std::optional<SessionName> parse_point(std::string_view name) {
    return parse_session_name(name, "points/");
}
std::optional<SessionName> parse_index(std::string_view name) {
    return parse_session_name(name, "index/");
}
std::optional<SessionName> parse_hints(std::string_view name) {
    return parse_session_name(name, "hints/");
}

std::optional<std::uint64_t> parse_collection(std::string_view name) {
    constexpr std::string_view kVerdict = ".verdict";
    if (!take(name, "gc/")) return std::nullopt;
    if (name.ends_with(kVerdict)) name.remove_suffix(kVerdict.size());
    return number_from_hex(name, kListDigits);
}

std::optional<std::uint64_t> parse_ledger(std::string_view name) {
    return take(name, "ledger/") ? number_from_hex(name, kListDigits) : std::nullopt;
}

std::optional<SessionName> parse_closed(std::string_view name) {
    return parse_session_name(name, "closed/");
}
std::optional<std::uint64_t> parse_merged(std::string_view name) {
    return take(name, "merged/") ? number_from_hex(name, kListDigits) : std::nullopt;
}

std::optional<FateName> parse_fate(std::string_view name) {
    if (!take(name, "fate/")) return std::nullopt;
    const auto session = take_session(name, "/");
    if (!session || !take(name, "/")) return std::nullopt;
    const auto i = number_from_hex(name, kFateDigits);
    if (!i) return std::nullopt;
    return FateName{*session, static_cast<std::uint32_t>(*i)};
}

std::optional<PackName> parse_pack(std::string_view name) {
    if (!take(name, "packs/")) return std::nullopt;
    const auto slash = name.find('/');
    if (slash == std::string_view::npos || slash == 0) return std::nullopt;
    PackName parsed{std::string(name.substr(0, slash)), PackKind::Data, {}};
    name.remove_prefix(slash);
    if (take(name, "/m/"))
        parsed.kind = PackKind::Metadata;
    else if (!take(name, "/d/"))
        return std::nullopt;
    const auto fan_out = take_number(name, 2);
    if (!fan_out || !take(name, "/")) return std::nullopt;
    const auto session = take_session(name, "-");
    if (!session || !take(name, "-")) return std::nullopt;
    const auto id = PackId::from_hex(name);
    if (!id || std::to_integer<std::uint64_t>(id->view()[0]) != *fan_out) return std::nullopt;
    parsed.pack = BirthPack{*session, *id};
    return parsed;
}

}  // namespace names

std::string short_text(SessionName s) {
    const auto trim = [](std::string text) {
        const auto first = text.find_first_not_of('0');
        return first == std::string::npos ? std::string("0") : text.substr(first);
    };
    return trim(hex_of(s.writer)) + "-" + trim(hex_of(s.session));
}

}  // namespace perdure
