#include "repo/fates.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "base/guarded.h"
#include "base/task_group.h"
#include "base/try.h"
#include "repo/names.h"
#include "repo/owner_records.h"
#include "repo/protocol/upkeep.h"
#include "repo/protocol_tokens.h"
#include "repo/record.h"

namespace perdure {

namespace {

Result<Fate> read_fate(const Repository& repository, const Point& point, std::uint32_t number,
                       ByteView object) {
    const ObjectName name = names::fate(point.session(), number);
    const auto opened = PERDURE_TRY(repository.open_by_maintainer(ObjectType::Fate, name, object));
    Fate fate = PERDURE_TRY(decode_fate(opened.body).context(name.text()));
    if (fate.point != SessionDigest{point.session(), point.digest} || fate.number != number)
        return Error(ErrorKind::Corrupt, name.text() + ": is about another point");
    return fate;
}

void apply(const Fate& fate, Point& point) {
    switch (fate.kind) {
        case FateKind::Tags: point.tags = fate.tags; break;
        case FateKind::Protected: point.is_protected = true; break;
        case FateKind::Unprotected: point.is_protected = false; break;
        case FateKind::Expired:
            if (point.expired) break;
            point.expired = true;
            point.expired_ns = fate.time_ns;
            point.expired_reason = fate.reason;
            break;
    }
}

struct FatesOfPoint {
    Point* point = nullptr;
    std::vector<std::uint32_t> numbers;  // ascending
};

Result<void> load_and_apply(const Repository& repository, const FatesOfPoint& fates,
                            Guarded<std::vector<Problem>>& problems, std::stop_token stop) {
    for (const std::uint32_t number : fates.numbers) {
        const ObjectName name = names::fate(fates.point->session(), number);
        const Buffer object = PERDURE_TRY(repository.store().load(name, ByteRange::all(), stop));
        const auto fate = read_fate(repository, *fates.point, number, object);
        if (fate)
            apply(*fate, *fates.point);
        else
            problems.with([&](auto& list) {
                list.push_back({name.text(), fate.error().describe()});
            });
    }
    return {};
}

}  // namespace

/// Several points at a time: a repository that expires as many as it makes has one for every point
/// there ever was.
Result<void> Repository::apply_fates(std::vector<Point>& points, std::vector<Problem>& problems,
                                     std::stop_token stop) const {
    constexpr std::size_t kMostThreads = 8;
    constexpr std::size_t kPointsAThread = 16;  // fewer are not worth a thread
    std::map<SessionName, FatesOfPoint> by_session;
    for (Point& p : points) by_session[p.session()].point = &p;
    PERDURE_TRY(store_.list(
        "fate/",
        [&](std::string_view name, const ObjectStat&) {
            const auto fate = names::parse_fate(name);
            const auto at = fate ? by_session.find(fate->point) : by_session.end();
            if (at != by_session.end()) at->second.numbers.push_back(fate->number);
            return true;
        },
        stop));
    std::vector<const FatesOfPoint*> work;
    for (const auto& [session, fates] : by_session)
        if (!fates.numbers.empty()) work.push_back(&fates);
    Guarded<std::vector<Problem>> found;
    std::atomic<std::size_t> next{0};
    TaskGroup group(stop);
    const std::size_t threads = std::min(kMostThreads, work.size() / kPointsAThread + 1);
    for (std::size_t i = 0; i < threads; ++i)
        group.start([&](std::stop_token group_stop) -> Result<void> {
            for (std::size_t at = next++; at < work.size(); at = next++)
                PERDURE_TRY(load_and_apply(*this, *work[at], found, group_stop));
            return {};
        });
    PERDURE_TRY(group.join());
    found.with([&](auto& list) {
        std::sort(list.begin(), list.end(),
                  [](const Problem& a, const Problem& b) { return a.object < b.object; });
        problems.insert(problems.end(), list.begin(), list.end());
    });
    return {};
}

// ------------------------------------------------------------------------------------ deciding

Result<FateWriter> FateWriter::open(const Repository& repository, const WriterIdentity* identity) {
    PERDURE_TRY(repository.may_write());
    const DomainKeys domain = PERDURE_TRY(repository.domain_keys());
    const EpochNumber epoch = repository.epoch().number;
    if (repository.is_owner()) {
        FateWriter writer(repository, {Role::Owner, WriterNumber{}, epoch}, domain);
        writer.key_ = &repository.keyring().owner().signing;
        return writer;
    }
    if (identity == nullptr || identity->role != Role::Maintainer)
        return not_owner("deciding about a point");
    FateWriter writer(repository, {Role::Maintainer, identity->enrolment, epoch}, domain);
    writer.own_key_ = std::make_shared<const SigningKey>(identity->signing_seed);
    writer.key_ = writer.own_key_.get();
    return writer;
}

Buffer FateWriter::seal(const Fate& fate) const {
    const ObjectName name = names::fate(fate.point.session, fate.number);
    return seal_record(
        {repository_->id(), ObjectType::Fate, name.text()}, encode_fate(fate),
        {signer_, key_, nullptr},
        {Sealing::IndexKey, domain_.index_key, domain_.name.domain, domain_.name.generation});
}

/// Puts `fate` behind all there are. False: the point has expired, nothing was added. A repeated
/// call with the same fate finds what an earlier one may have created.
Result<bool> FateWriter::append(const Point& point, Fate& fate, std::stop_token stop) const {
    Store& store = repository_->store();
    Point now = point;
    now.is_protected = now.expired = false;
    for (fate.number = 1;; ++fate.number) {
        const ObjectName name = names::fate(point.session(), fate.number);
        const Buffer own = seal(fate);
        auto there = store.load(name, ByteRange::all(), stop);
        if (!there && there.error().kind() == ErrorKind::NotFound) {
            if (fate.kind == FateKind::Expired && now.is_protected)
                return Error(ErrorKind::Denied,
                             "point " + short_text(point.session()) + " is protected")
                    .with_hint("take the protection back first: `perdure protect --remove " +
                               short_text(point.session()) + "`");
            auto created = store.create(name, own, stop);
            if (created) return true;
            if (created.error().kind() != ErrorKind::AlreadyExists)
                return std::move(created).error();
            there = store.load(name, ByteRange::all(), stop);
        }
        if (!there) return std::move(there).error();
        if (equal(*there, own)) return true;
        if (const auto other = read_fate(*repository_, point, fate.number, *there))
            apply(*other, now);
        if (now.expired) return false;
    }
}

Result<void> FateWriter::add(const Point& point, Fate fate, std::stop_token stop) const {
    PERDURE_CHECK(fate.kind != FateKind::Expired);
    fate.point = {point.session(), point.digest};
    fate.time_ns = repository_->clock().now().nanoseconds;
    if (PERDURE_TRY(append(point, fate, std::move(stop)))) return {};
    return Error(ErrorKind::Denied, "point " + short_text(point.session()) + " has expired")
        .with_hint("that is final; see `perdure list --all`");
}

namespace {

protocol::EndKind end_kind(EndKind kind) {
    switch (kind) {
        case EndKind::Fence: return protocol::EndKind::Fence;
        case EndKind::EndRecord: return protocol::EndKind::End;
        case EndKind::Checkpoint: return protocol::EndKind::Checkpoint;
        default: return protocol::EndKind::Point;
    }
}

protocol::Answer answer_of_end(const Result<Point>& loaded) {
    if (!loaded) return protocol::Answer::plain(answer_kind_of(loaded.error()));
    protocol::EndRecord record;
    record.kind = end_kind(loaded->header.kind);
    return protocol::Answer::found(record, 1, false);
}

}  // namespace

Result<bool> FateWriter::expire(const Point& point, std::string reason,
                                std::stop_token stop) const {
    const bool added = PERDURE_TRY(expire_one(point, reason, stop));
    if (!point.header.repaired) return added;
    // Else it would be listed again, and keep its blocks for ever.
    const auto original = repository_->load_point(point.header.repaired->session, stop);
    if (!original && original.error().kind() != ErrorKind::NotFound) return original.error();
    if (original && original->digest == point.header.repaired->digest)
        PERDURE_TRY(expire(*original, reason, stop));
    return added;
}

Result<bool> FateWriter::expire_one(const Point& point, const std::string& reason,
                                    std::stop_token stop) const {
    Fate fate;
    fate.kind = FateKind::Expired;
    fate.point = {point.session(), point.digest};
    fate.time_ns = repository_->clock().now().nanoseconds;
    fate.reason = reason;
    std::optional<Error> last;
    bool added = false;
    protocol::ExpireStep step(static_cast<std::uint64_t>(number(point.session().writer)),
                              number(point.session().session));
    for (protocol::Action action = step.next(); action.verb != protocol::Verb::Done;
         action = step.next()) {
        if (action.verb == protocol::Verb::Failed) {
            if (last) return std::move(*last).context("point " + short_text(point.session()));
            return Error(ErrorKind::NotFound,
                         "point " + short_text(point.session()) + ": is no point any more");
        }
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        if (action.verb == protocol::Verb::Load) {
            auto loaded = repository_->load_point(point.session(), stop);
            if (loaded && loaded->digest != point.digest)
                loaded = Error(ErrorKind::Corrupt, "is another one than was listed");
            if (!loaded) last = loaded.error();
            step.on_answer(answer_of_end(loaded));
            continue;
        }
        // Not interrupted between the question and the answer: it is short, and final.
        const auto appended = append(point, fate, {});
        if (!appended) last = appended.error();
        added = appended && *appended;
        step.on_answer(appended ? protocol::Answer::plain(added ? protocol::AnswerKind::Done
                                                                : protocol::AnswerKind::Exists)
                                : protocol::Answer::plain(answer_kind_of(appended.error())));
    }
    return added;
}

}  // namespace perdure
