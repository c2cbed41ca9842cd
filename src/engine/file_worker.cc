#include "engine/file_worker.h"

#include <algorithm>

#include "base/task_group.h"
#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kSpan =
    1U << 20;  // one read; scan, hash and compress stay inside the L2 cache
constexpr std::size_t kOpenAtOnce =
    64;  // files opened and read ahead together: hides the disk's latency on cold trees
constexpr std::uint64_t kReadAhead = 1U << 20;

Issue issue_of(const BackupItem& item, IssueKind kind, std::string text) {
    return {kind, item.walked.entry.path, std::move(text)};
}

/// The data stretches of a file: one, unless it has holes. An error means the holes are unknown,
/// which costs space only.
std::vector<DataExtent> extents_of(OpenFile& file, std::uint64_t size) {
    if (file.may_be_sparse())
        if (auto extents = file.data_extents()) return std::move(*extents);
    return {{0, size}};
}

}  // namespace

std::vector<PackStretch> pack_stretches(const Recipe& recipe) {
    std::vector<PackStretch> stretches;
    std::uint64_t end = 0;
    for (const Run& run : recipe) {
        end += run.length;
        if (!stretches.empty() && stretches.back().pack == run.pack)
            stretches.back().end = end;
        else
            stretches.push_back({end, run.pack});
    }
    return stretches;
}

FileWorker::FileWorker(WorkerShared& shared, PackRegistry& registry, PackUploader& uploader,
                       const PackStream::Options& options)
    : shared_(shared), stream_(registry, shared.leaves, uploader, options) {
    buffer_.resize(kSpan + shared.chunker.profile().max_size());
}

Result<void> FileWorker::run(const BackupJob& job, std::stop_token stop) {
    auto done = without_exceptions([&] { return dispatch(job, stop); });
    job.batch->finish_job(done.has_value());
    return done;
}

Result<void> FileWorker::dispatch(const BackupJob& job, std::stop_token stop) {
    if (job.item < 0) return run_small(*job.batch, stop);
    BackupItem& item = job.batch->items[static_cast<std::size_t>(job.item)];
    if (job.segment == kWholeFile) return run_whole(*job.batch, item, stop);
    return run_segment(*job.batch, item, job.segment, stop);
}

Result<void> FileWorker::run_small(BackupBatch& batch, std::stop_token stop) {
    std::vector<std::pair<BackupItem*, std::unique_ptr<OpenFile>>> opened;
    const auto read_opened = [&]() -> Result<void> {
        for (auto& [item, file] : opened)
            PERDURE_TRY(capture(*batch.source, *item, std::move(file), stop));
        opened.clear();
        return {};
    };
    for (BackupItem& item : batch.items) {
        if (!item.needs_capture || is_segmented(item)) continue;
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        std::unique_ptr<OpenFile> file;
        if (item.walked.entry.type == EntryType::File) {
            auto result = batch.source->open(item.walked);
            if (auto* issue = std::get_if<Issue>(&result)) {
                item.issues.push_back(std::move(*issue));
                item.state = BackupItem::State::Failed;
                continue;
            }
            file = std::move(std::get<std::unique_ptr<OpenFile>>(result));
            if (file->size() > 0) file->read_ahead(std::min(file->size(), kReadAhead));
        }
        opened.emplace_back(&item, std::move(file));
        if (opened.size() == kOpenAtOnce) PERDURE_TRY(read_opened());
    }
    return read_opened();
}

Result<void> FileWorker::capture(FileSource& source, BackupItem& item,
                                 std::unique_ptr<OpenFile> file, std::stop_token stop) {
    for (Issue& issue : source.read_details(item.walked, file.get())) {
        if (issue.kind == IssueKind::Vanished) item.state = BackupItem::State::Failed;
        item.issues.push_back(std::move(issue));
    }
    if (item.state == BackupItem::State::Failed) return {};
    Entry& entry = item.walked.entry;
    if (file) {
        Recipe& recipe = item.tree.recipe;
        std::uint64_t at = 0;
        const std::uint64_t size = file->size();
        expect_neighbours(item.before, 0, size);
        const auto extents = extents_of(*file, size);
        for (std::size_t i = 0; i <= extents.size(); ++i) {
            const bool tail = i == extents.size();
            // What lies behind the last extent was a hole when it was mapped.
            const std::uint64_t start = tail ? std::max(at, size) : extents[i].offset;
            if (start > at) append_run(recipe, Run::hole(start - at));
            at = std::max(at, start);
            if (tail) break;
            const bool to_end =
                i + 1 == extents.size() && extents[i].offset + extents[i].length >= size;
            const ReadOutcome outcome = PERDURE_TRY(read_stretch(
                *file, at, to_end ? ~std::uint64_t{0} : extents[i].length, recipe, stop));
            at += outcome.read;
            if (outcome.failed) {
                item.issues.push_back(
                    issue_of(item, IssueKind::Unreadable, outcome.failed->describe()));
                item.state = BackupItem::State::Failed;
                return {};
            }
            // Read to its end, wherever that is by now; or it shrank.
            if (to_end || outcome.read < extents[i].length) break;
        }
        entry.size = length_of(recipe);
        const auto changed = file->changed_since_open();
        if (!changed || *changed)
            item.issues.push_back(issue_of(item, IssueKind::Changed,
                                           "changed while it was read; what was read is stored"));
        ++shared_.reporter.progress.files;
    }
    item.tree.entry = std::move(entry);
    item.walked = {};
    return {};
}

