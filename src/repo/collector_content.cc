// What a collection counts, and what it creates.

#include <algorithm>

#include "base/try.h"
#include "repo/collector_driver.h"
#include "repo/protocol/judge.h"
#include "repo/protocol/upkeep.h"

namespace perdure {

namespace {

using protocol::AnswerKind;
using Kind = protocol::ObjectType;

SessionName session_of(const protocol::ObjectKey& key) {
    return {WriterNumber{static_cast<std::uint32_t>(key.writer)}, SessionNumber{key.number}};
}

std::string percent(double share) { return std::to_string(static_cast<int>(100 * share)) + " %"; }

}  // namespace

// ------------------------------------------------------------------------------------ counting

/// What was tallied stays: it may exceed what is live now, which deletes less, never more. So the
/// second OR reads only what ended since the first.
Result<void> CollectorDriver::reset() {
    repository_.forget_enrolments();
    enrolled_ = PERDURE_TRY(repository_.enrolments(stop_));
    PERDURE_TRY(list_names());
    PERDURE_TRY(read_fates());
    PERDURE_TRY(list_packs());
    return read_ahead();
}

/// This listing, and that of the logs, find gaps: an entry that is lost must not look like the end
/// of its log. Nothing else rests on their being complete.
Result<void> CollectorDriver::list_names() {
    return store().list(
        "writers/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto w = names::parse_enrolment(name))
                last_enrolment_ = std::max(last_enrolment_, number(*w));
            return true;
        },
        stop_);
}

Result<void> CollectorDriver::list_packs() {
    facts_.forget_stored();
    return store().list(
        "packs/",
        [&](std::string_view name, const ObjectStat& stat) {
            if (const auto pack = names::parse_pack(name)) facts_.note_stored(*pack, stat.size);
            return true;
        },
        stop_);
}

/// A fate that is not seen, or not believed, keeps its point's blocks: that costs room, never data.
Result<void> CollectorDriver::read_fates() {
    struct Found {
        names::FateName fate;
        ListedObject object;
    };
    std::vector<Found> found;
    for (ListedObject& object : PERDURE_TRY(list_objects(store(), "fate/", stop_)))
        if (const auto fate = names::parse_fate(object.name.text());
            fate && !fates_read_.contains(object.name))
            found.push_back({*fate, std::move(object)});
    const InOrder order = order_records(store(), found.size());
    return make_in_order<Result<Fate>>(
        order,
        [&](std::size_t i, std::stop_token stop) -> Result<Result<Fate>> {
            const auto read = [&](const Buffer& object) {
                return read_fate(found[i].fate, found[i].object.name, object);
            };
            return repository_.read_record<Fate>(found[i].object, read, std::move(stop));
        },
        [&](std::size_t i, const Result<Fate>& fate) -> Result<void> {
            if (!fate && answer_kind_of(fate.error()) == AnswerKind::Unclear) return fate.error();
            fates_read_.insert(found[i].object.name);
            if (!fate)
                problems_.push_back({found[i].object.name.text(), fate.error().describe()});
            else if (fate->kind == FateKind::Expired)
                expiries_.emplace(found[i].fate.point, fate->point.digest);
            return {};
        },
        stop_);
}

Result<Fate> CollectorDriver::read_fate(const names::FateName& at, const ObjectName& name,
                                        ByteView object) const {
    const auto opened = PERDURE_TRY(repository_.open_by_maintainer(ObjectType::Fate, name, object));
    Fate fate = PERDURE_TRY(decode_fate(opened.body).context(name.text()));
    if (fate.point.session != at.point || fate.number != at.number)
        return Error(ErrorKind::Corrupt, name.text() + ": is about another point");
    return fate;
}

bool CollectorDriver::is_maintainer(WriterNumber writer) const {
    const auto at = enrolled_.by_number.find(writer);
    return at != enrolled_.by_number.end() && at->second.kind == EnrolmentKind::Certificate &&
           at->second.certificate.role == Role::Maintainer;
}

