#include "engine/replicate.h"

#include <algorithm>
#include <set>

#include "base/try.h"
#include "engine/block_mover.h"
#include "repo/liveness.h"
#include "repo/moved_blocks.h"

namespace perdure {

namespace {

// What a kill costs at most is moved again.
constexpr std::uint64_t kCheckpointBytes = 4ULL << 30;

class ReplicaRun {
public:
    ReplicaRun(const Repository& from, Repository& to, const WriterIdentity& as,
               const LocalCache& cache, const CopyOptions& options, Reporter& reporter)
        : from_(from),
          to_(to),
          as_(as),
          cache_(cache),
          options_(options),
          reporter_(reporter),
          mover_(from, registry_) {}

    Result<CopyResult> run(const std::vector<Point>& points, const OnCopied& on_copied,
                           std::stop_token stop) {
        const std::uint64_t begun = from_.clock().monotonic_nanoseconds();
        PERDURE_TRY(learn_replica(stop));
        bool failed = false;
        for (const Point& point : points) {
            PointCopy copy;
            copy.from = point;
            auto done = stop.stop_requested()
                            ? Result<void>(Error(ErrorKind::Cancelled, "interrupted"))
                            : replicate(point, copy, stop);
            if (!done) PERDURE_TRY(keep_what_was_moved());
            if (!done && done.error().kind() == ErrorKind::Cancelled) {
                result_.interrupted = true;
                break;
            }
            if (!done && is_of_the_run(done.error())) return std::move(done).error();
            if (!done) copy.problem = done.error().describe();
            failed = failed || !done;
            on_copied(copy);
            result_.points.push_back(std::move(copy));
        }
        if (!options_.dry_run && !result_.interrupted) PERDURE_TRY(import_rest(stop));
        result_.outcome = failed ? Outcome::Partial : Outcome::Success;
        if (result_.interrupted) result_.outcome = Outcome::Failed;
        result_.bytes_stored = mover_.bytes();
        result_.seconds = static_cast<double>(from_.clock().monotonic_nanoseconds() - begun) / 1e9;
        return std::move(result_);
    }

private:
    static bool is_of_the_run(const Error& error) {
        return error.kind() != ErrorKind::Corrupt && error.kind() != ErrorKind::NotFound;
    }

    Result<void> learn_replica(std::stop_token stop) {
        const PointList list = PERDURE_TRY(to_.list_points(stop));
        for (const Point& point : list.points) there_.insert({point.session(), point.digest});
        for (const Point& point : list.expired) forgotten_.insert({point.session(), point.digest});
        const auto moved = PERDURE_TRY(MovedBlocks::load(to_, stop));
        for (const MovedBlocks::Holder& holder : moved->holders()) hold(*holder.table);
        return find_checkpoint(stop);
    }

    /// The one that a run before this left, if it came to that.
    Result<void> find_checkpoint(std::stop_token stop) {
        std::optional<SessionName> last;
        PERDURE_TRY(to_.store().list(
            names::points_prefix(as_.enrolment),
            [&](std::string_view name, const ObjectStat&) {
                if (const auto session = names::parse_point(name)) last = session;
                return true;
            },
            stop));
        if (!last) return {};
        const auto end = to_.load_point(*last, stop);
        if (!end || end->header.kind != EndKind::Checkpoint) return {};
        const auto marks = load_liveness(to_, *end, registry_, stop);
        if (!marks) return {};
        carried_ = *marks;
        superseded_ = {{*last, end->digest}};
        return {};
    }

    Result<void> replicate(const Point& point, PointCopy& copy, std::stop_token stop) {
        const SessionDigest name{point.session(), point.digest};
        copy.to = point.session();
        copy.state = PointCopy::State::AlreadyThere;
        if (there_.contains(name)) return {};
        copy.state = PointCopy::State::Forgotten;
        if (forgotten_.contains(name)) return {};
        copy.state = PointCopy::State::WouldCopy;
        if (options_.dry_run) return {};
        copy.state = PointCopy::State::Failed;
        const LivenessMarks needed = PERDURE_TRY(load_liveness(from_, point, registry_, stop));
        PERDURE_TRY(open_session(point, stop));
        const std::uint64_t before = mover_.bytes();
        PERDURE_TRY(move_blocks(point, needed, stop));
        PERDURE_TRY(mover_.end_packs(stop));
        PERDURE_TRY(copy_records(point, stop));
        PERDURE_TRY(commit(point, needed, stop));
        copy.bytes_new = copy.bytes_stored = mover_.bytes() - before;
        copy.state = PointCopy::State::Copied;
        there_.insert(name);
        return {};
    }

