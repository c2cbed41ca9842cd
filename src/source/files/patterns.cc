#include "source/files/patterns.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/try.h"

namespace perdure {

namespace {

struct Character {
    std::uint32_t value = 0;
    std::size_t length = 0;
};

// Values of stray bytes lie above Unicode, so that they equal no character.
constexpr std::uint32_t kStrayByte = 0x110000;

// The first character of `text`, which is not empty.
Character decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xc2 && first < 0xe0 ? 2
                                                               : 1;
    if (length == 1 || text.size() < length) return {kStrayByte + first, 1};
    std::uint32_t value = first & (0xffu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {kStrayByte + first, 1};
        value = (value << 6) | (byte(i) & 0x3f);
    }
    return {value, length};
}

// A set "[...]" read from the front of a pattern.
struct Set {
    bool contains = false;
    std::size_t length = 0;  // of its text
};

// Nothing if the set does not end.
std::optional<Set> read_set(std::string_view pattern, std::uint32_t wanted) {
    std::size_t at = 1;
    const bool negated = at < pattern.size() && (pattern[at] == '^' || pattern[at] == '!');
    if (negated) ++at;
    bool found = false;
    const auto take = [&]() -> std::optional<std::uint32_t> {
        if (at < pattern.size() && pattern[at] == '\\') ++at;
        if (at >= pattern.size()) return std::nullopt;
        const Character c = decode(pattern.substr(at));
        at += c.length;
        return c.value;
    };
    for (bool first = true;; first = false) {
        if (at >= pattern.size()) return std::nullopt;
        if (pattern[at] == ']' && !first) return Set{found != negated, at + 1};
        const auto low = take();
        if (!low) return std::nullopt;
        auto high = low;
        if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
            ++at;
            high = take();
            if (!high) return std::nullopt;
        }
        found = found || (*low <= wanted && wanted <= *high);
    }
}

// How much of `pattern` and `name` one step of matching consumes; nothing if they differ. The
// pattern is well-formed, does not begin with '*', and neither is empty.
struct Step {
    std::size_t of_pattern = 0;
    std::size_t of_name = 0;
};
std::optional<Step> match_one(std::string_view pattern, std::string_view name) {
    if (pattern[0] == '?') return Step{1, decode(name).length};
    if (pattern[0] == '[') {
        const Character c = decode(name);
        const auto set = read_set(pattern, c.value);
        if (!set || !set->contains) return std::nullopt;
        return Step{set->length, c.length};
    }
    const std::size_t escape = pattern[0] == '\\' ? 1 : 0;
    if (pattern[escape] != name[0]) return std::nullopt;
    return Step{escape + 1, 1};
}

// Only the last '*' is ever retried, since an earlier one could gain nothing: O(pattern x name).
bool match_glob(std::string_view pattern, std::string_view name) {
    std::size_t p = 0;
    std::size_t n = 0;
    std::optional<std::size_t> star;  // the pattern after the last '*'
    std::size_t retry = 0;            // where the name goes on after what that '*' took
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = ++p;
            retry = n;
            continue;
        }
        if (p < pattern.size()) {
            if (const auto step = match_one(pattern.substr(p), name.substr(n))) {
                p += step->of_pattern;
                n += step->of_name;
                continue;
            }
        }
        if (!star) return false;
        retry += decode(name.substr(retry)).length;
        p = *star;
        n = retry;
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

template <class F>
void for_each_component(std::string_view path, F&& f) {
    for (std::size_t start = 0; start < path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        if (end > start) f(path.substr(start, end - start));
        start = end + 1;
    }
}

}  // namespace

Result<Patterns> Patterns::parse(const std::vector<std::string>& patterns) {
    Patterns parsed;
    for (const auto& text : patterns)
        parsed.patterns_.push_back(
            PERDURE_TRY(parse_one(text).context("exclude pattern \"" + text + "\"")));
    return parsed;
}

Result<Patterns::Pattern> Patterns::parse_one(std::string_view text) {
    Pattern pattern;
    if (text.starts_with('!')) {
        pattern.negated = true;
        text.remove_prefix(1);
    }
    if (text.empty()) return Error(ErrorKind::InvalidInput, "is empty");
    if (!text.starts_with('/')) pattern.components.push_back({"**", false, true});
    std::optional<Error> error;
    for_each_component(text, [&](std::string_view name) {
        if (name == "." || error) return;
        auto component = parse_component(name);
        if (!component) {
            error = std::move(component).error();
            return;
        }
        // "**/**" is "**": one is enough, and the matcher may then count on it.
        if (component->any && !pattern.components.empty() && pattern.components.back().any) return;
        pattern.components.push_back(*std::move(component));
    });
    if (error) return *std::move(error);
    if (pattern.components.empty() || (!text.starts_with('/') && pattern.components.size() == 1 &&
                                       text.find("**") == std::string_view::npos))
        return Error(ErrorKind::InvalidInput, "names nothing below a root");
    return pattern;
}

Result<Patterns::Component> Patterns::parse_component(std::string_view text) {
    if (text == "**") return Component{"**", false, true};
    if (text == "..") return Error(ErrorKind::InvalidInput, "\"..\" cannot match");
    Component component{std::string(text), true, false};
    std::string literal;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t length = 1;
        if (text[at] == '\\') {
            if (at + 1 == text.size()) return Error(ErrorKind::InvalidInput, "ends in a single \\");
            literal += text[at + 1];
            length = 2;
        } else if (text[at] == '[') {
            const auto set = read_set(text.substr(at), 0);
            if (!set) return Error(ErrorKind::InvalidInput, "has a [ without its ]");
            length = set->length;
            component.literal = false;
        } else if (text[at] == '*' || text[at] == '?') {
            component.literal = false;
        } else {
            literal += text[at];
        }
        at += length;
    }
    if (component.literal) component.text = std::move(literal);
    return component;
}

bool Patterns::matches(const Component& component, std::string_view name) {
    return component.any ||
           (component.literal ? component.text == name : match_glob(component.text, name));
}

// As match_glob, with components for characters and "**" for '*'.
bool Patterns::matches(const Pattern& pattern, const std::vector<std::string_view>& names) {
    const auto& components = pattern.components;
    std::size_t c = 0;
    std::size_t n = 0;
    std::optional<std::size_t> star;
    std::size_t retry = 0;
    while (n < names.size()) {
        if (c < components.size() && components[c].any) {
            star = ++c;
            retry = n;
        } else if (c < components.size() && matches(components[c], names[n])) {
            ++c;
            ++n;
        } else if (star) {
            c = *star;
            n = ++retry;
        } else {
            return false;
        }
    }
    while (c < components.size() && components[c].any) ++c;
    return c == components.size();
}

bool Patterns::exclude(std::string_view path) const {
    if (path.find_first_not_of('/') == std::string_view::npos) return false;
    const std::string_view last = path.substr(path.rfind('/') + 1);
    std::vector<std::string_view> names;
    for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
        // Nearly every entry fails here, before anything is taken apart.
        if (!matches(pattern->components.back(), last)) continue;
        if (names.empty())
            for_each_component(path, [&](std::string_view name) { names.push_back(name); });
        if (matches(*pattern, names)) return !pattern->negated;
    }
    return false;
}

}  // namespace perdure