Result<void> CollectorDriver::tally(SessionName session, bool protects) {
    const End& end = ends_.at(session);
    if (!end.index && protects)
        return Error(ErrorKind::Corrupt, names::point(session).text() +
                                             ": binds no index, so what it needs is unknown");
    if (!end.index) {
        facts_.note_without_index(session);
        return {};
    }
    const bool is_checkpoint = end.record.kind == protocol::EndKind::Checkpoint;
    const bool joins = protects && !is_checkpoint;
    if (indexed_.contains(session) && (!joins || protecting_.contains(session))) return {};
    // That of an expired point, or of a repack, may have been deleted, all its packs before it.
    if (!protects && !listed_indexes_.contains(session)) return {};
    const auto index = repository_.load_index(
        session, end.index, stop_, joins ? IndexParts::All : IndexParts::WithoutLiveness);
    const bool is_gone = !index && index.error().kind() == ErrorKind::NotFound;
    if (is_gone && !protects) return {};
    // What supersedes a checkpoint comes behind it: the end of the walk tells whether it counts.
    if (is_gone && is_checkpoint) {
        checkpoints_.emplace(session, *end.index);
        return {};
    }
    // Or it expired while this walk went on, and another maintainer has collected it since.
    if (is_gone) {
        PERDURE_TRY(read_fates());
        if (is_expired(session)) return {};
    }
    if (!index) return index.error();
    return take_index(session, **index, joins, protects && is_checkpoint);
}

/// `joins`: its summary goes into the OR. `by_checkpoint`: it may, once the walk is over.
Result<void> CollectorDriver::take_index(SessionName session, const Index& index, bool joins,
                                         bool by_checkpoint) {
    const End& end = ends_.at(session);
    if (joins) {
        PERDURE_TRY(
            mark_summary(repository_, index, facts_.registry(), facts_.live(), &joined_, stop_));
        joined_.whole.insert({session, *end.index});
        protecting_.emplace(session, end.digest);
    }
    if (by_checkpoint) checkpoints_.emplace(session, *end.index);
    if (!indexed_.insert(session).second) return {};
    const std::size_t ignored = facts_.take_index(index, is_maintainer(session.writer));
    if (ignored > 0)
        problems_.push_back(
            {names::index(session).text(), "states places of " + std::to_string(ignored) +
                                               " blocks of others, which a writer's index cannot"});
    return {};
}

bool CollectorDriver::is_superseded(SessionName session) const {
    const auto [from, to] = superseded_.equal_range(session);
    const Digest& digest = ends_.at(session).digest;
    return std::any_of(from, to, [&](const auto& s) { return s.second == digest; });
}

/// A checkpoint comes before what supersedes it: whether its summary counts is known at the end of
/// the walk.
Result<void> CollectorDriver::join_checkpoints() {
    for (const auto& [session, digest] : checkpoints_) {
        if (is_superseded(session) || protecting_.contains(session)) continue;
        const auto index = PERDURE_TRY(repository_.load_index(session, digest, stop_));
        PERDURE_TRY(
            mark_summary(repository_, *index, facts_.registry(), facts_.live(), &joined_, stop_));
        protecting_.emplace(session, ends_.at(session).digest);
    }
    return {};
}

// ------------------------------------------------------------------------------------ judging

CollectionView CollectorDriver::view(std::uint64_t judging) const {
    CollectionView view(facts_);
    // Packs that no index and no listing showed have no number yet: nothing is asked about them.
    const auto mark = [&](const std::vector<BirthPack>& packs, auto&& f) {
        for (const BirthPack& pack : packs)
            if (const auto n = facts_.registry().find(pack)) f(*n);
    };
    for (const auto& [k, known] : lists_.lists()) {
        if (known.verdict) {
            mark(known.verdict->dropped, [&](PackNumber n) { view.drop(n); });
            continue;
        }
        mark(known.list.part_packs, [&](PackNumber n) { view.leave(n); });
        mark(known.list.packs,
             [&, k = k](PackNumber n) { k == judging ? view.list(n) : view.leave(n); });
    }
    return view;
}

