#include "engine/backup.h"

#include <algorithm>
#include <deque>
#include <map>

#include "base/bounded_queue.h"
#include "base/task_group.h"
#include "base/try.h"
#include "codec/byte_io.h"
#include "engine/entry_spool.h"
#include "engine/file_worker.h"
#include "engine/pack_stream.h"
#include "engine/previous_tree.h"
#include "engine/unchanged.h"
#include "repo/own_leaves.h"
#include "repo/pack_catalog.h"
#include "repo/session.h"
#include "repo/tree.h"

namespace perdure {

Result<Compression> parse_compression(std::string_view text) {
    Compression c;
    if (text == "auto") return c;
    c.adaptive = false;
    if (text == "off") {
        c.enabled = false;
        return c;
    }
    if (text == "fast") return c;
    if (text == "default") {
        c.level = 3;
        return c;
    }
    if (text == "max") {
        c.level = kMaxLevel;
        c.skip_incompressible = false;
        return c;
    }
    int level = 0;
    for (char digit : text)
        level = digit >= '0' && digit <= '9' && level < 100 ? level * 10 + digit - '0' : 1000;
    if (text.empty() || level < kMinLevel || level > kMaxLevel)
        return Error(ErrorKind::InvalidInput, "\"" + std::string(text) + "\" is no compression")
            .with_hint("use auto, off, fast, default, max or a level from 1 to 12");
    c.level = level;
    return c;
}

namespace {

constexpr std::size_t kMaxBatches = 32;  // between walk and tree
constexpr std::size_t kBatchItems = 512;
constexpr std::uint64_t kBatchBytes = 4U << 20;  // of content to read
constexpr std::size_t kQueuedJobs = 8;
// Packs in memory, those that are being filled (one a worker) and those on their way: with more
// workers they are smaller, so that a machine with many processors needs no more memory.
constexpr std::uint64_t kBytesOfPacks = 256U << 20;
constexpr std::size_t kPacksToDisk = 2;  // on their way
// To a network more streams matter more than packs as large as the store would like them: one
// carries 50 to 100 MB/s to a cloud's store, whatever the network could.
constexpr std::size_t kPacksToNetwork = 4;
constexpr std::uint64_t kBytesOfPacksToNetwork = 160U << 20;
constexpr std::uint64_t kLeastPack = 16U << 20;
constexpr int kPageLevel = 3;
constexpr int kBusyLevel = 3;
// What later backups add is little each time and most of a repository in the end. Per worker;
// measured: versions of a dump 12 %, releases of a source tree 16 % smaller for 0.02 s a MiB at
// level 12, of which level 6 gets half to nine tenths for a third of the time.
constexpr PatientLevel kLaterLevels[] = {{64U << 20, kMaxLevel}, {256U << 20, 6}};

/// How a store is fed: a disk by one thread, a network by as many as it serves at once.
struct Uploads {
    unsigned threads = 1;
    std::size_t packs = 2;  // on their way
    std::uint64_t pack_size = 0;
};

Uploads plan_uploads(const StoreProperties& store, unsigned workers) {
    Uploads plan;
    plan.packs = std::clamp<std::size_t>(store.connections, kPacksToDisk, kPacksToNetwork);
    const bool to_network = store.connections > kPacksToDisk;
    if (to_network) plan.threads = static_cast<unsigned>(plan.packs);
    const std::uint64_t bytes = to_network ? kBytesOfPacksToNetwork : kBytesOfPacks;
    plan.pack_size =
        std::min(store.pack_size, std::max(kLeastPack, bytes / (workers + plan.packs)));
    return plan;
}

class BackupRun {
public:
    BackupRun(const Repository& repository, const WriterIdentity& identity, const LocalCache& cache,
              std::vector<BackupRoot> roots, const BackupOptions& options, Reporter& reporter)
        : repository_(repository),
          identity_(identity),
          cache_(cache),
          roots_(std::move(roots)),
          options_(options),
          reporter_(reporter) {}

    Result<BackupResult> run(std::stop_token stop);

private:
    Result<void> prepare(std::stop_token stop);
    Result<void> open_session(std::stop_token stop);
    Result<void> back_up_root(BackupRoot& root, std::uint32_t number, std::stop_token stop);
    std::unique_ptr<TreeCursor> previous_cursor(const BackupRoot& root);
    Result<void> walk_root(BackupRoot& root, TreeCursor* previous, TreeWriter& tree,
                           std::stop_token stop);

    // ---- the merge with the previous tree
    Result<void> on_entry(WalkedEntry walked, TreeCursor* previous);
    Result<bool> take_unchanged(const WalkedEntry& walked, TreeCursor* previous, BackupItem& item);
    bool may_reuse(PackNumber pack, std::uint32_t slot);
    Result<void> test_carried(std::stop_token stop);
    bool carries(const KeptEntry& kept);
    void carry(const LivenessSummary::Pack& pack);
    std::uint64_t device_ordinal(std::uint64_t device);

