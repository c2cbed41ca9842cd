#include "repo/collector_driver.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

namespace {

using protocol::AnswerKind;
using protocol::Verb;
using Kind = protocol::ObjectType;

Error corrupt(const ObjectName& name, const std::string& why) {
    return Error(ErrorKind::Corrupt, name.text() + ": " + why)
        .with_hint("nothing was deleted; `perdure check` says what is damaged");
}

SessionName session_of(const protocol::ObjectKey& key) {
    return {WriterNumber{static_cast<std::uint32_t>(key.writer)}, SessionNumber{key.number}};
}

protocol::EndKind protocol_kind(EndKind kind) {
    switch (kind) {
        case EndKind::Fence: return protocol::EndKind::Fence;
        case EndKind::EndRecord: return protocol::EndKind::End;
        case EndKind::Checkpoint: return protocol::EndKind::Checkpoint;
        default: return protocol::EndKind::Point;
    }
}

bool creates_list(const protocol::Action& action) {
    return action.verb == Verb::Create && action.key.type == Kind::List;
}

protocol::Answer plain(AnswerKind kind) { return protocol::Answer::plain(kind); }

}  // namespace

CollectorDriver::CollectorDriver(const Maintainer& maintainer, const CollectionRules& rules,
                                 std::stop_token stop)
    : maintainer_(maintainer),
      repository_(maintainer.repository()),
      rules_(rules),
      stop_(std::move(stop)) {}

// ------------------------------------------------------------------------------------ runs

/// None: it has come to the creation of its list, or waits; else how it ended.
Result<protocol::Failure> CollectorDriver::drive(protocol::Collector& machine, bool to_list_only) {
    waiting_.clear();
    is_empty_ = false;
    last_error_.reset();
    while (true) {
        const Step step = machine.next();
        if (machine.list() != list_) barriers_.clear();
        list_ = machine.list();
        pass_ = machine.pass();
        if (step.verb == Verb::Done) return protocol::Failure::None;
        if (step.verb == Verb::Failed) return step.failure;
        if (to_list_only && creates_list(step)) return protocol::Failure::None;
        // What is created is short, and told to its end; between two steps anyone may take over.
        if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        if (step.verb == Verb::Wait) {
            const bool may = PERDURE_TRY(may_fence(session_of(step.key)));
            if (!may) {
                PERDURE_TRY(find_waited_for());
                return protocol::Failure::None;
            }
            machine.on_answer(protocol::Answer::done());
            continue;
        }
        const protocol::Answer answer = perform(step);
        if (fatal_) return std::move(*std::exchange(fatal_, std::nullopt));
        machine.on_answer(answer);
    }
}

Result<void> CollectorDriver::survey(protocol::Collector& machine) {
    PERDURE_TRY(read_lists_ahead());
    const auto failed = PERDURE_TRY(drive(machine, true));
    if (failed != protocol::Failure::None) return failure(failed);
    return {};
}

Result<bool> CollectorDriver::collect(protocol::Collector& machine) {
    PERDURE_TRY(read_lists_ahead());
    const auto failed = PERDURE_TRY(drive(machine, false));
    if (failed != protocol::Failure::None && !is_empty_) return failure(failed);
    return waiting_.empty();
}

Error CollectorDriver::failure(protocol::Failure failure) const {
    const std::string what = "the collection stopped; nothing was deleted by it";
    if (last_error_) return Error(*last_error_).context(what);
    switch (failure) {
        case protocol::Failure::Missing:
        case protocol::Failure::BrokenChain:
        case protocol::Failure::Damaged:
            return Error(ErrorKind::Corrupt, what + ": a log is damaged")
                .with_hint("run `perdure check`");
        default: return Error(ErrorKind::Unavailable, what + ": the store gave no clear answer");
    }
}

// ------------------------------------------------------------------------------------ steps

protocol::Answer CollectorDriver::answer_of(const std::string& name,
                                            Result<protocol::Answer> result) {
    if (result) return std::move(*result);
    last_error_ = std::move(result).error();
    if (last_error_->describe().find(name) == std::string::npos)
        last_error_ = std::move(*last_error_).context(name);
    const bool unclear = answer_kind_of(*last_error_) == AnswerKind::Unclear;
    return plain(unclear ? AnswerKind::Unclear : AnswerKind::Invalid);
}

