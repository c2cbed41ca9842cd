#include "store/store.h"

#include <cstddef>

namespace perdure {

namespace {

constexpr std::size_t kMaxParts = 8;
constexpr std::size_t kMaxPartLength = 120;

bool is_name_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
}

bool is_part(std::string_view part) {
    if (part.empty() || part.size() > kMaxPartLength || part == "." || part == "..") return false;
    for (const char c : part)
        if (!is_name_character(c)) return false;
    return true;
}

bool is_object_name(std::string_view text) {
    for (std::size_t parts = 1;; ++parts) {
        const auto slash = text.find('/');
        if (parts > kMaxParts || !is_part(text.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        text.remove_prefix(slash + 1);
    }
}

}  // namespace

Result<ObjectName> ObjectName::parse(std::string_view text) {
    if (!is_object_name(text))
        return Error(ErrorKind::InvalidInput,
                     "\"" + std::string(text) + "\" is not a name an object can have");
    return ObjectName(std::string(text));
}

Result<void> Store::put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    auto removed = remove(name, stop);
    if (!removed) return removed;
    return create(name, bytes, std::move(stop));
}

}  // namespace perdure