    // ---- batches
    Result<void> end_batch(TreeWriter& tree, std::stop_token stop);
    Result<void> drain(TreeWriter& tree, std::size_t leave);
    Result<void> into_tree(BackupBatch& batch, TreeWriter& tree);
    Result<void> into_tree(BackupItem& item, TreeWriter& tree);
    Result<void> into_spool(BackupItem& item);
    Result<void> spool_into_tree(TreeWriter& tree, std::stop_token stop);
    void count_entry(const Entry& entry, bool unchanged);
    Result<void> join_segments(BackupBatch& batch, std::size_t at);
    void push_job(std::shared_ptr<BackupBatch> batch, std::int32_t item, std::uint32_t segment);
    void note_issue(Issue issue);

    // ---- ends
    Result<void> flush_packs();
    Result<void> maybe_checkpoint(TreeWriter& tree, std::stop_token stop);
    Result<void> checkpoint(std::stop_token stop);
    EndKind end_kind() const {
        return options_.copied != nullptr ? EndKind::Copy : roots_.front().kind;
    }
    PointHeader header_of(EndKind kind) const;
    void take_over(PointHeader& header);
    Result<void> commit(std::stop_token stop);
    Result<PageAddress> store_page(ByteView raw);
    Result<void> keep_page(PageAddress page);
    Result<std::shared_ptr<const Buffer>> load_previous(PageAddress page);

    const Repository& repository_;
    const WriterIdentity& identity_;
    const LocalCache& cache_;
    std::vector<BackupRoot> roots_;
    const BackupOptions& options_;
    Reporter& reporter_;

    DedupKeys dedup_;
    SourceKey source_key_;
    PackRegistry registry_;
    LivenessMarks live_;
    LivenessMarks carried_;  // by the checkpoint this run continues
    std::unique_ptr<Chunker> chunker_;
    std::unique_ptr<LeafIndex> leaves_;
    bool leaves_loaded_ = false;
    std::unique_ptr<WriteSession> session_;
    std::vector<std::unique_ptr<WriteSession>> past_sessions_;
    Uploads uploads_;
    std::unique_ptr<PackUploader> uploader_;
    std::unique_ptr<PackStream> pages_;
    std::unique_ptr<WorkerShared> shared_;
    std::vector<std::unique_ptr<FileWorker>> workers_;
    std::unique_ptr<BoundedQueue<BackupJob>> jobs_;
    std::unique_ptr<TaskGroup> group_;  // its threads wait for jobs

    std::optional<PreviousTree> previous_;
    std::optional<TreeEntry> previous_entry_;
    std::unique_ptr<TreeCacheWriter> tree_cache_;
    std::map<Digest, PageAddress> inner_pages_;  // of the previous tree
    std::vector<signed char> may_reuse_;         // by pack number: -1 unknown
    std::vector<std::uint64_t> devices_;

    std::shared_ptr<BackupBatch> batch_;
    std::unique_ptr<EntrySpool> spool_;  // while the source is not ordered
    std::deque<std::shared_ptr<BackupBatch>> in_order_;
    std::vector<SessionDigest> superseded_;
    std::uint64_t checkpoint_at_bytes_ = 0;
    std::uint64_t checkpoint_at_ns_ = 0;
    std::uint32_t root_number_ = 0;

