#include "target/directory/issue_log.h"

#include <unistd.h>

#include <utility>

namespace perdure {

void IssueLog::add(const std::string& path, std::string text) {
    state_.with([&](State& state) { state.issues.push_back({path, std::move(text)}); });
}

void IssueLog::owner_not_restored(const std::string& path) {
    state_.with([&](State& state) {
        if (state.owners++ == 0) state.first_owner = path;
    });
}

std::vector<RestoreIssue> IssueLog::take() {
    return state_.with([](State& state) {
        auto issues = std::exchange(state.issues, {});
        if (const auto count = std::exchange(state.owners, 0); count > 0) {
            std::string text = "owner not restored";
            if (::geteuid() != 0) text += " without root";
            if (count > 1) text += " (and of " + std::to_string(count - 1) + " more entries)";
            issues.push_back({std::exchange(state.first_owner, {}), std::move(text)});
        }
        return issues;
    });
}

}  // namespace perdure