protocol::Answer CollectorDriver::perform(const Step& step) {
    const auto done = [&](Result<void> result) {
        return answer_of(names::index(session_of(step.key)).text(),
                         result ? Result<protocol::Answer>(protocol::Answer::done())
                                : Result<protocol::Answer>(std::move(result).error()));
    };
    switch (step.verb) {
        case Verb::Reset: {
            auto result = reset();
            // The machine takes any answer to this one.
            if (!result) fatal_ = std::move(result).error();
            return protocol::Answer::done();
        }
        case Verb::Tally: return done(tally(session_of(step.key), true));
        case Verb::TallyIndex: return done(tally(session_of(step.key), false));
        case Verb::Create: return answer_of(name_of(step.key).text(), create(step));
        default: return answer_of(name_of(step.key).text(), load(step));
    }
}

/// The machine counts places in the log of enrolments from 1; those of a replica have other numbers
/// (FORMAT.md §8).
WriterNumber CollectorDriver::enrolment_at(protocol::Number place) const {
    return WriterNumber{static_cast<std::uint32_t>(number(enrolled_.first) + place - 1)};
}

ObjectName CollectorDriver::name_of(const protocol::ObjectKey& key) const {
    switch (key.type) {
        case Kind::LogEntry: return names::log_entry(session_of(key));
        case Kind::Enrolment: return names::enrolment(enrolment_at(key.number));
        case Kind::Ending: return names::point(session_of(key));
        case Kind::List: return names::condemned_list(key.number);
        case Kind::Verdict: return names::verdict(key.number);
        case Kind::Fate: return names::fate(session_of(key), 1);
        default: break;
    }
    PERDURE_CHECK(false && "a collector asks for no other objects");
    __builtin_unreachable();
}

Result<protocol::Answer> CollectorDriver::load(const Step& step) {
    switch (step.key.type) {
        case Kind::List: return load_list(step.key.number);
        case Kind::Verdict: return load_verdict(step.key.number);
        case Kind::Enrolment: return load_enrolment(enrolment_at(step.key.number));
        case Kind::LogEntry: return load_entry(session_of(step.key));
        case Kind::Ending: return load_end(session_of(step.key));
        case Kind::Fate: return load_fate(session_of(step.key));
        default: break;
    }
    PERDURE_CHECK(false && "a collector loads no other objects");
    __builtin_unreachable();
}

Result<protocol::Answer> CollectorDriver::load_list(std::uint64_t k) {
    if (const ObeyedList* known = lists_.find(k))
        return protocol::Answer::found({}, tokens_.token_of(known->digest), false);
    const auto object = store().load(names::condemned_list(k), ByteRange::all(), stop_);
    if (!object && object.error().kind() == ErrorKind::NotFound) return plain(AnswerKind::NotFound);
    if (!object) return object.error();
    PERDURE_TRY(lists_.note_list(repository_, k, *object));
    return protocol::Answer::found({}, tokens_.token_of(digest_of(*object)), false);
}

Result<protocol::Answer> CollectorDriver::load_verdict(std::uint64_t k) {
    const ObjectName name = names::verdict(k);
    bool identical = false;
    protocol::Token token = 1;
    if (!lists_.find(k)->verdict) {
        const auto object = store().load(name, ByteRange::all(), stop_);
        if (!object && object.error().kind() == ErrorKind::NotFound)
            return plain(AnswerKind::NotFound);
        if (!object) return object.error();
        PERDURE_TRY(lists_.note_verdict(repository_, k, *object));
        const auto sent = sent_.find(name);
        identical = sent != sent_.end() && equal(sent->second, *object);
        token = tokens_.token_of(digest_of(*object));
    }
    const protocol::VerdictRecord record{lists_.find(k)->verdict->dropped.size()};
    return protocol::Answer::found(record, token, identical);
}

// ------------------------------------------------------------------------------------ the walk

namespace {

/// Whether an enrolment of that digest is the one that was read and believed: what follows it binds
/// it, or it was the last to be read.
bool is_believed(const EnrolmentList& list, WriterNumber w, const Digest& digest) {
    const WriterNumber next{number(w) + 1};
    if (next == list.next) return list.last_digest == digest;
    const auto at = list.by_number.find(next);
    return at != list.by_number.end() && at->second.previous == digest;
}

}  // namespace