Result<std::vector<PackNumber>> CollectorDriver::condemned() {
    PERDURE_TRY(join_checkpoints());
    CollectionView view = this->view(0);
    std::vector<PackNumber> orphans;
    struct Candidate {
        std::uint32_t live;
        bool has_moved;
        PackNumber pack;
    };
    std::vector<Candidate> candidates;
    for (std::uint32_t i = 0; i < facts_.packs(); ++i) {
        const PackNumber n{i};
        if (view.is_dropped(n) || view.is_leaving(n)) continue;
        // Of a pack that is gone (set aside by a repair) too: a place that no list names could be
        // built on, and keeps every other place of its blocks.
        if (facts_.is_orphan(n))
            orphans.push_back(n);
        else if (facts_.pack(n).is_known)
            candidates.push_back({facts_.live_blocks_of(n), facts_.pack(n).has_moved, n});
    }
    for (const PackNumber n : orphans) view.leave(n);
    // Of two that hold the same live blocks the one with dead ones besides goes, then the one where
    // they were born: what a repack wrote stays.
    const auto first = [&](const Candidate& a, const Candidate& b) {
        const bool a_full = a.live == facts_.pack(a.pack).slots;
        const bool b_full = b.live == facts_.pack(b.pack).slots;
        return std::tuple(a_full, a.has_moved, a.pack) < std::tuple(b_full, b.has_moved, b.pack);
    };
    std::sort(candidates.begin(), candidates.end(), first);
    std::vector<PackNumber> condemned = orphans;
    for (const Candidate& candidate : candidates) {
        if (!protocol::condemnable(view, token_of(candidate.pack))) continue;
        view.leave(candidate.pack);
        condemned.push_back(candidate.pack);
    }
    return condemned;
}

/// Whose points are expired, whose packs are gone by verdict, and that no kept summary builds on.
std::vector<SessionName> CollectorDriver::needless_indexes() const {
    const CollectionView view = this->view(0);
    std::set<SessionName> named;  // with packs that are there, or that no verdict lets go
    for (std::uint32_t i = 0; i < facts_.packs(); ++i) {
        const PackNumber n{i};
        const bool is_gone = view.is_dropped(n) && !facts_.pack(n).stored;
        if (facts_.pack(n).is_known && !is_gone) named.insert(facts_.registry().pack_of(n).session);
    }
    std::vector<SessionName> needless;
    for (const SessionName session : indexed_) {
        const End& end = ends_.at(session);
        protocol::IndexUse use;
        use.ended = true;
        use.protects = end.record.protects();
        use.expired = is_expired(session) || is_superseded(session);
        use.all_packs_deleted = !named.contains(session);
        use.base_of_kept = joined_.bases.contains(session);
        if (protocol::may_delete_index(use)) needless.push_back(session);
    }
    return needless;
}

/// A session that was open when the walk came by may have ended since, and what names its end been
/// read after that: then it is looked for again.
Result<bool> CollectorDriver::is_lost(const SessionDigest& end) const {
    const auto last = last_counting(end.session.writer);
    if (last && end.session.session > *last) return false;
    const auto at = ends_.find(end.session);
    if (at != ends_.end()) return at->second.digest != end.digest;
    const auto object = store().load(names::point(end.session), ByteRange::all(), stop_);
    if (!object && object.error().kind() != ErrorKind::NotFound) return object.error();
    return !object || digest_of(*object) != end.digest;
}

Result<void> CollectorDriver::refuse_lost_points() const {
    const auto refuse = [](SessionName lost, const std::string& by) {
        return Error(ErrorKind::Corrupt, names::point(lost).text() + ": is gone, or another, but " +
                                             by + " names it; nothing is deleted")
            .with_hint("bring it back from a copy; or give up what it kept with --force");
    };
    if (rules_.force) return {};
    if (!lists_.lists().empty()) {
        const auto& [k, newest] = *lists_.lists().rbegin();
        for (const SessionDigest& end : newest.list.counted)
            if (PERDURE_TRY(is_lost(end)))
                return refuse(end.session, names::condemned_list(k).text());
    }
    for (const auto& [session, end] : ends_)
        if (end.previous && PERDURE_TRY(is_lost(*end.previous)))
            return refuse(end.previous->session, names::point(session).text());
    return {};
}

