#include "cli/option_values.h"

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