    PointBody body_;
    std::vector<Issue> issues_;
    BackupResult result_;
    std::int64_t started_ns_ = 0;
    std::int64_t locked_until_ns_ = 0;  // promised by the run's first session
};

// ------------------------------------------------------------------------------------ setting up

Result<void> BackupRun::prepare(std::stop_token stop) {
    // Before anything is read: such a point would be stored and never be listed.
    PointHeader wanted;
    wanted.kind = end_kind();
    wanted.host = options_.host;
    wanted.retention_class = options_.retention_class;
    PERDURE_TRY(repository_.may_end(wanted, identity_.enrolment, stop));
    const DomainKeys domain = PERDURE_TRY(repository_.domain_keys());
    dedup_ = expand(domain, repository_.id());
    std::vector<std::string> names;
    for (const BackupRoot& root : roots_) names.push_back(root.name);
    source_key_ = source_key_of(dedup_, options_.host, names);
    chunker_ = std::make_unique<Chunker>(
        ChunkerProfile{repository_.config().chunker_average_log2},
        ChunkerTables::from_bytes(dedup_.chunker_tables.reveal(), dedup_.chunker_confirm.reveal()));
    leaves_ = std::make_unique<LeafIndex>(
        registry_, [this](const PackTable& table) { return load_manifest(repository_, table, {}); },
        options_.leaf_limits);
    PERDURE_TRY(open_session(stop));
    previous_ = find_previous_tree(repository_, cache_, options_.host, names, identity_.enrolment,
                                   registry_, stop);
    // Of two points that saw a file with the same times, the later one may have read what the
    // earlier one was too early for.
    if (options_.copied != nullptr && previous_ && previous_->started_ns > started_ns_)
        previous_.reset();
    result_.used_previous = previous_.has_value() && !options_.force;
    // What ended the numbers since: checkpoints of this source are continued by this run's ends.
    const std::uint64_t since = previous_ && previous_->point.session.writer == identity_.enrolment
                                    ? number(previous_->point.session.session)
                                    : 0;
    for (std::uint64_t n = number(session_->name().session); n-- > since + 1;) {
        const auto point = repository_.load_point({identity_.enrolment, SessionNumber{n}}, stop);
        if (!point || point->header.source_key != source_key_) continue;
        if (point->header.kind != EndKind::Checkpoint) break;
        superseded_ = {{point->session(), point->digest}};
        const auto index =
            PERDURE_TRY(repository_.load_index(point->session(), point->header.index, stop));
        if (index->liveness)
            for (const auto& pack : index->liveness->packs) carry(pack);
        break;
    }
    return {};
}

/// What a list that this session obeys condemns is not carried: the tree does without it.
void BackupRun::carry(const LivenessSummary::Pack& pack) {
    const PackNumber n = registry_.number_of(pack.pack);
    if (session_->may_reuse(pack.pack)) return carried_.mark(n, pack.blocks);
    for (std::uint32_t slot = 0; slot < 64 * pack.blocks.size(); ++slot)
        if ((pack.blocks[slot / 64] >> (slot % 64) & 1) != 0 && may_reuse(n, slot))
            carried_.mark(n, slot);
}

Result<void> BackupRun::open_session(std::stop_token stop) {
    SessionOptions options;
    if (options_.copied != nullptr) options.purpose = SessionPurpose::Copy;
    options.host = options_.host;
    options.pack_size = uploads_.pack_size;
    options.retention_class = options_.retention_class;
    options.locked_until_ns = locked_until_ns_;
    session_ = PERDURE_TRY(WriteSession::begin(repository_, identity_, cache_, options, stop));
    locked_until_ns_ = session_->locked_until_ns();
    checkpoint_at_bytes_ = reporter_.progress.bytes + options_.checkpoint_bytes;
    checkpoint_at_ns_ =
        repository_.clock().monotonic_nanoseconds() + options_.checkpoint_seconds * 1'000'000'000;
    may_reuse_.clear();
    return {};
}

// ------------------------------------------------------------------------------------ the run

Result<BackupResult> BackupRun::run(std::stop_token stop) {
    const std::uint64_t begun = repository_.clock().monotonic_nanoseconds();
    // Of a copy: whether a file may have changed unseen depends on when it was captured.
    started_ns_ = options_.copied != nullptr ? options_.copied->point.header.started_ns
                                             : repository_.clock().now().nanoseconds;
    for (const Issue& issue : options_.issues) note_issue(issue);
    result_.statistics.failed += options_.issues.size();
    uploads_ = plan_uploads(repository_.store().properties(), std::max(1U, options_.workers));
    PERDURE_TRY(prepare(stop));
    uploader_ = std::make_unique<PackUploader>(*leaves_, uploads_.threads, uploads_.packs);
    PackStream::Options stream;
    stream.seal.compress = options_.compression.enabled;
    stream.seal.skip_incompressible = options_.compression.skip_incompressible;
    stream.seal.level = options_.compression.level;
    stream.verify_one_in = options_.verify_one_in;
    if (options_.compression.adaptive) {
        stream.busy_level = kBusyLevel;
        if (previous_) stream.patience = kLaterLevels;
    }
    shared_ = std::make_unique<WorkerShared>(*chunker_, dedup_.leaf, *leaves_, reporter_);
    PackStream::Options pages = stream;
    pages.kind = PackKind::Metadata;
    pages.patience = {};
    pages.seal.level = std::max(kPageLevel, stream.seal.level);
    pages.seal.compress = true;
    pages.verify_one_in = 1;
    pages_ = std::make_unique<PackStream>(registry_, *leaves_, *uploader_, pages);
    pages_->attach(*session_);
    jobs_ = std::make_unique<BoundedQueue<BackupJob>>(kQueuedJobs);
    for (unsigned i = 0; i < std::max(1U, options_.workers); ++i) {
        workers_.push_back(std::make_unique<FileWorker>(*shared_, registry_, *uploader_, stream));
        workers_.back()->stream().attach(*session_);
    }
    group_ = std::make_unique<TaskGroup>(stop);
    const CloseAtEnd closing(*jobs_);
    for (auto& worker : workers_)
        group_->start([this, &worker = *worker](std::stop_token group_stop) -> Result<void> {
            Result<void> good;
            while (auto job = jobs_->pop()) {
                if (good)
                    good = worker.run(*job, group_stop);
                else
                    job->batch->finish_job(false);
                if (!good) jobs_->close();
            }
            return good;
        });
    tree_cache_ = std::make_unique<TreeCacheWriter>(cache_, source_key_, session_->name(),
                                                    registry_, previous_ ? &*previous_ : nullptr);

    Result<void> walked;
    for (std::uint32_t i = 0; walked && i < roots_.size(); ++i)
        walked = back_up_root(roots_[i], i, group_->stop_token());
    jobs_->close();
    Result<void> joined = group_->join();
    if (!joined && !(walked.has_value() == false && joined.error().kind() == ErrorKind::Cancelled))
        walked = std::move(joined);
    // All was read, but perhaps because a stream's writer was interrupted too: that is no point.
    if (walked && stop.stop_requested()) walked = Error(ErrorKind::Cancelled, "interrupted");
    if (!walked && walked.error().kind() == ErrorKind::Cancelled && stop.stop_requested()) {
        // Interrupted: what is stored so far is kept by a checkpoint, so that the next run uploads
        // none of it again.
        PERDURE_TRY(checkpoint({}));
        result_.interrupted = true;
        result_.outcome = Outcome::Failed;
    } else if (walked && options_.copied != nullptr && !issues_.empty()) {
        PERDURE_TRY(checkpoint(stop));  // not all of it could be read: that is no copy
        result_.outcome = Outcome::Failed;
    } else {
        PERDURE_TRY(walked);
        PERDURE_TRY(commit(stop));
    }
    result_.statistics.bytes_read = shared_->bytes_read;
    result_.issues = std::move(issues_);
    if (leaves_) result_.unread_history = leaves_->unread();
    result_.seconds =
        static_cast<double>(repository_.clock().monotonic_nanoseconds() - begun) / 1e9;
    return std::move(result_);
}

std::unique_ptr<TreeCursor> BackupRun::previous_cursor(const BackupRoot& root) {
    previous_entry_.reset();
    const PreviousRoot* old = previous_ && !options_.force ? previous_->root(root.name) : nullptr;
    if (old == nullptr) return nullptr;
    auto cursor = std::make_unique<TreeCursor>(
        PageAddress{registry_.number_of(old->page.pack), old->page.slot}, registry_,
        [this](PageAddress page) { return load_previous(page); });
    auto first = cursor->next();
    if (!first) return nullptr;
    previous_entry_ = std::move(*first);
    return cursor;
}

Result<void> BackupRun::back_up_root(BackupRoot& root, std::uint32_t number, std::stop_token stop) {
    root_number_ = number;
    const Statistics before = result_.statistics;
    const auto cursor = previous_cursor(root);
    TreeWriter tree(
        dedup_.boundary, registry_, [this](ByteView raw) { return store_page(raw); },
        [this](PageAddress page) { return keep_page(page); }, live_);
    if (!root.source->is_ordered())
        spool_ = PERDURE_TRY(EntrySpool::open(options_.spool_directory));
    PERDURE_TRY(walk_root(root, spool_ ? nullptr : cursor.get(), tree, stop));
    PERDURE_TRY(root.source->ended());
    if (spool_) PERDURE_TRY(spool_into_tree(tree, stop));
    spool_.reset();
    if (result_.statistics.entries == before.entries)
        return Error(options_.copied != nullptr ? ErrorKind::Corrupt : ErrorKind::Io,
                     root.name + ": nothing of it could be read")
            .with_hint("see the issues above");
    const PageAddress page = PERDURE_TRY(tree.finish());
    Root recorded;
    recorded.name = root.name;
    recorded.kind = root.kind;
    recorded.page = registry_.address(page.pack, page.slot);
    const Statistics& now = result_.statistics;
    recorded.statistics.entries = now.entries - before.entries;
    recorded.statistics.files = now.files - before.files;
    recorded.statistics.directories = now.directories - before.directories;
    recorded.statistics.bytes = now.bytes - before.bytes;
    recorded.size = recorded.statistics.bytes;
    if (options_.copied != nullptr) {
        const Root& original = options_.copied->body.roots[number];
        recorded.statistics = original.statistics;
        recorded.consistency = original.consistency;
        recorded.size = original.size;
    }
    body_.roots.push_back(std::move(recorded));
    return {};
}

Result<void> BackupRun::walk_root(BackupRoot& root, TreeCursor* previous, TreeWriter& tree,
                                  std::stop_token stop) {
    const auto walk = root.source->walk();
    const auto fresh_batch = [&] {
        batch_ = std::make_shared<BackupBatch>();
        batch_->source = root.source.get();
        batch_->items.reserve(kBatchItems);
    };
    fresh_batch();
    while (auto event = walk->next()) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        if (auto* issue = std::get_if<Issue>(&*event)) {
            ++result_.statistics.failed;
            note_issue(std::move(*issue));
        } else if (std::holds_alternative<Excluded>(*event)) {
            ++result_.statistics.excluded;
        } else {
            PERDURE_TRY(on_entry(std::move(std::get<WalkedEntry>(*event)), previous));
        }
        // What a worker reads from the walk's own stream has to be read before the walk goes on.
        const bool streamed = spool_ && !batch_->items.empty() &&
                              batch_->items.back().walked.entry.size >= kStreamedFrom;
        if (streamed || batch_->items.size() >= kBatchItems || batch_->bytes >= kBatchBytes) {
            PERDURE_TRY(end_batch(tree, stop));
            if (streamed) PERDURE_TRY(drain(tree, 0));
            fresh_batch();
            PERDURE_TRY(maybe_checkpoint(tree, stop));
        }
    }
    PERDURE_TRY(end_batch(tree, stop));
    return drain(tree, 0);
}

// ------------------------------------------------------------------------------------ the merge

std::uint64_t BackupRun::device_ordinal(std::uint64_t device) {
    // Device numbers change between boots; their order of appearance in the walk does not, and hard
    // links need no more.
    if (!devices_.empty() && devices_.back() == device) return devices_.size() - 1;
    const auto at = std::find(devices_.begin(), devices_.end(), device);
    if (at != devices_.end()) return static_cast<std::uint64_t>(at - devices_.begin());
    devices_.push_back(device);
    return devices_.size() - 1;
}

bool BackupRun::may_reuse(PackNumber pack, std::uint32_t slot) {
    if (number(pack) >= may_reuse_.size()) may_reuse_.resize(number(pack) + 1, -1);
    signed char& known = may_reuse_[number(pack)];
    if (known < 0) known = session_->may_reuse(registry_.pack_of(pack)) ? 1 : 0;
    return known == 1 || session_->may_reuse(registry_.address(pack, slot), {});
}

bool BackupRun::carries(const KeptEntry& kept) {
    const auto of_runs = [this](const Recipe& recipe) {
        return std::all_of(recipe.begin(), recipe.end(), [this](const Run& run) {
            return run.is_hole() || may_reuse(run.pack, run.slot);
        });
    };
    const PageAddress& origin = kept.origin->page;
    return may_reuse(origin.pack, origin.slot) && of_runs(kept.entry.recipe) &&
           of_runs(kept.outlined_runs) &&
           std::all_of(kept.pages.begin(), kept.pages.end(),
                       [this](const PageAddress& page) { return may_reuse(page.pack, page.slot); });
}

Result<bool> BackupRun::take_unchanged(const WalkedEntry& walked, TreeCursor* previous,
                                       BackupItem& item) {
    const Entry& now = walked.entry;
    while (previous_entry_ && path_less(previous_entry_->entry.path, now.path)) {
        auto next = previous->next();
        if (!next) {  // a damaged cache is no cache
            previous_entry_.reset();
            return false;
        }
        previous_entry_ = std::move(*next);
    }
    if (!previous_entry_ || previous_entry_->entry.path != now.path) return false;
    TreeEntry& old = *previous_entry_;
    if (!is_unchanged(old.entry, now, previous_->started_ns)) {
        const bool expects = !leaves_loaded_ || leaves_->is_sparse();
        if (expects && old.entry.type == EntryType::File && previous->complete(old))
            item.before = pack_stretches(old.recipe);
        return false;
    }
    if (!previous_->incomplete.empty() &&
        previous_->incomplete.contains({roots_[root_number_].name, now.path}))
        return false;
    auto kept = previous->keep(std::move(old));
    if (!kept || !carries(*kept)) return false;
    // An id may have got another name although the file has not changed.
    if (kept->entry.entry.user != now.user || kept->entry.entry.group != now.group) {
        kept->entry.entry.user = now.user;
        kept->entry.entry.group = now.group;
        kept->origin.reset();
    }
    item.kept = std::move(*kept);
    return true;
}

Result<void> BackupRun::on_entry(WalkedEntry walked, TreeCursor* previous) {
    if (walked.entry.path.size() > kMaxPath) {
        ++result_.statistics.failed;
        note_issue({IssueKind::Unsupported, walked.entry.path.substr(0, 256) + "...",
                    "its path is longer than 65535 bytes; not stored"});
        return {};
    }
    BackupItem item;
    item.device = walked.entry.device;
    item.read_once = spool_ != nullptr;
    item.hard_link_to = walked.hard_link_to;
    const bool unchanged =
        previous != nullptr && PERDURE_TRY(take_unchanged(walked, previous, item));
    if (unchanged) {
        if (walked.entry.type == EntryType::File) {
            reporter_.progress.bytes += walked.entry.size;
            ++reporter_.progress.files;
        }
    } else {
        item.needs_capture = true;
        if (walked.entry.type == EntryType::File) batch_->bytes += walked.entry.size;
        item.walked = std::move(walked);
    }
    ++reporter_.progress.entries;
    batch_->items.push_back(std::move(item));
    return {};
}

// ------------------------------------------------------------------------------------ batches

void BackupRun::push_job(std::shared_ptr<BackupBatch> batch, std::int32_t item,
                         std::uint32_t segment) {
    // A queue that was closed by a failing worker drops the job; the run ends with that worker's
    // error.
    if (!jobs_->push({batch, item, segment})) batch->finish_job(false);
}

Result<void> BackupRun::end_batch(TreeWriter& tree, std::stop_token stop) {
    if (batch_->items.empty()) return {};
    bool small = false;
    std::uint32_t count = 0;
    for (BackupItem& item : batch_->items) {
        if (!item.needs_capture) continue;
        if (!is_segmented(item)) {
            small = true;
            continue;
        }
        const auto segments = (item.walked.entry.size + kSegmentSize - 1) / kSegmentSize;
        item.segments.resize(segments);
        item.segment_lengths.resize(segments);
        count += static_cast<std::uint32_t>(segments);
    }
    if ((small || count > 0) && !leaves_loaded_) {
        load_leaf_index(repository_, cache_, *session_, *leaves_, stop);
        leaves_loaded_ = true;
    }
    batch_->open_jobs = count + (small ? 1 : 0);
    const auto batch = batch_;
    in_order_.push_back(batch);
    for (std::size_t i = 0; i < batch->items.size(); ++i)
        for (std::uint32_t s = 0; s < batch->items[i].segments.size(); ++s)
            push_job(batch, static_cast<std::int32_t>(i), s);
    if (small) push_job(batch, -1, 0);
    return drain(tree, kMaxBatches);
}

Result<void> BackupRun::drain(TreeWriter& tree, std::size_t leave) {
    while (!in_order_.empty()) {
        BackupBatch& front = *in_order_.front();
        for (std::uint32_t open = front.open_jobs; open != 0; open = front.open_jobs) {
            if (in_order_.size() <= leave) return {};
            front.open_jobs.wait(open);
        }
        if (front.aborted) return Error(ErrorKind::Cancelled, "interrupted");
        PERDURE_TRY(into_tree(front, tree));
        in_order_.pop_front();
    }
    return {};
}

Result<void> BackupRun::join_segments(BackupBatch& batch, std::size_t at) {
    BackupItem& item = batch.items[at];
    const bool complete = std::all_of(item.segment_lengths.begin(), item.segment_lengths.end(),
                                      [](std::uint64_t l) { return l > 0; });
    if (complete) {
        for (const Recipe& segment : item.segments)
            for (const Run& run : segment) append_run(item.tree.recipe, run);
        item.tree.entry.size = length_of(item.tree.recipe);
        ++reporter_.progress.files;
        return {};
    }
    item.issues.clear();
    batch.open_jobs = 1;
    push_job(in_order_.front(), static_cast<std::int32_t>(at), kWholeFile);
    while (batch.open_jobs == 1) batch.open_jobs.wait(1);
    if (batch.aborted) return Error(ErrorKind::Cancelled, "interrupted");
    return {};
}

Result<void> BackupRun::into_tree(BackupBatch& batch, TreeWriter& tree) {
    Statistics& s = result_.statistics;
    for (std::size_t i = 0; i < batch.items.size(); ++i) {
        BackupItem& item = batch.items[i];
        if (!item.segments.empty()) PERDURE_TRY(join_segments(batch, i));
        for (Issue& issue : item.issues) note_issue(std::move(issue));
        if (item.state == BackupItem::State::Failed) {
            ++s.failed;
            continue;
        }
        if (spool_) {
            PERDURE_TRY(into_spool(item));
            continue;
        }
        count_entry(item.kept ? item.kept->entry.entry : item.tree.entry, item.kept.has_value());
        PERDURE_TRY(into_tree(item, tree));
    }
    return {};
}

void BackupRun::count_entry(const Entry& entry, bool unchanged) {
    Statistics& s = result_.statistics;
    ++s.entries;
    ++(unchanged ? s.unchanged : s.captured);
    if (entry.type == EntryType::File) ++s.files;
    if (entry.type == EntryType::Directory) ++s.directories;
    s.bytes += entry.type == EntryType::File ? entry.size : 0;
}

Result<void> BackupRun::into_spool(BackupItem& item) {
    item.tree.entry.device = device_ordinal(item.device);
    item.tree.entry.sparse = false;
    item.tree.entry.data_extents.clear();
    // It is long until the tree marks them, and a checkpoint must name all that is still needed.
    live_.mark(item.tree.recipe);
    return spool_->add(item.tree, item.hard_link_to);
}

Result<void> BackupRun::spool_into_tree(TreeWriter& tree, std::stop_token stop) {
    EntrySpool::Sinks sinks;
    sinks.entry = [&](TreeEntry entry) {
        count_entry(entry.entry, false);
        return tree.add(std::move(entry));
    };
    sinks.issue = [&](Issue issue) {
        ++result_.statistics.failed;
        note_issue(std::move(issue));
    };
    return spool_->finish(sinks, std::move(stop));
}

Result<void> BackupRun::into_tree(BackupItem& item, TreeWriter& tree) {
    const std::uint64_t device = device_ordinal(item.device);
    if (item.kept) {
        if (item.kept->entry.entry.device != device) item.kept->origin.reset();
        item.kept->entry.entry.device = device;
        return tree.add_kept(std::move(*item.kept));
    }
    item.tree.entry.device = device;
    item.tree.entry.sparse = false;
    item.tree.entry.data_extents.clear();
    return tree.add(std::move(item.tree));
}

/// What a copy says as its original does.
void BackupRun::take_over(PointHeader& header) {
    const CopiedPoint& original = *options_.copied;
    const PointHeader& h = original.point.header;
    header.copied = {{h.session, original.point.digest}};
    header.finished_ns = h.finished_ns;
    header.outcome = h.outcome;
    header.issues = h.issues;
    const Statistics stored = header.statistics;
    header.statistics = h.statistics;
    header.statistics.bytes_read = stored.bytes_read;
    header.statistics.bytes_new = stored.bytes_new;
    header.statistics.bytes_stored = stored.bytes_stored;
    body_.issues = original.body.issues;
    body_.host_description = original.body.host_description;
    body_.origin = Origin{original.repository, {h.session, original.point.digest}};
}

void BackupRun::note_issue(Issue issue) {
    ++reporter_.progress.issues;
    reporter_.issue(roots_[root_number_].name, issue);
    constexpr std::size_t kMostRecorded =
        10000;  // the count is exact; the point lists the first ones
    if (body_.issues.size() < kMostRecorded)
        body_.issues.push_back(
            {static_cast<std::uint8_t>(issue.kind), root_number_, issue.path, issue.text});
    issues_.push_back(std::move(issue));
}

Result<PageAddress> BackupRun::store_page(ByteView raw) {
    const Digest digest = keyed_hash(dedup_.page, raw);
    const auto same = inner_pages_.find(digest);
    if (same != inner_pages_.end()) {
        PERDURE_TRY(keep_page(same->second));
        return same->second;
    }
    const LeafId id = *LeafId::from_bytes(digest.view());
    if (!leaves_loaded_) {
        load_leaf_index(repository_, cache_, *session_, *leaves_, {});
        leaves_loaded_ = true;
    }
    auto place = leaves_->find(id);
    // A page is a block of its own: a leaf of other content that happens to be equal would lie
    // somewhere inside a block.
    if (place && (place->offset != 0 || place->length != raw.size())) place.reset();
    if (!place) place = PERDURE_TRY(pages_->add_alone(id, raw));
    const BirthAddress address = registry_.address(place->pack, place->slot);
    tree_cache_->add(address, raw);
    return PageAddress{place->pack, place->slot};
}

Result<void> BackupRun::keep_page(PageAddress page) {
    tree_cache_->keep(registry_.address(page.pack, page.slot));
    return {};
}

/// Inner pages are remembered: where nothing below one has changed, the new tree has it again, and
/// no leaf index needs to be loaded to find that out.
Result<std::shared_ptr<const Buffer>> BackupRun::load_previous(PageAddress page) {
    auto raw = PERDURE_TRY(previous_->load(page));
    const auto kind = page_kind(*raw);
    if (kind && *kind == PageKind::Inner && may_reuse(page.pack, page.slot))
        inner_pages_.emplace(keyed_hash(dedup_.page, *raw), page);
    return raw;
}

// ------------------------------------------------------------------------------------ ends

Result<void> BackupRun::flush_packs() {
    for (auto& worker : workers_) PERDURE_TRY(worker->stream().end_pack());
    PERDURE_TRY(pages_->end_pack());
    return uploader_->drain();
}

PointHeader BackupRun::header_of(EndKind kind) const {
    PointHeader header;
    header.kind = kind;
    header.host = options_.host;
    for (const BackupRoot& root : roots_) header.sources.push_back(root.name);
    header.tags = options_.tags;
    header.started_ns = started_ns_;
    header.finished_ns = repository_.clock().now().nanoseconds;
    header.source_key = source_key_;
    header.supersedes = superseded_;
    header.statistics = result_.statistics;
    header.statistics.bytes_read = shared_->bytes_read;
    header.statistics.bytes_stored = uploader_->bytes();
    header.issues = issues_.size();
    header.outcome = issues_.empty() ? PointOutcome::Success : PointOutcome::Partial;
    if (previous_) header.previous = previous_->point;
    header.locked_until_ns = static_cast<std::uint64_t>(session_->locked_until_ns());
    return header;
}

Result<void> BackupRun::maybe_checkpoint(TreeWriter& tree, std::stop_token stop) {
    if (reporter_.progress.bytes < checkpoint_at_bytes_ &&
        repository_.clock().monotonic_nanoseconds() < checkpoint_at_ns_)
        return {};
    PERDURE_TRY(drain(tree, 0));
    PERDURE_TRY(checkpoint(stop));
    past_sessions_.push_back(std::move(session_));
    PERDURE_TRY(open_session(stop));
    PERDURE_TRY(test_carried(stop));
    for (auto& worker : workers_) worker->stream().attach(*session_);
    pages_->attach(*session_);
    return {};
}

/// The tree so far, and the leaves it is cut from, were tested against the lists of the number
/// before: lists that came since may condemn some of it, and the new number obeys those.
Result<void> BackupRun::test_carried(std::stop_token stop) {
    leaves_->drop_packs([this](const BirthPack& pack) { return !session_->may_reuse(pack); });
    std::erase_if(inner_pages_, [this](const auto& known) {
        return !may_reuse(known.second.pack, known.second.slot);
    });
    LivenessMarks still;
    for (std::size_t i = 0; i < carried_.bitmaps().size(); ++i) {
        const PackNumber n{static_cast<std::uint32_t>(i)};
        for (std::uint32_t slot = 0; slot < 64 * carried_.bitmaps()[i].size(); ++slot)
            if (carried_.contains(n, slot) && may_reuse(n, slot)) still.mark(n, slot);
    }
    carried_ = std::move(still);
    for (std::size_t i = 0; i < live_.bitmaps().size(); ++i) {
        const PackNumber n{static_cast<std::uint32_t>(i)};
        if (session_->may_reuse(registry_.pack_of(n))) continue;
        for (std::uint32_t slot = 0; slot < 64 * live_.bitmaps()[i].size(); ++slot)
            if (live_.contains(n, slot) && !session_->may_reuse(registry_.address(n, slot), stop))
                return Error(ErrorKind::Fenced,
                             "a collection condemned content that this backup had taken over")
                    .with_hint("run the backup again; it goes on from its last checkpoint");
    }
    return {};
}

Result<void> BackupRun::checkpoint(std::stop_token stop) {
    PERDURE_TRY(flush_packs());
    // Everything this session stored, referenced or not: what the workers were ahead of the tree
    // with is kept too.
    const PointHeader header = header_of(EndKind::Checkpoint);
    LivenessMarks marks = live_;
    for (std::size_t i = 0; i < carried_.bitmaps().size(); ++i)
        marks.mark(PackNumber{static_cast<std::uint32_t>(i)}, carried_.bitmaps()[i]);
    session_->mark_published(marks, registry_);
    const Committed done =
        PERDURE_TRY(session_->commit(header, std::nullopt, summarize(marks, registry_), stop));
    superseded_ = {{done.session, done.point}};
    return {};
}

Result<void> BackupRun::commit(std::stop_token stop) {
    PERDURE_TRY(flush_packs());
    Statistics& s = result_.statistics;
    for (auto& worker : workers_) s.bytes_new += worker->stream().raw_bytes();
    s.bytes_stored = uploader_->bytes();
    body_.command = options_.command;
    PointHeader header = header_of(end_kind());
    header.statistics.bytes_new = s.bytes_new;
    if (options_.copied != nullptr) take_over(header);
    const Committed done =
        PERDURE_TRY(session_->commit(header, body_, summarize(live_, registry_), stop));
    header.session = done.session;
    result_.point = Point{header, done.point, false, false, header.tags};
    result_.outcome = issues_.empty() ? Outcome::Success : Outcome::Partial;
    if (roots_.front().kind == EndKind::Files)
        tree_cache_->finish({done.session, done.point}, started_ns_, body_);
    return {};
}

}  // namespace

Result<BackupResult> run_backup(const Repository& repository, const WriterIdentity& identity,
                                const LocalCache& cache, std::vector<BackupRoot> roots,
                                const BackupOptions& options, Reporter& reporter,
                                std::stop_token stop) {
    if (roots.empty())
        return Error(ErrorKind::InvalidInput, "nothing to back up")
            .with_hint("name at least one path");
    return BackupRun(repository, identity, cache, std::move(roots), options, reporter).run(stop);
}

}  // namespace perdure