Result<void> CollectorDriver::refuse_share(const std::vector<PackNumber>& condemned) const {
    std::uint64_t going = 0;
    std::uint64_t stored = 0;
    for (const PackNumber n : condemned)
        if (facts_.pack(n).stored) going += facts_.pack(n).size;
    for (std::uint32_t i = 0; i < facts_.packs(); ++i)
        if (facts_.pack(PackNumber{i}).stored) stored += facts_.pack(PackNumber{i}).size;
    const double share = stored == 0 ? 0 : static_cast<double>(going) / static_cast<double>(stored);
    if (rules_.force || share <= rules_.max_drop) return {};
    return Error(ErrorKind::Denied, percent(share) +
                                        " of what is stored would go, and no more than " +
                                        percent(rules_.max_drop) + " may go at once")
        .with_hint("if that many points were meant to be forgotten, say so with --max-drop 100%");
}

Result<void> CollectorDriver::may_condemn(const std::vector<PackNumber>& condemned) const {
    PERDURE_TRY(refuse_lost_points());
    return refuse_share(condemned);
}

// ------------------------------------------------------------------------------------ creating

/// Below what the listing showed, something stands or is lost: no barrier is put into such a place.
bool CollectorDriver::is_taken(const protocol::ObjectKey& key) const {
    if (key.type == Kind::Enrolment) return number(enrolment_at(key.number)) <= last_enrolment_;
    if (key.type != Kind::LogEntry) return false;
    const SessionName session = session_of(key);
    const auto last = last_counting(session.writer);
    if (last && session.session > *last) return true;
    const auto listed = last_listed_.find(session.writer);
    return listed != last_listed_.end() && key.number <= listed->second;
}

Result<protocol::Answer> CollectorDriver::create(const Step& step) {
    if (is_taken(step.key)) return protocol::Answer::plain(AnswerKind::Exists);
    const ObjectName name = name_of(step.key);
    auto at = sent_.find(name);
    if (at == sent_.end()) {
        auto object = encode(step);
        if (is_empty_) return protocol::Answer::plain(AnswerKind::Refused);
        if (!object) {
            fatal_ = std::move(object).error();
            return protocol::Answer::plain(AnswerKind::Unclear);
        }
        at = sent_.emplace(name, std::move(*object)).first;
    }
    const auto created = store().create(name, at->second, {});
    if (!created) {
        last_error_ = created.error();
        return protocol::Answer::plain(answer_kind_of(created.error()));
    }
    PERDURE_TRY(after_create(step, at->second));
    return protocol::Answer::done(tokens_.token_of(digest_of(at->second)));
}

Result<void> CollectorDriver::after_create(const Step& step, ByteView object) {
    switch (step.key.type) {
        case Kind::List: return lists_.note_list(repository_, step.key.number, object);
        case Kind::Verdict: return lists_.note_verdict(repository_, step.key.number, object);
        case Kind::Enrolment: repository_.forget_enrolments(); return {};
        case Kind::LogEntry: barriers_.insert(session_of(step.key)); return {};
        case Kind::Ending: fenced_.push_back(session_of(step.key)); return {};
        default: return {};
    }
}

Result<Buffer> CollectorDriver::encode(const Step& step) {
    switch (step.key.type) {
        case Kind::List: return list_object(step.key.number);
        case Kind::Verdict: return verdict_object(step.key.number);
        case Kind::Ending: return fence_object(session_of(step.key));
        default: return barrier_object(step);
    }
}

Result<Buffer> CollectorDriver::list_object(std::uint64_t k) {
    const std::vector<PackNumber> going = PERDURE_TRY(condemned());
    is_empty_ = going.empty();
    PERDURE_TRY(may_condemn(going));
    CondemnedList list;
    list.number = k;
    list.time_ns = repository_.clock().now().nanoseconds;
    for (const PackNumber n : going) list.packs.push_back(facts_.registry().pack_of(n));
    for (const auto& [session, digest] : protecting_) list.counted.push_back({session, digest});
    return maintainer_.seal(ObjectType::CondemnedList, names::condemned_list(k),
                            encode_condemned_list(list, maintainer_.domain()));
}

