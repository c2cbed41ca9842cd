#include "cli/option_values.h"

#include <map>
#include <optional>

namespace perdure {

Result<double> parse_subset(const std::string& text) {
    if (text.empty()) return 1.0;
    std::size_t used = 0;
    double percent = -1;
    try {
        percent = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    if (used == 0 || text.substr(used) != "%" || !(percent > 0) || percent > 100)
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no share of the packs")
            .with_hint("write it as --subset 5%");
    return percent / 100;
}

namespace {

/// A whole number and the word behind it; nothing if there is no number.
std::optional<std::pair<std::uint64_t, std::string>> split_number(const std::string& text) {
    std::uint64_t value = 0;
    std::size_t at = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
        if (value > 100'000'000'000'000'000) return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(text[at] - '0');
    }
    if (at == 0) return std::nullopt;
    return std::pair(value, text.substr(at));
}

}  // namespace

Result<std::int64_t> parse_age(const std::string& text) {
    static const std::map<std::string, std::uint64_t> kSeconds{
        {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}, {"y", 365 * 86400}};
    const auto parts = split_number(text);
    const auto unit = parts ? kSeconds.find(parts->second) : kSeconds.end();
    if (unit == kSeconds.end() || parts->first > 9'000'000'000 / unit->second)
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no length of time")
            .with_hint("write it as in 30d, 12h or 2w");
    return static_cast<std::int64_t>(parts->first * unit->second) * 1'000'000'000;
}

Result<std::uint64_t> parse_size(const std::string& text) {
    static const std::string kUnits = "KMGTPE";
    const auto refuse = [&] {
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no size")
            .with_hint("write it as in 10G or 512M");
    };
    const auto parts = split_number(text);
    if (!parts) return refuse();
    const std::string& unit = parts->second;
    if (unit.empty() || unit == "B") return parts->first;
    const auto power = kUnits.find(static_cast<char>(unit[0] & ~0x20));
    const std::string rest = unit.substr(1);
    if (power == std::string::npos || !(rest.empty() || rest == "B" || rest == "iB"))
        return refuse();
    const auto shift = static_cast<unsigned>(10 * (power + 1));
    if (parts->first > ~std::uint64_t{0} >> shift) return refuse();
    return parts->first << shift;
}

std::vector<std::string> parse_lines(std::istream& in) {
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty() && line[0] != '#') lines.push_back(line);
    }
    return lines;
}

}  // namespace perdure
