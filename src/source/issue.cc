#include "source/issue.h"

namespace perdure {

std::string_view to_string(IssueKind kind) {
    switch (kind) {
        case IssueKind::Unreadable: return "unreadable";
        case IssueKind::Vanished: return "vanished";
        case IssueKind::Changed: return "changed while read";
        case IssueKind::MetadataLost: return "metadata lost";
        case IssueKind::Unsupported: return "unsupported";
    }
    return "unknown";
}

}  // namespace perdure
