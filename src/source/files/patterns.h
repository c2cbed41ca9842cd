// The patterns of --exclude: gitignore-like, with restic's meaning where the two differ.
//
// A pattern is matched against the absolute path of an entry: the root as it was given (made
// absolute and cleaned of "." and "..", links not resolved), '/', the path within the root. All
// comparing is of bytes and case-sensitive.
//
//   /a/b      begins with '/': matches that path and no other.
//   a/b       anything else matches at every depth: wherever the last components are "a", "b".
//   *         any run of characters within a component, also none, also a leading dot.
//   ?         one character. A character is a UTF-8 sequence, or a byte that is not part of one.
//   [a-c_]    one character of the set; [^...] and [!...] one that is not. ']' first is itself.
//   \x        x itself.
//   **        as a whole component: any number of components, also none; so "a/**" matches "a" too.
//             Within a component it is the same as *.
//   a/        a trailing '/' is ignored, as are "//" and "/./".
//   !a        takes back what earlier patterns excluded; the last pattern that matches decides.
//             Nothing below an excluded directory comes back, since the walk does not go there.
//
// The root of a source is never excluded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace perdure {

class Patterns {
public:
    /// InvalidInput: an empty pattern, a set without its ']', a trailing '\', a ".." component.
    static Result<Patterns> parse(const std::vector<std::string>& patterns);

    bool empty() const { return patterns_.empty(); }

    /// `path` is absolute and clean. Time is O(length of path x length of patterns), also for "**".
    bool exclude(std::string_view path) const;

private:
    struct Component {
        std::string text;      // without escapes if literal
        bool literal = false;  // compare bytes
        bool any = false;      // "**"
    };
    struct Pattern {
        bool negated = false;
        std::vector<Component> components;  // a relative pattern begins with "**"
    };

    static Result<Pattern> parse_one(std::string_view text);
    static Result<Component> parse_component(std::string_view text);
    static bool matches(const Component& component, std::string_view name);
    static bool matches(const Pattern& pattern, const std::vector<std::string_view>& names);

    std::vector<Pattern> patterns_;
};

}  // namespace perdure