Result<Buffer> CollectorDriver::verdict_object(std::uint64_t k) {
    PERDURE_TRY(join_checkpoints());
    const ObeyedList& judged = *lists_.find(k);
    const CollectionView view = this->view(k);
    CollectionVerdict verdict;
    verdict.number = k;
    verdict.time_ns = repository_.clock().now().nanoseconds;
    verdict.list = judged.digest;
    verdict.not_before_ns = verdict.time_ns + (rules_.now ? 0 : rules_.grace_ns);
    verdict.barriers.assign(barriers_.begin(), barriers_.end());
    for (const BirthPack& pack : judged.list.packs) {
        const auto n = facts_.registry().find(pack);
        if (!n || view.is_dropped(*n)) continue;
        const bool known = number(*n) < facts_.packs() && facts_.pack(*n).is_known;
        const bool goes = known ? protocol::may_drop(view, token_of(*n))
                                : number(*n) < facts_.packs() && facts_.is_orphan(*n);
        if (goes) verdict.dropped.push_back(pack);
    }
    return maintainer_.seal(ObjectType::Verdict, names::verdict(k),
                            encode_verdict(verdict, maintainer_.domain()));
}

Buffer CollectorDriver::fence_object(SessionName session) const {
    PointHeader header;
    header.kind = EndKind::Fence;
    header.session = session;
    header.log_entry = entries_.at(session).digest;
    header.started_ns = header.finished_ns = repository_.clock().now().nanoseconds;
    header.program = program_name();
    return maintainer_.seal(ObjectType::Point, names::point(session), encode_point_header(header));
}

Buffer CollectorDriver::barrier_object(const Step& step) const {
    const auto& entry = std::get<protocol::LogEntry>(step.record);
    const auto now = repository_.clock().now().nanoseconds;
    if (step.key.type == Kind::Enrolment) {
        Enrolment barrier;
        barrier.kind = EnrolmentKind::Barrier;
        barrier.number = enrolment_at(step.key.number);
        barrier.previous = tokens_.digest_of(entry.previous);
        barrier.time_ns = static_cast<std::uint64_t>(now);
        barrier.list = entry.list;
        return maintainer_.seal(ObjectType::Enrolment, names::enrolment(barrier.number),
                                encode_enrolment(barrier));
    }
    LogRecord barrier;
    barrier.kind = LogKind::Barrier;
    barrier.session = session_of(step.key);
    barrier.previous = tokens_.digest_of(entry.previous);
    barrier.time_ns = now;
    barrier.list = entry.list;
    barrier.program = program_name();
    barrier.host = rules_.host;
    return maintainer_.seal(ObjectType::LogEntry, names::log_entry(barrier.session),
                            encode_log_record(barrier));
}

// ------------------------------------------------------------------------------------ settling

/// The numbers of that writer up to the first one that has not ended, as far as they are not stated
/// yet; nothing if these are few, or a record of that name is there.
std::optional<ClosedRecord> CollectorDriver::closable(WriterNumber writer) const {
    ClosedRecord record;
    const auto last = last_counting(writer);
    std::uint64_t n = 1;
    for (; !last || n <= number(*last); ++n) {
        const SessionName session{writer, SessionNumber{n}};
        const auto entry = entries_.find(session);
        if (entry == entries_.end()) break;
        SettledNumber settled{session.session, std::nullopt, false};
        if (entry->second.entry.kind != protocol::EntryKind::Barrier) {
            const auto end = ends_.find(session);
            if (end == ends_.end()) break;
            settled.end = end->second.digest;
            settled.expired = is_expired(session);
        }
        const SettledNumber* stated = settled_.find(session);
        if (stated == nullptr || (settled.expired && !stated->expired))
            record.settled.push_back(settled);
    }
    record.name = {writer, SessionNumber{n}};
    record.previous = settled_.newest_of(writer);
    if (record.settled.size() < rules_.settle_after) return std::nullopt;
    if (record.previous && record.previous->session >= record.name) return std::nullopt;
    return record;
}

Result<std::size_t> CollectorDriver::settle() {
    std::size_t settled = 0;
    for (const auto& [writer, enrolment] : enrolled_.by_number) {
        if (enrolment.kind != EnrolmentKind::Certificate) continue;
        const auto record = closable(writer);
        if (!record) continue;
        const ObjectName name = names::closed(record->name);
        const auto created = store().create(
            name, maintainer_.seal(ObjectType::Closed, name, encode_closed(*record)), {});
        // Another collector's, which states the same.
        if (!created && created.error().kind() == ErrorKind::AlreadyExists) continue;
        if (!created) return created.error();
        settled += record->settled.size();
    }
    return settled;
}

}  // namespace perdure
