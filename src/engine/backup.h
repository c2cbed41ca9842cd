// A backup: one or more roots become one recovery point.
//
// One thread walks, compares with the previous tree and writes tree pages in path order; workers
// read, cut, hash, compress and seal. Batches of entries stay in walk order from end to end, so
// that the tree is canonical and blocks hold neighbours. Memory: see kMaxBatches and PackUploader;
// about 120 MiB with two workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/outcome.h"
#include "engine/reporter.h"
#include "repo/leaf_index.h"
#include "repo/local_cache.h"
#include "repo/repository.h"
#include "source/file_source.h"

namespace perdure {

struct Compression {
    bool enabled = true;
    bool skip_incompressible = true;
    int level = 1;
    /// Raise the level where a smaller repository costs little: while uploads are what is waited
    /// for, and for the first bytes that a later backup of the same source adds.
    bool adaptive = true;
};
/// "auto", "off", "fast", "default", "max" or a level 1-12. InvalidInput otherwise.
Result<Compression> parse_compression(std::string_view text);

struct BackupRoot {
    std::string name;  // absolute path, or the name of a stream
    std::unique_ptr<FileSource> source;
    EndKind kind = EndKind::Files;  // Files or Stream
};

/// A point of another repository that a backup is a copy of: what the new point takes over.
struct CopiedPoint {
    RepositoryId repository;
    Point point;
    PointBody body;
};

struct BackupOptions {
    std::string host;
    std::vector<std::string> tags;
    std::vector<std::string> command;  // recorded in the point's body
    bool force = false;                // re-read everything
    std::string retention_class{kDefaultRetentionClass};
    Compression compression;
    std::uint32_t verify_one_in = 1;
    unsigned workers = 2;
    LeafIndex::Limits leaf_limits;  // tests cut fingerprints short, and memory
    std::uint64_t checkpoint_seconds = 3600;
    std::uint64_t checkpoint_bytes = 64ULL << 30;
    std::vector<Issue> issues;  // known before the run: a listed path that is missing
    std::string spool_directory = "/var/tmp";  // for sources that are not ordered
    /// Makes a point of kind copy, with the times, issues and statistics of this one. Outlives the
    /// run. Whatever cannot be read then leaves a checkpoint and no point.
    const CopiedPoint* copied = nullptr;
};

struct BackupResult {
    Outcome outcome = Outcome::Failed;
    std::optional<Point> point;  // header filled in; absent on a dry run
    Statistics statistics;
    std::vector<Issue> issues;
    bool used_previous = false;
    bool interrupted = false;  // ended in a checkpoint
    /// What was stored again because no one could tell that it was there.
    LeafIndex::Unread unread_history = {};
    double seconds = 0;
};

/// Cancelled if interrupted before anything could be kept; Timeout means UNKNOWN.
Result<BackupResult> run_backup(const Repository&, const WriterIdentity&, const LocalCache&,
                                std::vector<BackupRoot>, const BackupOptions&, Reporter&,
                                std::stop_token);

}  // namespace perdure
