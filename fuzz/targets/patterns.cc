// Patterns of what to leave out: a line of path, then patterns, one a line.
#include "source/files/patterns.h"
#include "base/entry.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::size_t kMostPatterns = 64;

std::string escaped(std::string_view path) {
    std::string pattern;
    for (const char c : path) {
        if (c != '/') pattern += '\\';
        pattern += c;
    }
    return pattern;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::string path = "/" + std::string(input.line());
    const auto literal = Patterns::parse({escaped(path)});
    if (path.find_first_not_of('/') != std::string::npos && is_clean_path(path.substr(1)))
        fuzz::expect(literal && literal->exclude(path), "an escaped path matches itself");
    std::vector<std::string> lines;
    while (!input.empty() && lines.size() < kMostPatterns) lines.emplace_back(input.line());
    const auto patterns = Patterns::parse(lines);
    if (!patterns) {
        fuzz::expect_blames_input(patterns.error());
        return 0;
    }
    const bool excluded = patterns->exclude(path);
    if (lines.empty()) fuzz::expect(!excluded, "no pattern leaves nothing out");
    lines.push_back("/**");
    fuzz::expect(
        Patterns::parse(lines)->exclude(path) == (path.find_first_not_of('/') != std::string::npos),
        "the last pattern that matches decides");
    return 0;
}
