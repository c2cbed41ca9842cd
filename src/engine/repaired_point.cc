#include "engine/repaired_point.h"

#include <algorithm>

#include "base/try.h"
#include "chunk/chunker.h"
#include "engine/block_mover.h"
#include "engine/point_reader.h"
#include "repo/liveness.h"
#include "repo/own_leaves.h"
#include "repo/session.h"

namespace perdure {

namespace {

constexpr std::size_t kPageCache = 32U << 20;
constexpr std::size_t kMostRecorded = 10000;  // the count is exact; the point lists the first ones
constexpr int kMaxDepth = 16;
constexpr std::uint8_t kUnreadable = 1;  // FORMAT.md §14

bool is_loss(const Error& error) {
    return error.kind() == ErrorKind::Corrupt || error.kind() == ErrorKind::NotFound;
}

/// Walks one root, around what cannot be read.
class Survivors {
public:
    using OnEntry = std::function<Result<void>(TreeEntry)>;
    /// Makes good the content of a file that cannot be read. False if it cannot.
    using OnDamaged = std::function<Result<bool>(TreeEntry&)>;
    using OnLost = std::function<void(const std::string& path, const std::string& text)>;

    Survivors(PointReader& reader, const Root& root, OnEntry on_entry, OnDamaged on_damaged,
              OnLost on_lost, std::stop_token stop)
        : reader_(reader),
          root_(root),
          on_entry_(std::move(on_entry)),
          on_damaged_(std::move(on_damaged)),
          on_lost_(std::move(on_lost)),
          stop_(std::move(stop)) {}

    Result<void> run() {
        return page({reader_.registry().number_of(root_.page.pack), root_.page.slot}, "", 0);
    }

private:
    Result<void> page(PageAddress at, const std::string& first, int depth) {
        if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        auto read = unless_on_the_way([&] { return read_page(at, depth); });
        if (!read && !is_loss(read.error())) return std::move(read).error();
        if (!read) {
            on_lost_(first, "and what followed it: " + read.error().describe());
            return {};
        }
        for (TreeEntry& entry : read->entries) PERDURE_TRY(take(std::move(entry)));
        for (const InnerChild& child : read->children)
            PERDURE_TRY(page(child.page, child.first_path, depth + 1));
        return {};
    }

    /// A second time where something is lost: the way here may have damaged it.
    template <class Read>
    static auto unless_on_the_way(const Read& read) -> decltype(read()) {
        auto got = read();
        return got || !is_loss(got.error()) ? got : read();
    }

    struct Page {
        std::vector<TreeEntry> entries;
        std::vector<InnerChild> children;
    };
    Result<Page> read_page(PageAddress at, int depth) {
        const auto raw = PERDURE_TRY(reader_.blocks().read(at.pack, at.slot, stop_));
        Page read;
        if (PERDURE_TRY(page_kind(*raw)) != PageKind::Inner)
            read.entries = PERDURE_TRY(decode_entries_page(*raw, reader_.registry()));
        else if (depth < kMaxDepth)
            read.children = PERDURE_TRY(decode_inner_page(*raw, reader_.registry()));
        else
            return Error(ErrorKind::Corrupt, "pages are nested too deep");
        return read;
    }

    Result<void> take(TreeEntry entry) {
        const std::string path = entry.entry.path;
        auto whole = unless_on_the_way([&] { return reader_.cursor(root_).complete(entry); });
        const bool described = whole.has_value();
        if (described)
            whole = unless_on_the_way([&] {
                return reader_.read(
                    entry.recipe, true, [](std::uint64_t, ByteView) { return Result<void>(); },
                    stop_);
            });
        if (whole) return on_entry_(std::move(entry));
        if (!is_loss(whole.error())) return whole;
        if (described && on_damaged_ && PERDURE_TRY(on_damaged_(entry)))
            return on_entry_(std::move(entry));
        on_lost_(path, whole.error().describe());
        return {};
    }

