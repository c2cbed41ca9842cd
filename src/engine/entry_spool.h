// Entries in any order, put into path order on disk: what a source that cannot walk in order, an
// archive, is captured through.
//
// Content has been stored when an entry comes here; what is spooled is metadata, recipes and names.
// Memory is bounded whatever the number of entries: kSortBytes of entries not yet written, and a
// read buffer for each sorted run of a merge. Runs lie in one file in `directory`, which has no
// name, is readable by nobody else, and goes with the process.
//
// What an archive leaves open is settled in finish():
//  - of several entries of one path the last one counts, as when the archive is unpacked;
//  - a hard link is the file that its target was when the link came, with its own path: equal
//    (device, inode) and the same recipe. Links are sorted by their targets and joined with the
//    entries;
//  - directories that the archive leaves out are made up, with mode 0755 and the owner and time of
//    what lies in them.
// What cannot be kept is an issue: a link whose target never came, an entry below something that is
// no directory, an entry that a later one of other content replaced.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "repo/tree.h"
#include "source/issue.h"

namespace perdure {

struct SpooledRecord {
    std::string path;
    std::uint64_t sequence = 0;  // in which order they came
    Buffer payload;
};

/// Sorts records by (path, sequence), on disk beyond a bound of memory.
class RecordSorter {
public:
    class Reader;
    RecordSorter(int file, std::uint64_t& end, std::size_t sort_bytes)
        : file_(file), end_(end), sort_bytes_(sort_bytes) {}

    Result<void> add(SpooledRecord);
    /// All that was added, in order; may be asked for several times, after the last add().
    Result<std::unique_ptr<Reader>> sorted();

private:
    struct SortedRun {
        std::uint64_t offset, length;
    };
    Result<void> write_run();

    int file_;
    std::uint64_t& end_;  // of the file, which sorters share
    std::size_t sort_bytes_;
    std::vector<SpooledRecord> held_;
    std::size_t held_bytes_ = 0;
    std::vector<SortedRun> runs_;
};

class EntrySpool {
public:
    static constexpr std::size_t kSortBytes = 16U << 20;

    /// `directory` for the spool's file. `sort_bytes`: what each of three sorters holds at most;
    /// tests make it less.
    static Result<std::unique_ptr<EntrySpool>> open(const std::string& directory,
                                                    std::size_t sort_bytes = kSortBytes);

    /// `target`: of a hard link, which has no content of its own; else "".
    Result<void> add(const TreeEntry&, const std::string& target);

    struct Sinks {
        std::function<Result<void>(TreeEntry)> entry;  // in path order, "" first
        std::function<void(Issue)> issue;
    };
    /// Call once, after the last add().
    Result<void> finish(const Sinks&, std::stop_token);

private:
    EntrySpool(Fd file, std::size_t sort_bytes);

    Result<void> resolve_links(const Sinks&, std::stop_token);

    Fd file_;
    std::uint64_t end_ = 0;
    std::uint64_t sequence_ = 0;
    RecordSorter entries_, links_, resolved_;
    std::uint64_t links_added_ = 0;
};

}  // namespace perdure
