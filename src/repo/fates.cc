#include "repo/fates.h"

#include <algorithm>
#include <map>

#include "base/in_order.h"
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

/// Whether what is no fate of that name was never one: it is whole, and made for something else, or
/// by somebody without the keys. Else it may be damaged.
bool was_never_one(const Repository& repository, const ObjectName& name, ByteView object) {
    return parse_frame(object) && (!repository.open_sealed(ObjectType::Fate, name, object) ||
                                   repository.open_by_maintainer(ObjectType::Fate, name, object));
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

struct ListedFate {
    Point* point = nullptr;
    std::uint32_t number = 0;
    ListedObject object;
};

}  // namespace

/// Several at a time: a repository that expires as many points as it makes has one for every point
/// there ever was.
Result<void> Repository::apply_fates(std::vector<Point>& points, std::vector<Problem>& problems,
                                     std::stop_token stop) const {
    std::map<SessionName, Point*> by_session;
    for (Point& p : points) by_session[p.session()] = &p;
    std::vector<ListedFate> fates;  // those of a point by rising numbers, as names sort
    for (ListedObject& object : PERDURE_TRY(list_objects(store_, "fate/", stop))) {
        const auto fate = names::parse_fate(object.name.text());
        const auto at = fate ? by_session.find(fate->point) : by_session.end();
        if (at != by_session.end()) fates.push_back({at->second, fate->number, std::move(object)});
    }
    const InOrder order = order_records(store_, fates.size());
    return make_in_order<Result<Fate>>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Result<Fate>> {
            const auto read = [&](const Buffer& object) {
                return perdure::read_fate(*this, *fates[i].point, fates[i].number, object);
            };
            auto fate = read_record<Fate>(fates[i].object, read, std::move(by));
            const bool is_unread = !fate && fate.error().kind() != ErrorKind::Corrupt &&
                                   fate.error().kind() != ErrorKind::Denied &&
                                   fate.error().kind() != ErrorKind::Unsupported;
            if (is_unread) return std::move(fate).error();
            return fate;
        },
        [&](std::size_t i, const Result<Fate>& fate) -> Result<void> {
            if (fate)
                apply(*fate, *fates[i].point);
            else
                problems.push_back({fates[i].object.name.text(), fate.error().describe()});
            return {};
        },
        stop);
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
        return Error(ErrorKind::Denied,
                     "deciding about a point takes the owner's keys, or a maintainer's")
            .with_hint(
                "give the repository's password, or a key file made by `perdure key writer add "
                "--role maintainer`");
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

/// A second time where it reads as damaged: the way here may have damaged it. Denied if it decides
/// nothing.
Result<Fate> FateWriter::read(const Point& point, std::uint32_t number, ByteView object,
                              std::stop_token stop) const {
    const auto may_be_damaged = [](const Result<Fate>& fate) {
        return !fate && (fate.error().kind() == ErrorKind::Corrupt ||
                         fate.error().kind() == ErrorKind::Unsupported);
    };
    auto fate = read_fate(*repository_, point, number, object);
    if (!may_be_damaged(fate)) return fate;
    const ObjectName name = names::fate(point.session(), number);
    const Buffer again =
        PERDURE_TRY(repository_->store().load(name, ByteRange::all(), std::move(stop)));
    fate = read_fate(*repository_, point, number, again);
    if (may_be_damaged(fate) && was_never_one(*repository_, name, again))
        return Error(ErrorKind::Denied, fate.error().describe());
    return fate;
}

/// Of one that decides nothing, nothing; of one that may decide something and cannot be read, the
/// error.
Result<void> FateWriter::learn(Known& known, const Result<Fate>& fate) {
    if (fate) {
        apply(*fate, known.point);
        const bool settles =
            fate->kind == FateKind::Protected || fate->kind == FateKind::Unprotected;
        if (settles) known.unread = 0;
        return {};
    }
    switch (fate.error().kind()) {
        case ErrorKind::Corrupt:
        case ErrorKind::Unsupported: known.unread = known.next; return {};
        case ErrorKind::Denied: return {};
        default: return fate.error();
    }
}

/// Whether the point may expire, by all that was decided about it.
Result<void> FateWriter::may_expire(const Known& known) {
    const std::string name = short_text(known.point.session());
    const std::string hint =
        "take the protection back first: `perdure protect --remove " + name + "`";
    if (known.point.is_protected)
        return Error(ErrorKind::Denied, "point " + name + " is protected").with_hint(hint);
    if (known.unread != 0)
        return Error(ErrorKind::Denied,
                     "point " + name + " may be protected: " +
                         names::fate(known.point.session(), known.unread).text() + " is damaged")
            .with_hint(hint);
    return {};
}

/// Puts `fate` behind all there are. False: the point has expired, nothing was added. A repeated
/// call with the same fate finds what an earlier one may have created.
Result<bool> FateWriter::append(const Point& point, Fate& fate, std::stop_token stop) const {
    Store& store = repository_->store();
    Known known{point};
    known.point.is_protected = known.point.expired = false;
    for (;; ++known.next) {
        fate.number = known.next;
        const ObjectName name = names::fate(point.session(), fate.number);
        const Buffer own = seal(fate);
        auto there = store.load(name, ByteRange::all(), stop);
        if (!there && there.error().kind() == ErrorKind::NotFound) {
            if (fate.kind == FateKind::Expired) PERDURE_TRY(may_expire(known));
            auto created = store.create(name, own, stop);
            if (created) return true;
            if (created.error().kind() != ErrorKind::AlreadyExists)
                return std::move(created).error();
            there = store.load(name, ByteRange::all(), stop);
        }
        if (!there) return std::move(there).error();
        if (equal(*there, own)) return true;
        PERDURE_TRY(learn(known, read(point, fate.number, *there, stop)));
        if (known.point.expired) return false;
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
