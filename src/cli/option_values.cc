#include "cli/option_values.h"

#include <cctype>
#include <cmath>
#include <utility>

namespace perdure {

namespace {

/// The number `text` begins with, and what follows it without spaces between; NaN if there is none.
std::pair<double, std::string> take_number(const std::string& text) {
    std::size_t used = 0;
    double number = std::nan("");
    try {
        number = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    while (used < text.size() && text[used] == ' ') ++used;
    return {number, text.substr(used)};
}

}  // namespace

Result<double> parse_share(const std::string& text) {
    const auto [percent, unit] = take_number(text);
    if (unit != "%" || !(percent >= 0) || percent > 100)
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no share")
            .with_hint("write it as 80%");
    return percent / 100;
}

Result<std::uint64_t> parse_size(const std::string& text) {
    constexpr std::string_view kUnits = "kmgt";
    const auto [number, unit] = take_number(text);
    double bytes = number;
    bool good = number >= 0 && std::isfinite(number);
    if (!unit.empty() && unit != "B") {
        const auto at = kUnits.find(static_cast<char>(std::tolower(unit[0])));
        const std::string rest = unit.substr(1);
        good = good && at != std::string_view::npos && (rest.empty() || rest == "iB");
        if (good) bytes = std::ldexp(number, static_cast<int>(10 * (at + 1)));
    }
    if (!good || bytes >= 9.2e18)
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no size")
            .with_hint("write it as 500M, 10G or 1T");
    return static_cast<std::uint64_t>(bytes);
}

Result<std::int64_t> parse_period(const std::string& text) {
    const auto [number, unit] = take_number(text);
    double seconds = -1;
    if (unit == "s" || (unit.empty() && number == 0)) seconds = number;
    if (unit == "m") seconds = 60 * number;
    if (unit == "h") seconds = 3600 * number;
    if (unit == "d") seconds = 86400 * number;
    if (unit == "w") seconds = 7 * 86400 * number;
    if (!(seconds >= 0) || seconds > 9e9)
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no length of time")
            .with_hint("write it as 90m, 24h or 7d");
    return static_cast<std::int64_t>(seconds * 1e9);
}

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

Result<std::vector<std::string>> parse_lines(std::istream& in) {
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (line.find('\0') != std::string::npos)
            return Error(ErrorKind::InvalidInput, "a line holds a NUL character")
                .with_hint(
                    "write one path or pattern a line; --files-from-raw takes paths with a NUL "
                    "after each");
        if (!line.empty() && line[0] != '#') lines.push_back(line);
    }
    if (in.bad()) return Error(ErrorKind::Io, "reading failed");
    return lines;
}

Result<std::vector<std::string>> parse_names(std::istream& in) {
    std::vector<std::string> names;
    for (std::string name; std::getline(in, name, '\0');) {
        if (name.empty())
            return Error(ErrorKind::InvalidInput,
                         "path " + std::to_string(names.size() + 1) + " is empty")
                .with_hint("write a NUL after each path, as find -print0 does");
        names.push_back(name);
    }
    if (in.bad()) return Error(ErrorKind::Io, "reading failed");
    return names;
}

}  // namespace perdure
