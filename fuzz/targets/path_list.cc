// A list of paths or patterns, as --files-from and --exclude-file take it.
#include <sstream>

#include "cli/option_values.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::istringstream text{std::string(as_text(fuzz::view(data, size)))};
    const std::vector<std::string> lines = parse_lines(text);
    std::string joined;
    for (const std::string& line : lines) {
        fuzz::expect(!line.empty() && line[0] != '#', "comments and empty lines are left out");
        fuzz::expect(line.find('\n') == std::string::npos, "a line is one line");
        joined += line + "\n";
    }
    // A line may end in \r once more than the one that belongs to its end.
    std::istringstream again(joined);
    fuzz::expect(parse_lines(again).size() <= lines.size(), "no line comes from nowhere");
    return 0;
}
