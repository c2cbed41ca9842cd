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

std::vector<std::string> parse_lines(std::istream& in) {
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        if (line.ends_with('\r')) line.pop_back();
        if (!line.empty() && line[0] != '#') lines.push_back(line);
    }
    return lines;
}

}  // namespace perdure