    PointReader& reader_;
    const Root& root_;
    OnEntry on_entry_;
    OnDamaged on_damaged_;
    OnLost on_lost_;
    std::stop_token stop_;
};

std::string absolute(const Root& root, const std::string& path) {
    if (path.empty()) return root.name;
    return root.name + (root.name.ends_with('/') ? "" : "/") + path;
}

/// Stores pages in packs of a session, each once.
class PageStore {
public:
    PageStore(WriteSession& session, PackRegistry& registry, const DedupKeys& keys)
        : session_(session),
          registry_(registry),
          page_key_(keys.page),
          sealer_(session.context().repository),
          hasher_(session.context().repository, session.context().domain) {}

    Result<PageAddress> store(ByteView raw) {
        const Digest digest = keyed_hash(page_key_, raw);
        if (const auto same = stored_.find(digest); same != stored_.end()) return same->second;
        if (pack_ && pack_->full()) PERDURE_TRY(end_pack());
        if (!pack_)
            pack_ = std::make_unique<PackBuilder>(session_.context(), PackKind::Metadata,
                                                  session_.new_pack_id(), Buffer());
        const PageAddress at{registry_.number_of(pack_->pack()), pack_->next_slot()};
        const LeafRecord leaf{*LeafId::from_bytes(digest.view()),
                              static_cast<std::uint32_t>(raw.size())};
        PERDURE_TRY(pack_->add(raw, {&leaf, 1}, sealer_, hasher_, {}));
        stored_.emplace(digest, at);
        return at;
    }

    Result<void> end_pack() {
        if (!pack_ || pack_->empty()) return {};
        FinishedPack finished = pack_->finish();
        pack_.reset();
        return session_.publish(finished, {}, {});
    }

private:
    WriteSession& session_;
    PackRegistry& registry_;
    const Key256 page_key_;
    BlockSealer sealer_;
    LeafTableHasher hasher_;
    std::unique_ptr<PackBuilder> pack_;
    std::map<Digest, PageAddress> stored_;
};

/// Stores content that was read again, a block a stretch.
class ContentStore {
public:
    ContentStore(WriteSession& session, PackRegistry& registry, const Repository& repository,
                 const DomainKeys& domain, const DedupKeys& keys)
        : session_(session),
          registry_(registry),
          leaf_key_(keys.leaf),
          chunker_(ChunkerProfile{repository.config().chunker_average_log2},
                   ChunkerTables::from_bytes(keys.chunker_tables.reveal(),
                                             keys.chunker_confirm.reveal())),
          sealer_(repository.id()),
          hasher_(repository.id(), domain) {}

    /// Nothing if the file ended, changed or could not be read meanwhile.
    Result<std::optional<Recipe>> store(OpenFile& file, std::uint64_t size) {
        std::vector<DataExtent> extents{{0, size}};
        if (file.may_be_sparse())
            if (auto found = file.data_extents()) extents = std::move(*found);
        Recipe recipe;
        std::uint64_t at = 0;
        for (const DataExtent& extent : extents) {
            if (extent.offset > at) append_run(recipe, Run::hole(extent.offset - at));
            at = extent.offset;
            for (const std::uint64_t end = extent.offset + extent.length; at < end;) {
                Buffer part(std::min<std::uint64_t>(kMaxBlockRaw, end - at));
                const auto got = file.read(at, part);
                if (!got || *got != part.size()) return std::optional<Recipe>();
                append_run(recipe, PERDURE_TRY(add(part)));
                at += part.size();
            }
        }
        if (size > at) append_run(recipe, Run::hole(size - at));
        const auto changed = file.changed_since_open();
        if (!changed || *changed) return std::optional<Recipe>();
        return std::optional(std::move(recipe));
    }

