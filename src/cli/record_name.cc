#include "cli/record_name.h"

#include <charconv>

#include "base/try.h"

namespace perdure {

namespace {

template <class T>
std::optional<T> parse_number(std::string_view text, int base) {
    T value{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || failed != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// "w-n" as points are named, both in hex.
std::optional<SessionName> parse_session(std::string_view text) {
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto writer = parse_number<std::uint32_t>(text.substr(0, dash), 16);
    const auto session = parse_number<std::uint64_t>(text.substr(dash + 1), 16);
    if (!writer || !session) return std::nullopt;
    return SessionName{WriterNumber{*writer}, SessionNumber{*session}};
}

}  // namespace

Error not_one(const std::string& name, const char* form) {
    return Error(ErrorKind::InvalidInput, "\"" + name + "\" is not of the form " + form)
        .with_hint("see `perdure help cat`");
}

std::optional<std::uint32_t> decimal_of(std::string_view text) {
    return parse_number<std::uint32_t>(text, 10);
}

Result<SessionName> session_of(const std::string& name) {
    const auto session = parse_session(name);
    if (!session) return not_one(name, "WRITER-NUMBER, as `perdure list` shows it");
    return *session;
}

Result<BirthPack> pack_of(std::string_view text) {
    const auto slash = text.find('/');
    const auto session = parse_session(text.substr(0, slash));
    const auto pack =
        slash == std::string_view::npos ? std::nullopt : PackId::from_hex(text.substr(slash + 1));
    if (!session || !pack) return not_one(std::string(text), "WRITER-NUMBER/PACK");
    return BirthPack{*session, *pack};
}

Result<BirthAddress> address_of(std::string_view text) {
    const auto slash = text.rfind('/');
    const auto slot =
        slash == std::string_view::npos ? std::nullopt : decimal_of(text.substr(slash + 1));
    if (!slot) return not_one(std::string(text), "WRITER-NUMBER/PACK/SLOT");
    const BirthPack pack = PERDURE_TRY(pack_of(text.substr(0, slash)));
    return BirthAddress{pack, *slot};
}

}  // namespace perdure
