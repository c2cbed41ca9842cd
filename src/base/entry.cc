#include "base/entry.h"

#include <algorithm>

namespace perdure {

namespace {

// '/' sorts below every byte a name may hold (a name has no NUL).
int rank(char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); }

}  // namespace

bool path_less(std::string_view a, std::string_view b) {
    const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (in_b == b.end()) return false;
    if (in_a == a.end()) return true;
    return rank(*in_a) < rank(*in_b);
}

bool is_beneath(std::string_view path, std::string_view directory) {
    if (directory.empty()) return !path.empty();
    return path.size() > directory.size() + 1 && path.starts_with(directory) &&
           path[directory.size()] == '/';
}

bool is_clean_path(std::string_view path) {
    if (path.empty()) return true;
    if (path.find('\0') != std::string_view::npos) return false;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        const auto name = path.substr(start, end - start);
        if (name.empty() || name == "." || name == ".." || name.size() > 255) return false;
        start = end + 1;
    }
    return true;
}

}  // namespace perdure