    Result<void> end_pack() {
        if (!pack_ || pack_->empty()) return {};
        FinishedPack finished = pack_->finish();
        pack_.reset();
        return session_.publish(finished, {}, {});
    }

private:
    Result<Run> add(ByteView raw) {
        if (pack_ && pack_->full()) PERDURE_TRY(end_pack());
        if (!pack_)
            pack_ = std::make_unique<PackBuilder>(session_.context(), PackKind::Data,
                                                  session_.new_pack_id(), Buffer());
        std::vector<std::uint32_t> cuts;
        chunker_.cut(raw, true, cuts, scratch_);
        std::vector<LeafRecord> leaves;
        std::uint32_t start = 0;
        for (const std::uint32_t cut : cuts) {
            const Digest id = keyed_hash(leaf_key_, raw.subspan(start, cut - start));
            leaves.push_back({*LeafId::from_bytes(id.view()), cut - start});
            start = cut;
        }
        const Run run{registry_.number_of(pack_->pack()), pack_->next_slot(), 0, raw.size()};
        PERDURE_TRY(pack_->add(raw, leaves, sealer_, hasher_, {}));
        return run;
    }

    WriteSession& session_;
    PackRegistry& registry_;
    const Key256 leaf_key_;
    const Chunker chunker_;
    Chunker::Scratch scratch_;
    BlockSealer sealer_;
    LeafTableHasher hasher_;
    std::unique_ptr<PackBuilder> pack_;
};

class RepairedPointRun {
public:
    RepairedPointRun(const Repository& repository, const Point& point, PointReader& reader,
                     const OpenLive& open_live, std::stop_token stop)
        : repository_(repository),
          point_(point),
          reader_(reader),
          open_live_(open_live),
          stop_(std::move(stop)) {}

    Result<RepairedPoint> run(const WriterIdentity& as, const LocalCache& cache) {
        SessionOptions options;
        options.purpose = SessionPurpose::Repair;
        options.host = point_.header.host;
        options.pack_size = repository_.store().properties().pack_size;
        session_ = PERDURE_TRY(WriteSession::begin(repository_, as, cache, options, stop_));
        const DedupKeys keys = expand(session_->context().domain, repository_.id());
        PageStore pages(*session_, reader_.registry(), keys);
        ContentStore content(*session_, reader_.registry(), repository_, session_->context().domain,
                             keys);
        body_ = reader_.body();
        for (Root& root : body_.roots) PERDURE_TRY(rebuild(root, keys, pages, content));
        PERDURE_TRY(content.end_pack());
        PERDURE_TRY(pages.end_pack());
        PERDURE_TRY(move_unplaced_blocks());
        return commit();
    }

private:
    Result<bool> read_again(const Root& root, TreeEntry& entry, ContentStore& content) {
        if (!open_live_ || root.kind != EndKind::Files || entry.entry.type != EntryType::File)
            return false;
        const auto file = open_live_(absolute(root, entry.entry.path), entry.entry);
        if (!file) return false;
        auto recipe = PERDURE_TRY(content.store(*file, entry.entry.size));
        if (!recipe) return false;
        entry.recipe = std::move(*recipe);
        ++read_again_;
        return true;
    }

    Result<void> rebuild(Root& root, const DedupKeys& keys, PageStore& pages,
                         ContentStore& content) {
        // Its address changes below; the walk needs the one that it had.
        const Root original = root;
        TreeWriter tree(
            keys.boundary, reader_.registry(), [&](ByteView raw) { return pages.store(raw); },
            [](PageAddress) { return Result<void>(); }, live_);
        const auto number = static_cast<std::uint32_t>(&root - body_.roots.data());
        std::uint64_t kept = 0;
        const auto on_lost = [&](const std::string& path, const std::string& text) {
            ++lost_count_;
            lost_.push_back(absolute(root, path));
            if (body_.issues.size() < kMostRecorded)
                body_.issues.push_back(
                    {kUnreadable, number, path, "lost from the repository: " + text});
        };
        Survivors survivors(
            reader_, original,
            [&](TreeEntry entry) {
                ++kept;
                entry.outlined_recipe = false;
                entry.outlined_xattrs.clear();
                return tree.add(std::move(entry));
            },
            [&](TreeEntry& entry) { return read_again(original, entry, content); }, on_lost, stop_);
        PERDURE_TRY(survivors.run());
        if (kept == 0) {
            // Nothing of it is left, not even its directory.
            TreeEntry empty;
            empty.entry.type = EntryType::Directory;
            empty.entry.mode = 0700;
            PERDURE_TRY(tree.add(std::move(empty)));
        }
        const PageAddress page = PERDURE_TRY(tree.finish());
        root.page = reader_.registry().address(page.pack, page.slot);
        return {};
    }

