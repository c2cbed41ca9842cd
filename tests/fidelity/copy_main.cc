// perdure_copy_tree FROM TO: copy_tree() by hand, for trees that no test has.
#include <cstdio>

#include "fidelity/copy_tree.h"

int main(int count, char** words) {
    if (count != 3) {
        std::fputs("usage: perdure_copy_tree FROM TO\n", stderr);
        return 2;
    }
    const auto report = perdure::copy_tree(words[1], words[2], {});
    if (!report) {
        std::fprintf(stderr, "%s\n", report.error().describe().c_str());
        return 1;
    }
    for (const auto& issue : report->issues) std::fprintf(stderr, "%s\n", issue.c_str());
    std::printf("%zu entries, %zu issues\n", report->entries, report->issues.size());
    return report->issues.empty() ? 0 : 3;
}