    Result<void> open_session(const Point& point, std::stop_token stop) {
        if (session_) return {};
        SessionOptions options;
        options.purpose = SessionPurpose::Copy;
        options.host = point.header.host;
        options.pack_size = to_.store().properties().pack_size;
        session_ = PERDURE_TRY(WriteSession::begin(to_, as_, cache_, options, stop));
        mover_.attach(*session_);
        at_checkpoint_ = mover_.bytes();
        if (session_->newest_list() != newest_list_) learn_what_stays(stop);
        return {};
    }

    /// After a collection: of what the replica holds, what this session may build on.
    void learn_what_stays(std::stop_token stop) {
        newest_list_ = session_->newest_list();
        held_ = {};
        const auto moved = session_->moved_blocks(stop);
        if (!moved) return;
        for (const MovedBlocks::Holder& holder : moved->holders())
            if (session_->may_reuse(holder.table->pack)) hold(*holder.table);
    }

    void hold(const PackTable& table) {
        for (const SlotEntry& slot : table.slots)
            held_.mark(registry_.number_of(slot.birth.pack), slot.birth.slot);
    }

    Result<void> move_blocks(const Point& point, const LivenessMarks& needed,
                             std::stop_token stop) {
        for (std::uint32_t pack = 0; pack < needed.bitmaps().size(); ++pack) {
            const PackNumber birth{pack};
            std::vector<std::uint32_t> slots;
            for (std::uint32_t i = 0; i < needed.bitmaps()[pack].size() * 64; ++i)
                if (needed.contains(birth, i) && !held_.contains(birth, i)) slots.push_back(i);
            if (slots.empty()) continue;
            const auto lost = PERDURE_TRY(mover_.move(birth, slots, stop));
            std::set<std::uint32_t> missing;
            for (const auto& one : lost) missing.insert(one.slot);
            for (const std::uint32_t slot : slots)
                if (!missing.contains(slot)) held_.mark(birth, slot);
            if (!lost.empty())
                return Error(ErrorKind::Corrupt,
                             "block " + std::to_string(lost.front().slot) + " of pack " +
                                 registry_.pack_of(birth).pack.hex() + ": " + lost.front().text)
                    .with_hint("run `perdure check`, then `perdure repair`");
            reporter_.progress.bytes_stored = mover_.bytes();
            if (mover_.bytes() - at_checkpoint_ < kCheckpointBytes) continue;
            PERDURE_TRY(keep_what_was_moved());
            PERDURE_TRY(open_session(point, stop));
        }
        return {};
    }

    /// What was moved counts from here on, whatever becomes of the rest.
    Result<void> keep_what_was_moved() {
        if (!session_) return {};
        PERDURE_TRY(mover_.end_packs({}));
        PointHeader header;
        header.kind = EndKind::Checkpoint;
        header.started_ns = header.finished_ns = to_.clock().now().nanoseconds;
        header.supersedes = superseded_;
        LivenessMarks marks = carried_;
        session_->mark_published(marks, registry_);
        const Committed done =
            PERDURE_TRY(session_->commit(header, std::nullopt, summarize(marks, registry_), {}));
        carried_ = std::move(marks);
        superseded_ = {{done.session, done.point}};
        session_.reset();
        return {};
    }

    Result<void> copy_object(const ObjectName& name, const Digest& expected, std::stop_token stop) {
        const Buffer object = PERDURE_TRY(from_.store().load(name, ByteRange::all(), stop));
        if (digest_of(object) != expected)
            return Error(ErrorKind::Corrupt, name.text() + ": is not the one that is bound");
        auto created = to_.store().create(name, object, stop);
        if (created || created.error().kind() != ErrorKind::AlreadyExists) return created;
        const Buffer there = PERDURE_TRY(to_.store().load(name, ByteRange::all(), stop));
        if (equal(there, object)) return {};
        return Error(ErrorKind::Corrupt, name.text() + ": the replica has another one");
    }

    /// What is imported stays: bytes that were damaged on the way must not. An enrolment whose
    /// signer cannot be believed any more must at least read the same twice.
    Result<void> import_enrolment(const ObjectName& name, std::stop_token stop) {
        const Buffer object = PERDURE_TRY(from_.load_original(name, stop));
        if (!from_.open_by_maintainer(ObjectType::Enrolment, name, object) &&
            !equal(object, PERDURE_TRY(from_.load_original(name, stop))))
            return Error(ErrorKind::Corrupt, name.text() + ": reads differently each time");
        return to_.add_import(name, object, stop);
    }