    /// Of sessions whose index is lost: in packs of this session an index says where they lie.
    Result<void> move_unplaced_blocks() {
        BlockMover mover(repository_, reader_.registry());
        mover.attach(*session_);
        for (std::uint32_t pack = 0; pack < live_.bitmaps().size(); ++pack) {
            const PackNumber birth{pack};
            const SessionName session = reader_.registry().pack_of(birth).session;
            if (live_.bitmaps()[pack].empty() || session == session_->name() || is_placed(session))
                continue;
            std::vector<std::uint32_t> slots;
            for (std::uint32_t slot = 0; slot < live_.bitmaps()[pack].size() * 64; ++slot)
                if (live_.contains(birth, slot)) slots.push_back(slot);
            const auto lost = PERDURE_TRY(mover.move(birth, slots, stop_));
            if (!lost.empty()) return Error(ErrorKind::Corrupt, lost.front().text);
        }
        return mover.end_packs(stop_);
    }

    bool is_placed(SessionName session) {
        const auto known = placed_.find(session);
        if (known != placed_.end()) return known->second;
        const bool placed = bound_index(repository_, session, stop_) != nullptr;
        placed_.emplace(session, placed);
        return placed;
    }

    Result<RepairedPoint> commit() {
        PointHeader header = point_.header;
        header.kind = EndKind::Repaired;
        header.index.reset();
        header.body.reset();
        header.supersedes.clear();
        header.copied.clear();
        header.fenced_by.reset();
        header.locked_until_ns = 0;
        header.tags = point_.tags;
        header.repaired = SessionDigest{point_.session(), point_.digest};
        header.issues += lost_count_;
        if (header.issues > 0) header.outcome = PointOutcome::Partial;
        header.statistics.entries -= std::min(header.statistics.entries, lost_count_);
        header.statistics.failed += lost_count_;
        const Committed done = PERDURE_TRY(
            session_->commit(header, body_, summarize(live_, reader_.registry()), stop_));
        return RepairedPoint{done, std::move(lost_), read_again_};
    }

    const Repository& repository_;
    const Point& point_;
    PointReader& reader_;
    const OpenLive& open_live_;
    const std::stop_token stop_;
    std::unique_ptr<WriteSession> session_;
    LivenessMarks live_;
    PointBody body_;
    std::vector<std::string> lost_;
    std::uint64_t lost_count_ = 0;
    std::uint64_t read_again_ = 0;
    std::map<SessionName, bool> placed_;
};

}  // namespace

Result<std::vector<std::string>> find_lost_paths(const Repository& repository, const Point& point,
                                                 std::stop_token stop) {
    const auto reader = PERDURE_TRY(PointReader::open(repository, point, kPageCache, stop));
    std::vector<std::string> lost;
    for (const Root& root : reader->body().roots) {
        Survivors survivors(
            *reader, root, [](TreeEntry) { return Result<void>(); }, nullptr,
            [&](const std::string& path, const std::string&) {
                lost.push_back(absolute(root, path));
            },
            stop);
        PERDURE_TRY(survivors.run());
    }
    return lost;
}

Result<RepairedPoint> make_repaired_point(const Repository& repository, const Point& point,
                                          const WriterIdentity& as, const LocalCache& cache,
                                          const OpenLive& open_live, std::stop_token stop) {
    const auto reader = PERDURE_TRY(PointReader::open(repository, point, kPageCache, stop));
    return RepairedPointRun(repository, point, *reader, open_live, stop).run(as, cache);
}

}  // namespace perdure
