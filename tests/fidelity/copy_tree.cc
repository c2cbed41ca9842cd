#include "fidelity/copy_tree.h"

#include <algorithm>

#include "base/try.h"
#include "source/files/files.h"

namespace perdure {

namespace {

void note(CopyReport& report, const Issue& issue) {
    report.issues.push_back("source: " + issue.path + ": " + issue.text);
}

Result<void> copy_content(OpenFile& file, const Entry& entry, TargetFile& target) {
    thread_local Buffer buffer(1 << 20);
    std::vector<DataExtent> extents{{0, entry.size}};
    if (entry.sparse) extents = entry.data_extents;
    for (const auto& extent : extents)
        for (std::uint64_t at = extent.offset; at < extent.offset + extent.length;) {
            const auto want =
                std::min<std::uint64_t>(buffer.size(), extent.offset + extent.length - at);
            const auto got = PERDURE_TRY(
                file.read(at, MutableByteView(buffer).first(static_cast<std::size_t>(want))));
            if (got == 0) return Error(ErrorKind::Io, "\"" + entry.path + "\" shrank");
            PERDURE_TRY(target.write(at, ByteView(buffer).first(got)));
            at += got;
        }
    return {};
}

Result<void> copy_file(FileSource& source, WalkedEntry& walked, DirectoryTarget& target,
                       CopyReport& report) {
    auto opened = source.open(walked);
    if (auto* issue = std::get_if<Issue>(&opened)) {
        note(report, *issue);
        return {};
    }
    auto& file = *std::get<0>(opened);
    for (const auto& issue : source.read_details(walked, &file)) note(report, issue);
    if (file.may_be_sparse()) {
        walked.entry.sparse = true;
        walked.entry.data_extents = PERDURE_TRY(file.data_extents());
    }
    auto begun = PERDURE_TRY(target.begin_file(walked.entry));
    auto* made = std::get_if<std::unique_ptr<TargetFile>>(&begun);
    if (made == nullptr) return {};
    PERDURE_TRY(copy_content(file, walked.entry, **made));
    PERDURE_TRY((*made)->commit());
    const bool changed = PERDURE_TRY(file.changed_since_open());
    if (changed) report.issues.push_back("source: " + walked.entry.path + ": changed");
    return {};
}

Result<void> copy_entry(FileSource& source, WalkedEntry& walked, DirectoryTarget& target,
                        CopyReport& report) {
    ++report.entries;
    if (walked.entry.type == EntryType::File) return copy_file(source, walked, target, report);
    for (const auto& issue : source.read_details(walked, nullptr)) note(report, issue);
    return target.make(walked.entry);
}

}  // namespace

Result<CopyReport> copy_tree(const std::string& from, const std::string& to,
                             const DirectoryTargetOptions& options) {
    CopyReport report;
    const auto source = PERDURE_TRY(open_files(from, {}));
    const auto target = PERDURE_TRY(open_directory_target(to, options));
    const auto walk = source->walk();
    while (auto event = walk->next()) {
        if (auto* walked = std::get_if<WalkedEntry>(&*event))
            PERDURE_TRY(copy_entry(*source, *walked, *target, report));
        else if (auto* issue = std::get_if<Issue>(&*event))
            note(report, *issue);
    }
    PERDURE_TRY(target->finish());
    for (const auto& issue : target->take_issues())
        report.issues.push_back("target: " + issue.path + ": " + issue.text);
    return report;
}

}  // namespace perdure
