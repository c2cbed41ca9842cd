// Trouble with one entry of a source. It never ends the run; it is counted, listed in the point,
// and makes the outcome PARTIAL. It is another type than Error on purpose: trouble with the
// repository can never become an issue.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace perdure {

enum class IssueKind : std::uint8_t {  // on disk: FORMAT.md, point body
    Unreadable = 1,  // open, read, readdir or stat failed; the entry, or all below a directory, is
                     // missing
    Vanished = 2,    // listed, then gone, or something else stood in its place
    Changed = 3,     // changed while it was read; what was read is stored, marked by this issue
    MetadataLost = 4,  // content is stored; an attribute (named in the text) could not be read
    Unsupported = 5,   // something this version cannot store
};

std::string_view to_string(IssueKind kind);

struct Issue {
    IssueKind kind = IssueKind::Unreadable;
    std::string path;  // within its root, as in Entry
    std::string text;  // for people: "reading extended attributes: Permission denied"
};

}  // namespace perdure