    Result<void> copy_records(const Point& point, std::stop_token stop) {
        const SessionName session = point.session();
        const ObjectName log = names::log_entry(session);
        const Buffer entry = PERDURE_TRY(from_.load_original(log, stop));
        if (digest_of(entry) != point.header.log_entry)
            return Error(ErrorKind::Corrupt, log.text() + ": is not the one that is bound");
        PERDURE_TRY(to_.add_import(log, entry, stop));
        PERDURE_TRY(import_enrolment(names::enrolment(session.writer), stop));
        PERDURE_TRY(copy_object(names::index(session), *point.header.index, stop));
        return copy_object(names::point(session), point.digest, stop);
    }

    /// What is no point, and small: enrolments, log entries, and the ends and indexes of sessions
    /// that made none. A repair of the source finds them here.
    Result<void> import_rest(std::stop_token stop) {
        std::set<std::string> there;
        PERDURE_TRY(to_.store().list(
            "imports/",
            [&](std::string_view name, const ObjectStat&) {
                there.emplace(name);
                return true;
            },
            stop));
        std::vector<ObjectName> wanted;
        for (const char* prefix : {"writers/", "log/", "points/", "index/"})
            PERDURE_TRY(from_.store().list(
                prefix,
                [&](std::string_view text, const ObjectStat&) {
                    auto name = ObjectName::parse(text);
                    if (name && !there.contains(names::proof_of(*name).text()))
                        wanted.push_back(std::move(*name));
                    return true;
                },
                stop));
        for (const ObjectName& name : wanted) {
            const auto object = from_.store().load(name, ByteRange::all(), stop);
            const bool belongs = object && is_of_the_rest(name, *object, stop);
            if (belongs) PERDURE_TRY(to_.add_import(name, *object, stop));
        }
        return {};
    }

    /// Believed, and neither a point nor its index, which lie under their own names.
    bool is_of_the_rest(const ObjectName& name, ByteView object, const std::stop_token& stop) {
        if (names::parse_enrolment(name.text()))
            return from_.open_by_maintainer(ObjectType::Enrolment, name, object).has_value();
        if (const auto log = names::parse_log_entry(name.text()))
            return from_.read_log_entry(*log, object, nullptr, stop).has_value();
        const auto end = names::parse_point(name.text());
        const auto index = names::parse_index(name.text());
        if (!end && !index) return false;
        const auto point = from_.load_point(end ? *end : *index, stop);
        if (!point || is_point(point->header.kind)) return false;
        return (end ? point->digest : point->header.index) == digest_of(object);
    }

    Result<void> commit(const Point& point, const LivenessMarks& needed, std::stop_token stop) {
        PointHeader header = point.header;
        header.kind = EndKind::Copy;
        header.index.reset();
        header.body.reset();
        header.previous.reset();
        header.repaired.reset();
        header.fenced_by.reset();
        header.locked_until_ns = 0;
        header.tags = point.tags;
        header.supersedes = superseded_;
        header.copied = {{point.session(), point.digest}};
        PERDURE_TRY(session_->commit(header, std::nullopt, summarize(needed, registry_), stop));
        session_.reset();
        superseded_.clear();
        carried_ = {};
        return {};
    }

    const Repository& from_;
    Repository& to_;
    const WriterIdentity& as_;
    const LocalCache& cache_;
    const CopyOptions& options_;
    Reporter& reporter_;
    PackRegistry registry_;
    BlockMover mover_;
    std::unique_ptr<WriteSession> session_;
    std::set<SessionDigest> there_, forgotten_;
    LivenessMarks held_;     // blocks that the replica has
    LivenessMarks carried_;  // by the checkpoints since the last copy point
    std::vector<SessionDigest> superseded_;
    std::uint64_t at_checkpoint_ = 0;
    std::uint64_t newest_list_ = 0;  // that held_ obeys
    CopyResult result_;
};

}  // namespace

Result<CopyResult> replicate_points(const Repository& from, const std::vector<Point>& points,
                                    Repository& to, const WriterIdentity& as,
                                    const LocalCache& cache, const CopyOptions& options,
                                    Reporter& reporter, const OnCopied& on_copied,
                                    std::stop_token stop) {
    return ReplicaRun(from, to, as, cache, options, reporter).run(points, on_copied, stop);
}

}  // namespace perdure
