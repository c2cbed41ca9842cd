// What one worker thread does with changed files: open, read, cut, hash, look up, and hand new
// leaves to its pack stream.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "chunk/chunker.h"
#include "crypto/hash.h"
#include "engine/pack_stream.h"
#include "engine/reporter.h"
#include "repo/keys.h"
#include "repo/tree.h"
#include "source/file_source.h"

namespace perdure {

/// A stretch of a file's earlier content that lies in one pack, up to `end`.
struct PackStretch {
    std::uint64_t end;
    PackNumber pack;  // kHolePack: in none
};
std::vector<PackStretch> pack_stretches(const Recipe& recipe);

/// An entry on its way from the walk to the tree.
struct BackupItem {
    enum class State : std::uint8_t { Captured, Failed };
    TreeEntry tree;                 // once captured
    std::optional<KeptEntry> kept;  // if unchanged
    WalkedEntry walked;             // until captured
    std::uint64_t device = 0;       // as the walk saw it
    std::string hard_link_to;       // likewise
    bool needs_capture = false;
    bool read_once = false;  // its source is not ordered
    /// Of a changed file, where not every stored leaf is in memory.
    std::vector<PackStretch> before;
    State state = State::Captured;
    std::vector<Issue> issues;
    std::vector<Recipe> segments;  // of a large file, joined in order
    std::vector<std::uint64_t> segment_lengths;
};

/// Entries that follow each other in the walk. `open_jobs` goes to 0 when its entries can go into
/// the tree.
struct BackupBatch {
    FileSource* source = nullptr;
    std::vector<BackupItem> items;
    std::uint64_t bytes = 0;
    std::atomic<std::uint32_t> open_jobs{0};
    std::atomic<bool> aborted{
        false};  // a job failed or was dropped: its entries are not what they seem

    void finish_job(bool good) {
        if (!good) aborted = true;
        open_jobs.fetch_sub(1);
        open_jobs.notify_all();
    }
};

/// A large file is read in segments of this size by whoever is free; a cut is forced between them.
constexpr std::uint64_t kSegmentSize = 64U << 20;

/// The segment of a job that reads a file from start to end after all: it changed under its
/// segments.
constexpr std::uint32_t kWholeFile = 0xffffffff;

struct BackupJob {
    std::shared_ptr<BackupBatch> batch;
    std::int32_t item = -1;  // -1: all small items of the batch
    std::uint32_t segment = 0;
};

struct WorkerShared {
    WorkerShared(const Chunker& c, const Key256& key, LeafIndex& l, Reporter& r)
        : chunker(c), leaf_key(key), leaves(l), reporter(r) {}

    const Chunker& chunker;
    const Key256& leaf_key;
    LeafIndex& leaves;
    Reporter& reporter;
    std::atomic<std::uint64_t> bytes_read{0};
};

class FileWorker {
public:
    FileWorker(WorkerShared&, PackRegistry&, PackUploader&, const PackStream::Options&);
    FileWorker(const FileWorker&) = delete;
    FileWorker& operator=(const FileWorker&) = delete;

    /// Repository errors only; trouble with entries becomes their issues. Counts the job down, done
    /// or not.
    Result<void> run(const BackupJob&, std::stop_token);
    PackStream& stream() { return stream_; }

private:
    Result<void> dispatch(const BackupJob&, std::stop_token);
    Result<void> run_small(BackupBatch&, std::stop_token);
    Result<void> capture(FileSource&, BackupItem&, std::unique_ptr<OpenFile>, std::stop_token);
    Result<void> run_whole(BackupBatch&, BackupItem&, std::stop_token stop);
    Result<void> run_segment(BackupBatch&, BackupItem&, std::uint32_t segment, std::stop_token);
    /// Reads [offset, offset + length) or to the end of the file; `read` becomes what there was.
    /// The issue, if reading failed.
    struct ReadOutcome {
        std::uint64_t read = 0;
        std::optional<Error> failed;  // of the source
    };
    Result<ReadOutcome> read_stretch(OpenFile&, std::uint64_t offset, std::uint64_t length, Recipe&,
                                     std::stop_token);
    void expect_neighbours(const std::vector<PackStretch>& before, std::uint64_t offset,
                           std::uint64_t length);
    Result<void> store_leaf(ByteView content, Recipe&);

    WorkerShared& shared_;
    PackStream stream_;
    Chunker::Scratch scratch_;
    std::vector<std::uint32_t> cuts_;
    Buffer buffer_;
};

/// Whether an item's content is read in segments by separate jobs.
inline bool is_segmented(const BackupItem& item) {
    return item.needs_capture && !item.read_once && item.walked.entry.type == EntryType::File &&
           item.walked.entry.size > kSegmentSize;
}

}  // namespace perdure