Result<protocol::Answer> CollectorDriver::load_enrolment(WriterNumber w) {
    const ObjectName name = names::enrolment(w);
    const auto object = store().load(name, ByteRange::all(), stop_);
    if (!object && object.error().kind() == ErrorKind::NotFound) {
        if (number(w) <= last_enrolment_)
            return corrupt(name, "is listed, or later ones are, but cannot be found");
        return plain(AnswerKind::NotFound);
    }
    if (!object) return object.error();
    // A barrier behind it will bind this digest for ever: it must be of bytes that authenticate.
    const Digest digest = digest_of(*object);
    auto at = enrolled_.by_number.find(w);
    if (at == enrolled_.by_number.end() || !is_believed(enrolled_, w, digest)) {
        repository_.forget_enrolments();
        enrolled_ = PERDURE_TRY(repository_.enrolments(stop_));
        at = enrolled_.by_number.find(w);
    }
    if (at == enrolled_.by_number.end())
        return corrupt(name, "cannot be read, so what its writer made cannot be judged");
    if (!is_believed(enrolled_, w, digest))
        PERDURE_TRY(repository_.open_by_maintainer(ObjectType::Enrolment, name, *object));
    const Enrolment& enrolment = at->second;
    protocol::LogEntry entry;
    // A retirement is neither a writer's log to walk nor the barrier of any list.
    entry.kind = enrolment.kind == EnrolmentKind::Certificate ? protocol::EntryKind::Certificate
                                                              : protocol::EntryKind::Barrier;
    if (enrolment.kind == EnrolmentKind::Certificate) entry.subject = number(w);
    if (enrolment.kind == EnrolmentKind::Barrier) entry.list = enrolment.list;
    entry.previous = tokens_.token_of(enrolment.previous);
    return protocol::Answer::found(entry, tokens_.token_of(digest), false);
}

/// Numbers above it do not count, and take no barriers: the log ends there, as if at one.
std::optional<SessionNumber> CollectorDriver::last_counting(WriterNumber writer) const {
    std::optional<SessionNumber> last;
    const auto bound = [&](SessionNumber at) { last = std::min(last.value_or(at), at); };
    if (const Revocation* r = repository_.epoch().revocation_of(writer)) bound(r->last_number);
    for (const auto& [w, enrolment] : enrolled_.by_number)
        if (enrolment.kind == EnrolmentKind::Retirement && enrolment.retirement.enrolment == writer)
            bound(enrolment.retirement.last_number);
    return last;
}

void CollectorDriver::note_entry(SessionName session, const Entry& entry) {
    if (entry.entry.kind == protocol::EntryKind::Barrier && entry.entry.list == list_)
        barriers_.insert(session);
}

Result<protocol::Answer> CollectorDriver::load_entry(SessionName session) {
    const ObjectName name = names::log_entry(session);
    if (const auto last = last_counting(session.writer); last && session.session > *last) {
        if (number(session.session) > number(*last) + 1) return plain(AnswerKind::NotFound);
        const auto before = entries_.find({session.writer, *last});
        protocol::LogEntry end{protocol::EntryKind::Barrier, list_, 0, 0};
        if (before != entries_.end()) end.previous = tokens_.token_of(before->second.digest);
        return protocol::Answer::found(end, tokens_.token_of(digest_of(as_bytes(name.text()))),
                                       false);
    }
    auto at = entries_.find(session);
    if (at == entries_.end()) {
        const auto object = store().load(name, ByteRange::all(), stop_);
        if (!object && object.error().kind() == ErrorKind::NotFound) {
            if (number(session.session) <= last_listed_[session.writer])
                return corrupt(name, "is listed, or later ones are, but cannot be found");
            return plain(AnswerKind::NotFound);
        }
        if (!object) return object.error();
        remember(session, PERDURE_TRY(read_entry(session, *object)));
        at = entries_.find(session);
    }
    note_entry(session, at->second);
    return protocol::Answer::found(at->second.entry, tokens_.token_of(at->second.digest), false);
}

Result<CollectorDriver::Entry> CollectorDriver::read_entry(SessionName session,
                                                           ByteView object) const {
    const LogRecord log = PERDURE_TRY(repository_.read_log_entry(session, object, nullptr, stop_));
    Entry entry;
    entry.entry.kind = log.kind == LogKind::Barrier          ? protocol::EntryKind::Barrier
                       : log.purpose == SessionPurpose::Read ? protocol::EntryKind::ReadSession
                                                             : protocol::EntryKind::Session;
    entry.entry.list = log.list;
    entry.previous = log.previous;
    entry.digest = digest_of(object);
    entry.time_ns = log.time_ns;
    entry.purpose = log.purpose;
    entry.host = log.host;
    return entry;
}

void CollectorDriver::remember(SessionName session, Entry entry) {
    entry.entry.previous = tokens_.token_of(entry.previous);
    entries_.emplace(session, std::move(entry));
}

