#include "engine/copy.h"

#include <algorithm>
#include <map>

#include "base/try.h"
#include "engine/point_source.h"

namespace perdure {

namespace {

constexpr std::size_t kReadCache = 64U << 20;

class CopyRun {
public:
    CopyRun(const Repository& from, const Repository& to, const WriterIdentity& as,
            const LocalCache& cache, const CopyOptions& options, Reporter& reporter)
        : from_(from), to_(to), as_(as), cache_(cache), options_(options), reporter_(reporter) {}

    Result<CopyResult> run(const std::vector<Point>& points, const OnCopied& on_copied,
                           std::stop_token stop) {
        const std::uint64_t begun = from_.clock().monotonic_nanoseconds();
        PERDURE_TRY(learn_copies(stop));
        bool failed = false;
        for (const Point& point : points) {
            if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
            PointCopy copy = PERDURE_TRY(copy_one(point, stop));
            if (result_.interrupted) break;
            failed = failed || copy.state == PointCopy::State::Failed;
            on_copied(copy);
            result_.points.push_back(std::move(copy));
        }
        result_.outcome = failed ? Outcome::Partial : Outcome::Success;
        if (result_.interrupted) result_.outcome = Outcome::Failed;
        result_.seconds = static_cast<double>(from_.clock().monotonic_nanoseconds() - begun) / 1e9;
        return std::move(result_);
    }

private:
    Result<void> learn_copies(std::stop_token stop) {
        const PointList there = PERDURE_TRY(to_.list_points(stop));
        for (const Point& point : there.points) {
            here_.emplace(point.session(), point.digest);
            if (point.header.kind != EndKind::Copy) continue;
            for (const SessionDigest& original : point.header.copied)
                copies_.emplace(original, point.session());
        }
        return {};
    }

    /// The copy of it that is there already: or its original, where it is itself a copy of that.
    std::optional<SessionName> find_copy(const Point& point, const PointBody& body) const {
        const auto at = copies_.find({point.session(), point.digest});
        if (at != copies_.end()) return at->second;
        if (!body.origin || body.origin->repository != to_.id()) return std::nullopt;
        const auto original = here_.find(body.origin->point.session);
        const bool same = original != here_.end() && original->second == body.origin->point.digest;
        return same ? std::optional(original->first) : std::nullopt;
    }

    Result<PointCopy> copy_one(const Point& point, std::stop_token stop) {
        PointCopy copy;
        copy.from = point;
        auto done = try_copy(point, copy, stop);
        if (done) return copy;
        const ErrorKind kind = done.error().kind();
        // What is wrong with one point is said, and the others are copied; what is wrong with the
        // run, or with where it writes, ends it.
        if (kind != ErrorKind::Corrupt && kind != ErrorKind::NotFound)
            return std::move(done).error();
        copy.problem = done.error().describe();
        return copy;
    }

    Result<void> try_copy(const Point& point, PointCopy& copy, std::stop_token stop) {
        const auto reader = PERDURE_TRY(PointReader::open(from_, point, kReadCache, stop));
        copy.to = find_copy(point, reader->body());
        if (copy.to) {
            copy.state = PointCopy::State::AlreadyThere;
            return {};
        }
        if (options_.dry_run) {
            copy.state = PointCopy::State::WouldCopy;
            return {};
        }
        const CopiedPoint original{from_.id(), point, reader->body()};
        BackupOptions options;
        options.host = point.header.host;
        options.tags = point.tags;
        options.command = original.body.command;
        options.compression = options_.compression;
        options.workers = options_.workers;
        options.copied = &original;
        std::vector<BackupRoot> roots;
        for (const Root& root : original.body.roots) {
            if (root.kind != EndKind::Files) options.force = true;  // its times say nothing
            roots.push_back({root.name, open_point_source(*reader, root, stop), root.kind});
        }
        BackupResult made =
            PERDURE_TRY(run_backup(to_, as_, cache_, std::move(roots), options, reporter_, stop));
        take(made, copy);
        return {};
    }

    void take(const BackupResult& made, PointCopy& copy) {
        result_.bytes_read += made.statistics.bytes_read;
        result_.bytes_new += copy.bytes_new = made.statistics.bytes_new;
        result_.bytes_stored += copy.bytes_stored = made.statistics.bytes_stored;
        result_.interrupted = made.interrupted;
        if (!made.point) {
            copy.problem = made.issues.empty()
                               ? "it could not be read"
                               : made.issues.front().path + ": " + made.issues.front().text;
            return;
        }
        copy.state = PointCopy::State::Copied;
        copy.to = made.point->session();
        copies_.emplace(SessionDigest{copy.from.session(), copy.from.digest}, *copy.to);
    }

    const Repository& from_;
    const Repository& to_;
    const WriterIdentity& as_;
    const LocalCache& cache_;
    const CopyOptions& options_;
    Reporter& reporter_;
    std::map<SessionDigest, SessionName> copies_;  // by original
    std::map<SessionName, Digest> here_;
    CopyResult result_;
};

}  // namespace

Result<CopyResult> copy_points(const Repository& from, const std::vector<Point>& points,
                               const Repository& to, const WriterIdentity& as,
                               const LocalCache& cache, const CopyOptions& options,
                               Reporter& reporter, const OnCopied& on_copied,
                               std::stop_token stop) {
    return CopyRun(from, to, as, cache, options, reporter).run(points, on_copied, stop);
}

}  // namespace perdure
