// A list of paths or patterns, as --files-from and --exclude-file take it.
#include <sstream>

#include "cli/option_values.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

void read_names(const std::string& bytes) {
    std::istringstream text(bytes);
    const Result<std::vector<std::string>> names = parse_names(text);
    if (!names.has_value()) return;
    std::string joined;
    for (const std::string& name : *names) joined += name + '\0';
    fuzz::expect(joined == bytes || joined == bytes + '\0', "every byte of every path is kept");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes{as_text(fuzz::view(data, size))};
    read_names(bytes);
    std::istringstream text(bytes);
    const Result<std::vector<std::string>> lines = parse_lines(text);
    if (!lines.has_value()) return 0;
    std::string joined;
    for (const std::string& line : *lines) {
        fuzz::expect(!line.empty() && line[0] != '#', "comments and empty lines are left out");
        fuzz::expect(line.find_first_of(std::string_view("\n\0", 2)) == std::string::npos,
                     "a line is one line, and a path");
        joined += line + "\n";
    }
    // A line may end in \r once more than the one that belongs to its end.
    std::istringstream again(joined);
    fuzz::expect(parse_lines(again).value().size() <= lines->size(), "no line comes from nowhere");
    return 0;
}