Result<void> FileWorker::run_whole(BackupBatch& batch, BackupItem& item, std::stop_token stop) {
    item.segments.clear();
    auto result = batch.source->open(item.walked);
    if (auto* issue = std::get_if<Issue>(&result)) {
        item.issues.push_back(std::move(*issue));
        item.state = BackupItem::State::Failed;
        return {};
    }
    return capture(*batch.source, item, std::move(std::get<std::unique_ptr<OpenFile>>(result)),
                   stop);
}

Result<void> FileWorker::run_segment(BackupBatch& batch, BackupItem& item, std::uint32_t segment,
                                     std::stop_token stop) {
    if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
    const std::uint64_t start = segment * kSegmentSize;
    const std::uint64_t size = item.walked.entry.size;
    WalkedEntry walked =
        item.walked;  // segments run at the same time; open() refreshes its own copy
    auto result = batch.source->open(walked);
    if (std::holds_alternative<Issue>(result))
        return {};  // segment stays short; the batch's end sees it
    auto file = std::move(std::get<std::unique_ptr<OpenFile>>(result));
    if (walked.entry.mtime_ns != item.walked.entry.mtime_ns || walked.entry.size != size) return {};
    const std::uint64_t end = std::min(size, start + kSegmentSize);
    expect_neighbours(item.before, start, end - start);
    Recipe recipe;
    std::uint64_t at = start;
    for (const DataExtent& extent : extents_of(*file, size)) {
        const std::uint64_t from = std::clamp(extent.offset, at, end);
        const std::uint64_t to = std::clamp(extent.offset + extent.length, from, end);
        if (from == to) continue;
        if (from > at) append_run(recipe, Run::hole(from - at));
        const ReadOutcome outcome = PERDURE_TRY(read_stretch(*file, from, to - from, recipe, stop));
        if (outcome.failed || outcome.read < to - from) return {};
        at = to;
    }
    if (at < end) append_run(recipe, Run::hole(end - at));
    if (segment == 0) {
        item.issues = batch.source->read_details(walked, file.get());
        item.tree.entry = walked.entry;
    }
    const auto changed = file->changed_since_open();
    if (!changed || *changed) return {};
    item.segments[segment] = std::move(recipe);
    item.segment_lengths[segment] = end - start;
    return {};
}

Result<FileWorker::ReadOutcome> FileWorker::read_stretch(OpenFile& file, std::uint64_t offset,
                                                         std::uint64_t length, Recipe& recipe,
                                                         std::stop_token stop) {
    ReadOutcome outcome;
    std::size_t held = 0;
    bool last = false;
    while (!last) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const std::size_t want =
            static_cast<std::size_t>(std::min<std::uint64_t>(kSpan, length - outcome.read));
        const auto got =
            file.read(offset + outcome.read, MutableByteView(buffer_).subspan(held, want));
        if (!got) {
            if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
            outcome.failed = got.error();
            return outcome;
        }
        outcome.read += *got;
        held += *got;
        last = *got < want || outcome.read == length;
        shared_.bytes_read += *got;
        shared_.reporter.progress.bytes += *got;
        cuts_.clear();
        shared_.chunker.cut(ByteView(buffer_).first(held), last, cuts_, scratch_);
        std::uint32_t start = 0;
        for (const std::uint32_t cut : cuts_) {
            PERDURE_TRY(store_leaf(ByteView(buffer_).subspan(start, cut - start), recipe));
            start = cut;
        }
        std::memmove(buffer_.data(), buffer_.data() + start, held - start);
        held -= start;
    }
    return outcome;
}

/// What lay there before comes again, but for what has changed.
void FileWorker::expect_neighbours(const std::vector<PackStretch>& before, std::uint64_t offset,
                                   std::uint64_t length) {
    if (!shared_.leaves.is_sparse()) return;
    const auto first =
        std::partition_point(before.begin(), before.end(),
                             [&](const PackStretch& stretch) { return stretch.end <= offset; });
    std::uint64_t begin = offset;
    for (auto at = first; at != before.end() && begin < offset + length; begin = at++->end)
        if (at->pack != kHolePack) shared_.leaves.expect(at->pack);
}

Result<void> FileWorker::store_leaf(ByteView content, Recipe& recipe) {
    const Digest digest = keyed_hash(shared_.leaf_key, content);
    const LeafId id = *LeafId::from_bytes(digest.view());
    auto place = shared_.leaves.find(id);
    if (!place) place = PERDURE_TRY(stream_.add(id, content));
    append_run(recipe, {place->pack, place->slot, place->offset, place->length});
    return {};
}

}  // namespace perdure
