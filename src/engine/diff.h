// What changed between two trees: a merge of both in path order that steps over pages both have.
//
// Files are the same if they hold the same bytes: where two recipes name other blocks for as many
// bytes, the blocks are read and compared up to the first difference. So points of two writers, or
// of two runs that cut anew, compare by what they hold, not by how it is stored.
#pragma once

#include <functional>
#include <string>

#include "engine/tree_stream.h"

namespace perdure {

enum class ChangeKind {
    Added,
    Removed,
    Modified,  // content: a file's bytes, a link's target, a device's numbers
    Type,      // something of another type
    Metadata,  // mode, owner, times, attributes
};
std::string_view to_string(ChangeKind);

struct Change {
    ChangeKind kind = ChangeKind::Added;
    std::string path;               // relative to the trees compared
    const Entry* before = nullptr;  // null if added
    const Entry* after = nullptr;   // null if removed
};

struct DiffCounts {
    std::uint64_t files = 0, directories = 0, others = 0, bytes = 0;
};
struct DiffTotals {
    DiffCounts added, removed;
    DiffCounts modified;                // bytes: as they are after
    std::uint64_t modified_before = 0;  // bytes: as they were before
    std::uint64_t metadata = 0;
};

/// Adds to `totals`. Changes of metadata alone are looked for only with `metadata`.
Result<void> diff_trees(TreeStream before, TreeStream after, bool metadata,
                        const std::function<void(const Change&)>& sink, DiffTotals& totals,
                        std::stop_token);

}  // namespace perdure