Result<CollectorDriver::End> CollectorDriver::read_end(SessionName session, ByteView object) const {
    const ObjectName name = names::point(session);
    End end;
    auto point = repository_.read_point(session, object, stop_);
    if (!point && point.error().kind() == ErrorKind::Denied) {
        // Signed by its writer, who was not to make it: it is never listed, and keeps nothing.
        const auto opened = PERDURE_TRY(
            repository_.open_by_writer(ObjectType::Point, name, session.writer, object));
        Point refused;
        refused.header = PERDURE_TRY(decode_point_header(opened.body).context(name.text()));
        refused.digest = digest_of(object);
        end.may_count = false;
        point = std::move(refused);
    }
    if (!point) return std::move(point).error();
    const PointHeader& header = point->header;
    if (header.log_entry != entries_.at(session).digest)
        return corrupt(name, "names another log entry than the one there");
    if (settled_.contradicts(session, point->digest))
        return corrupt(name, "is not what closed/ states it was");
    end.digest = point->digest;
    end.index = header.index;
    end.supersedes = header.supersedes;
    end.previous = header.previous;
    if (lists_points_only(header)) end.listed = header.copied;
    end.record.kind = end.may_count ? protocol_kind(header.kind) : protocol::EndKind::End;
    return end;
}

void CollectorDriver::remember(SessionName session, End end) {
    end.record.index = tokens_.token_of(end.index);
    if (!end.may_count)
        problems_.push_back({names::point(session).text(),
                             "is outside of what its writer may make; it does not count"});
    if (end.record.protects())
        for (const SessionDigest& before : end.supersedes)
            if (before.session.writer == session.writer) {
                superseded_.emplace(before.session, before.digest);
                end.record.supersedes = number(before.session.session);
            }
    ends_.emplace(session, std::move(end));
}

Result<protocol::Answer> CollectorDriver::load_end(SessionName session) {
    auto at = ends_.find(session);
    if (at == ends_.end()) {
        const auto object = store().load(names::point(session), ByteRange::all(), stop_);
        if (!object && object.error().kind() == ErrorKind::NotFound)
            return plain(AnswerKind::NotFound);
        if (!object) return object.error();
        remember(session, PERDURE_TRY(read_end(session, *object)));
        at = ends_.find(session);
    }
    return protocol::Answer::found(at->second.record, tokens_.token_of(at->second.digest), false);
}

bool CollectorDriver::is_expired(const SessionDigest& point) const {
    const auto [from, to] = expiries_.equal_range(point.session);
    return std::any_of(from, to, [&](const auto& e) { return e.second == point.digest; });
}

/// What a replica's copy keeps, it keeps for the points that it lists: it goes with the last one.
bool CollectorDriver::is_expired(SessionName session) const {
    const End& end = ends_.at(session);
    if (is_expired(SessionDigest{session, end.digest})) return true;
    return !end.listed.empty() &&
           std::all_of(end.listed.begin(), end.listed.end(),
                       [&](const SessionDigest& point) { return is_expired(point); });
}

Result<protocol::Answer> CollectorDriver::load_fate(SessionName session) const {
    return is_expired(session) ? protocol::Answer::found({}, 1, false)
                               : plain(AnswerKind::NotFound);
}

// ------------------------------------------------------------------------------------ waiting

Result<OpenSession> CollectorDriver::describe(SessionName session) const {
    const Entry& entry = entries_.at(session);
    OpenSession open{session, entry.host, entry.purpose, 0};
    const std::int64_t now = repository_.clock().now().nanoseconds;
    // A clock that runs ahead keeps nobody waiting for ever: then the store's is asked alone.
    if (entry.time_ns <= now) open.last_sign_ns = entry.time_ns;
    for (const ObjectName& name : {names::log_entry(session), names::index(session)}) {
        const auto stat = store().stat(name, stop_);
        if (!stat && stat.error().kind() != ErrorKind::NotFound) return stat.error();
        if (stat && stat->modified_ns <= now)
            open.last_sign_ns = std::max(open.last_sign_ns, stat->modified_ns);
    }
    return open;
}

Result<bool> CollectorDriver::may_fence(SessionName session) {
    for (const auto& [k, known] : lists_.lists())
        for (const SessionDigest& end : known.list.counted)
            if (end.session == session && !rules_.force)
                return corrupt(names::point(session),
                               "was counted by " + names::condemned_list(k).text() +
                                   " and is gone; what it kept is not given up");
    if (rules_.now) return true;
    const OpenSession open = PERDURE_TRY(describe(session));
    return repository_.clock().now().nanoseconds - open.last_sign_ns >= rules_.idle_ns;
}

Result<void> CollectorDriver::find_waited_for() {
    for (const SessionName barrier : barriers_)
        for (std::uint64_t n = 1; n < number(barrier.session); ++n) {
            const SessionName session{barrier.writer, SessionNumber{n}};
            const auto entry = entries_.find(session);
            if (entry == entries_.end() || entry->second.entry.kind == protocol::EntryKind::Barrier)
                continue;
            const auto end = PERDURE_TRY(load_end(session));
            if (end.kind != AnswerKind::NotFound) continue;
            const OpenSession open = PERDURE_TRY(describe(session));
            waiting_.push_back(open);
        }
    return {};
}

}  // namespace perdure
