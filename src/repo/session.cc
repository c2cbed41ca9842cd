#include "repo/session.h"

#include <algorithm>

#include "base/in_order.h"
#include "base/try.h"
#include "repo/closed.h"
#include "repo/pack_catalog.h"
#include "repo/protocol/upkeep.h"
#include "repo/protocol_tokens.h"
#include "repo/record.h"

namespace perdure {

namespace {

constexpr std::string_view kHeadFile = "head";
// More are listed, and read several at a time.
constexpr std::uint64_t kListsReadOneByOne = 4;

LogPosition load_position(const LocalCache& cache, WriterNumber writer) {
    const auto bytes = cache.load(kHeadFile);
    if (!bytes) return {};
    return decode_log_position(writer, *bytes).value_or(LogPosition{});
}

}  // namespace

// ------------------------------------------------------------------------------------ driver

/// Performs the protocol's actions against the store. What a Create sends is encoded once a name
/// and repeated byte for byte.
class WriteSession::Driver {
public:
    Driver(WriteSession& session, std::stop_token stop)
        : session_(session), stop_(std::move(stop)) {}

    TokenTable tokens;
    std::function<Result<Buffer>(const protocol::Action&)> encode;
    std::function<protocol::Answer()> copy;  // what a repack asks for

    template <class Machine>
    Result<void> run(Machine& machine, std::string_view what) {
        while (true) {
            const protocol::Action action = machine.next();
            if (action.verb == protocol::Verb::Done) return {};
            if (action.verb == protocol::Verb::Failed) return failure(action.failure, what);
            const bool begins = action.key.type == protocol::ObjectType::LogEntry &&
                                action.verb != protocol::Verb::Copy;
            if (stop_.stop_requested() && begins) return Error(ErrorKind::Cancelled, "interrupted");
            const protocol::Answer answer =
                action.verb == protocol::Verb::Copy ? copy() : perform(action);
            if (encode_error_) return std::move(*encode_error_);
            machine.on_answer(answer);
        }
    }

    const Buffer* sent(const ObjectName& name) const {
        const auto at = sent_.find(name);
        return at == sent_.end() ? nullptr : &at->second;
    }

private:
    ObjectName name_of(const protocol::ObjectKey& key) const {
        const SessionName session{WriterNumber{static_cast<std::uint32_t>(key.writer)},
                                  SessionNumber{key.number}};
        switch (key.type) {
            case protocol::ObjectType::LogEntry: return names::log_entry(session);
            case protocol::ObjectType::Ending: return names::point(session);
            case protocol::ObjectType::Index: return names::index(session);
            case protocol::ObjectType::List: return names::condemned_list(key.number);
            case protocol::ObjectType::Verdict: return names::verdict(key.number);
            default: break;
        }
        PERDURE_CHECK(false && "a session asks for no other objects");
        __builtin_unreachable();
    }

    protocol::Answer perform(const protocol::Action& action) {
        if (action.key.type == protocol::ObjectType::Closed) return load_closed(action);
        return action.verb == protocol::Verb::Create ? create(action) : load(action);
    }

    protocol::Answer create(const protocol::Action& action) {
        const ObjectName name = name_of(action.key);
        auto at = sent_.find(name);
        if (at == sent_.end()) {
            auto bytes = encode(action);
            if (!bytes) {
                encode_error_ = std::move(bytes).error();
                return {};
            }
            at = sent_.emplace(name, std::move(*bytes)).first;
        }
        // An interrupt must not leave a half-answered commit: requests of the protocol are short
        // and run to their end.
        const auto created = session_.repository_.store().create(name, at->second, {});
        if (created) return protocol::Answer::done(tokens.token_of(digest_of(at->second)));
        last_error_ = created.error().describe();
        last_hint_ = created.error().hint();
        last_kind_ = created.error().kind();
        return protocol::Answer::plain(answer_kind_of(created.error()));
    }

    protocol::Answer load(const protocol::Action& action) {
        const ObjectName name = name_of(action.key);
        const auto bytes = session_.repository_.store().load(name, ByteRange::all(), {});
        if (!bytes) {
            last_error_ = bytes.error().describe();
            last_kind_ = bytes.error().kind();
            return protocol::Answer::plain(answer_kind_of(bytes.error()));
        }
        const auto at = sent_.find(name);
        const bool identical = at != sent_.end() && equal(*bytes, at->second);
        auto record = interpret(action.key, *bytes);
        if (!record) {
            last_error_ = record.error().describe();
            last_kind_ = ErrorKind::Corrupt;
            return protocol::Answer::plain(protocol::AnswerKind::Invalid);
        }
        return protocol::Answer::found(*record, tokens.token_of(digest_of(*bytes)), identical);
    }

    /// Of the bytes that were answered: were the object read again for it, a store that fails then
    /// would make a committed point look like somebody else's.
    Result<protocol::Record> interpret(const protocol::ObjectKey& key, const Buffer& bytes) {
        const SessionName session{WriterNumber{static_cast<std::uint32_t>(key.writer)},
                                  SessionNumber{key.number}};
        const Repository& repository = session_.repository_;
        switch (key.type) {
            case protocol::ObjectType::LogEntry: {
                // A writer without the owner's help can still authenticate its own entries: it
                // enrolled with this key.
                const LogRecord log =
                    PERDURE_TRY(repository.read_log_entry(session, bytes, nullptr, {}));
                protocol::LogEntry entry;
                entry.kind = log.kind == LogKind::Barrier ? protocol::EntryKind::Barrier
                             : log.purpose == SessionPurpose::Read
                                 ? protocol::EntryKind::ReadSession
                                 : protocol::EntryKind::Session;
                entry.list = log.list;
                entry.previous = log.previous ? tokens.token_of(*log.previous) : 0;
                return protocol::Record(entry);
            }
            case protocol::ObjectType::Ending: {
                const Point point = PERDURE_TRY(repository.read_point(session, bytes, {}));
                protocol::EndRecord end;
                end.kind = point.header.kind == EndKind::Fence       ? protocol::EndKind::Fence
                           : point.header.kind == EndKind::EndRecord ? protocol::EndKind::End
                           : point.header.kind == EndKind::Checkpoint
                               ? protocol::EndKind::Checkpoint
                               : protocol::EndKind::Point;
                end.index = point.header.index ? tokens.token_of(*point.header.index) : 0;
                return protocol::Record(end);
            }
            case protocol::ObjectType::List:
                PERDURE_TRY(session_.lists_.note_list(repository, key.number, bytes));
                return protocol::Record();
            case protocol::ObjectType::Verdict:
                PERDURE_TRY(session_.lists_.note_verdict(repository, key.number, bytes));
                return protocol::Record();
            default: return protocol::Record();
        }
    }

    /// What stands above the number speaks of it too: one that cannot be read contradicts.
    protocol::Answer load_closed(const protocol::Action& action) {
        const SessionName session{WriterNumber{static_cast<std::uint32_t>(action.key.writer)},
                                  SessionNumber{action.key.number}};
        const Repository& repository = session_.repository_;
        bool is_settled = false;
        const auto listed = repository.store().list(
            names::closed_prefix(session.writer),
            [&](std::string_view name, const ObjectStat&) {
                const auto closed = names::parse_closed(name);
                is_settled = is_settled || (closed && closed->session > session.session);
                return true;
            },
            {});
        if (!listed) return protocol::Answer::plain(answer_kind_of(listed.error()));
        if (!is_settled) return protocol::Answer::plain(protocol::AnswerKind::NotFound);
        std::vector<Problem> problems;
        const auto settled = SettledNumbers::load(repository, session.writer, problems, {});
        if (!settled) return protocol::Answer::plain(answer_kind_of(settled.error()));
        const SettledNumber* stated = settled->find(session);
        Digest end;
        if (stated != nullptr && stated->end)
            end = *stated->end;
        else
            last_error_ = names::closed_prefix(session.writer) +
                          ": the number was settled by a maintainer before it was committed";
        return protocol::Answer::found(
            protocol::ClosedStatement{tokens.token_of(end), stated != nullptr && stated->expired},
            0, false);
    }

    Error failure(protocol::Failure failure, std::string_view what) const {
        const auto text = [&](std::string_view why) {
            return std::string(what) + " " + std::string(why) +
                   (last_error_.empty() ? "" : " (" + last_error_ + ")");
        };
        switch (failure) {
            case protocol::Failure::Fenced:
            case protocol::Failure::Contradicted:
                return Error(ErrorKind::Fenced, text("was ended by a maintainer, who took it for "
                                                     "dead; nothing of it counts"))
                    .with_hint("run the backup again");
            case protocol::Failure::Foreign:
                return Error(ErrorKind::Corrupt,
                             text("found another object under a name of its own"))
                    .with_hint(
                        "is the same writer key used on two machines? give each its own: `perdure "
                        "key writer add`");
            case protocol::Failure::Unknown:
                return Error(ErrorKind::Timeout,
                             text("may or may not have been committed: the store's answer was lost "
                                  "and could not be read back"))
                    .with_hint("run `perdure list` when the store answers again");
            case protocol::Failure::Refused:
                return Error(last_kind_, text("was refused by the store")).with_hint(last_hint_);
            case protocol::Failure::Damaged:
            case protocol::Failure::BrokenChain:
            case protocol::Failure::Missing:
                return Error(ErrorKind::Corrupt, text("found the writer's log damaged"))
                    .with_hint("run `perdure check`");
            default:
                return Error(
                    last_kind_ == ErrorKind::AlreadyExists ? ErrorKind::Unavailable : last_kind_,
                    text("got no clear answer from the store"));
        }
    }

    WriteSession& session_;
    std::stop_token stop_;
    std::map<ObjectName, Buffer> sent_;
    std::optional<Error> encode_error_;
    std::string last_error_, last_hint_;
    ErrorKind last_kind_ = ErrorKind::Unavailable;
};

// ------------------------------------------------------------------------------------ begin

WriteSession::WriteSession(const Repository& repository, const WriterIdentity& identity)
    : repository_(repository), identity_(identity), signing_(identity.signing_seed) {}

Buffer WriteSession::seal_signed(ObjectType type, const ObjectName& name, ByteView body) const {
    const SignWith sign{
        {identity_.role, identity_.enrolment, repository_.epoch().number}, &signing_, nullptr};
    const DomainKeys& domain = context_.domain;
    return seal_record(
        {repository_.id(), type, name.text()}, body, sign,
        {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
}

Buffer WriteSession::encode_session_entry(SessionNumber n, std::optional<Digest> previous,
                                          const SessionOptions& options) {
    context_.session = {identity_.enrolment, n};
    repository_.random().fill(context_.secret.reveal_mutable());
    context_.sealed_secret = seal_session_secret(
        repository_.epoch().owner_sealing_key,
        {repository_.id(), context_.session, repository_.epoch().number}, context_.secret);
    LogRecord record;
    record.session = context_.session;
    record.previous = previous;
    record.time_ns = repository_.clock().now().nanoseconds;
    record.purpose = options.purpose;
    record.sealed_secret = context_.sealed_secret;
    record.program = program_name();
    record.host = options.host;
    return seal_signed(ObjectType::LogEntry, names::log_entry(context_.session),
                       encode_log_record(record));
}

Result<std::unique_ptr<WriteSession>> WriteSession::make(const Repository& repository,
                                                         const WriterIdentity& identity,
                                                         const SessionOptions& options,
                                                         std::stop_token stop) {
    PERDURE_TRY(repository.may_write());
    if (PERDURE_TRY(repository.is_imported(identity.enrolment, stop)))
        return Error(ErrorKind::Denied,
                     "this writer's key is of the repository that this one is a "
                     "replica of")
            .with_hint("make a key for the replica: `perdure key writer add`");
    std::unique_ptr<WriteSession> session(new WriteSession(repository, identity));
    session->context_.repository = repository.id();
    session->context_.domain = PERDURE_TRY(repository.domain_keys());
    session->context_.target_size = options.pack_size;
    session->context_.retention_class = options.retention_class;
    const RetentionClass stored_as =
        PERDURE_TRY(repository.retention_class(options.retention_class));
    // A replica has its source's classes, and perhaps no lock.
    if (stored_as.lock && !repository.locks_objects() && !PERDURE_TRY(repository.is_replica(stop)))
        PERDURE_TRY(repository.must_lock());
    return session;
}

Result<protocol::SessionBegin::Start> WriteSession::start_of(const LocalCache& cache,
                                                             const SessionOptions& options,
                                                             Driver& driver, std::stop_token stop) {
    LogPosition position = load_position(cache, identity_.enrolment);
    position.obeys = std::max(position.obeys, identity_.obeys);
    protocol::SessionBegin::Start start;
    start.writer = number(identity_.enrolment);
    start.head = {position.next, driver.tokens.token_of(position.previous), position.obeys};
    if (position.next == 1) {
        PERDURE_TRY(repository_.store().list(
            names::log_prefix(identity_.enrolment),
            [&](std::string_view name, const ObjectStat&) {
                if (const auto entry = names::parse_log_entry(name))
                    start.known = std::max(start.known, number(entry->session) + 1);
                return true;
            },
            stop));
    } else {
        start.known = position.next + 1;  // the newest entry is read again: it must still be there
    }
    if (options.purpose == SessionPurpose::Read) start.kind = protocol::EntryKind::ReadSession;
    if (position.next == 1 || position.obeys > kListsReadOneByOne)
        start.settled = PERDURE_TRY(settle_lists(stop));
    return start;
}

/// Reads the lists that have verdicts, which are final: several at a time, and from the cache. The
/// machine reads all others, once the number is taken. Answers up to which none is left out.
Result<std::uint64_t> WriteSession::settle_lists(std::stop_token stop) {
    struct Settled {
        std::optional<ListedObject> list, verdict;
    };
    const auto listed = list_objects(repository_.store(), "gc/", stop);
    if (!listed && listed.error().kind() == ErrorKind::Cancelled) return listed.error();
    if (!listed) return 0;  // the machine asks by name
    std::map<std::uint64_t, Settled> found;
    for (const ListedObject& object : *listed)
        if (const auto k = names::parse_collection(object.name.text()))
            (object.name == names::condemned_list(*k) ? found[*k].list : found[*k].verdict) =
                object;
    std::vector<const Settled*> settled;
    for (const auto& [k, both] : found) {
        if (k != settled.size() + 1 || !both.list || !both.verdict) break;
        settled.push_back(&both);
    }
    std::uint64_t below = 0;
    const InOrder order = order_records(repository_.store(), settled.size());
    using Both = std::optional<std::pair<Buffer, Buffer>>;
    PERDURE_TRY(make_in_order<Both>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Both> {
            auto list = repository_.load_record(*settled[i]->list, by);
            auto verdict = repository_.load_record(*settled[i]->verdict, by);
            if (!list || !verdict) return Both();
            return Both(std::pair(*std::move(list), *std::move(verdict)));
        },
        [&](std::size_t i, const Both& both) -> Result<void> {
            const std::uint64_t k = i + 1;
            if (both && below == i && lists_.note_list(repository_, k, both->first) &&
                lists_.note_verdict(repository_, k, both->second))
                below = k;
            return {};
        },
        stop));
    return below;
}

Result<void> WriteSession::take_number(const protocol::SessionBegin& machine,
                                       const LocalCache& cache, const Driver& driver,
                                       std::stop_token stop) {
    proven_ = machine.create_if_absent_proven();
    if (!proven_)
        return Error(ErrorKind::Unsupported, "the store does not refuse to create an object twice")
            .with_hint("use a store with conditional writes");
    log_entry_ = digest_of(*driver.sent(names::log_entry(name())));
    // The entry just made is left out, so that the next session reads it again.
    LogPosition next;
    next.next = number(name().session);
    next.obeys = machine.obeys();
    if (next.next > 1) {
        const auto own = PERDURE_TRY(repository_.load_log_entry(name(), nullptr, stop));
        next.previous = own.previous;
    }
    cache.save(kHeadFile, encode_log_position(identity_.enrolment, next));
    return {};
}

Result<std::unique_ptr<WriteSession>> WriteSession::begin(const Repository& repository,
                                                          const WriterIdentity& identity,
                                                          const LocalCache& cache,
                                                          const SessionOptions& options,
                                                          std::stop_token stop) {
    auto session = PERDURE_TRY(make(repository, identity, options, stop));
    Driver driver(*session, stop);
    protocol::SessionBegin machine(PERDURE_TRY(session->start_of(cache, options, driver, stop)));
    driver.encode = [&](const protocol::Action& action) -> Result<Buffer> {
        const auto& entry = std::get<protocol::LogEntry>(action.record);
        return session->encode_session_entry(SessionNumber{action.key.number},
                                             driver.tokens.digest_of(entry.previous), options);
    };
    auto begun = driver.run(machine, "beginning a session");
    if (!begun) {
        cache.remove(kHeadFile);
        return std::move(begun).error();
    }
    PERDURE_TRY(session->take_number(machine, cache, driver, stop));
    PERDURE_TRY(session->promise_locks(options, stop));
    return session;
}

/// By the store's clock: one of this machine that is wrong must promise nothing.
Result<void> WriteSession::promise_locks(const SessionOptions& options, std::stop_token stop) {
    const RetentionClass stored_as =
        PERDURE_TRY(repository_.retention_class(context_.retention_class));
    if (!repository_.locks_objects() || !stored_as.lock) return {};
    std::int64_t now = PERDURE_TRY(repository_.store().locks()->now_ns(stop));
    now -= now % 1'000'000'000;  // what a store keeps
    new_locked_until_ns_ = now + stored_as.full_ns();
    // Repairs and repacks build on what is there whether it is locked or not.
    if (options.purpose != SessionPurpose::Backup && options.purpose != SessionPurpose::Copy)
        return {};
    locked_until_ns_ =
        options.locked_until_ns != 0 ? options.locked_until_ns : now + stored_as.period_ns();
    coverage_ = PERDURE_TRY(
        LockCoverage::load(repository_, stored_as, name(), locked_until_ns_, std::move(stop)));
    return {};
}

bool WriteSession::may_reuse(const BirthPack& pack) const {
    return !lists_.blocks(pack) && (coverage_ == nullptr || coverage_->covers(pack));
}

std::uint64_t WriteSession::newest_list() const {
    return lists_.empty() ? 0 : lists_.lists().rbegin()->first;
}

std::shared_ptr<const MovedBlocks> WriteSession::moved_blocks(std::stop_token stop) const {
    if (lists_.empty()) return nullptr;
    if (auto known = moved_.with([](const auto& moved) { return moved; })) return known;
    auto loaded = MovedBlocks::load(repository_, stop);
    // Without them blocks are stored again: that costs room, and is tried again for the next one.
    if (!loaded) return nullptr;
    moved_.with([&](auto& moved) { moved = *loaded; });
    return *loaded;
}

bool WriteSession::may_reuse(const BirthAddress& block, std::stop_token stop) const {
    if (may_reuse(block.pack)) return true;
    const auto moved = moved_blocks(stop);
    if (!moved) return false;
    const auto places = moved->places_of(block);
    return std::any_of(places.begin(), places.end(),
                       [&](const MovedBlock& place) { return may_reuse(place.table->pack); });
}

PackId WriteSession::new_pack_id() {
    PackId id;
    repository_.random().fill(id.raw());
    return id;
}

// ------------------------------------------------------------------------------------ packs

Result<void> WriteSession::publish(FinishedPack& pack, std::vector<std::uint64_t> fingerprints,
                                   std::stop_token stop) {
    const ObjectName name = pack.table.name();
    auto created = repository_.store().create(name, pack.bytes, stop);
    if (!created && created.error().kind() == ErrorKind::AlreadyExists) {
        // Our random name is taken: a repeated answer of ours, or damage. Equal bytes are ours.
        const Buffer there = PERDURE_TRY(repository_.store().load(name, ByteRange::all(), stop));
        if (equal(there, pack.bytes)) created = Result<void>();
    }
    PERDURE_TRY(std::move(created).context("storing a pack"));
    published_.with([&](Published& p) {
        p.packs.push_back(pack.table);
        p.hints.push_back({pack.table.pack.pack, std::move(fingerprints)});
        p.bytes += pack.table.size;
    });
    return {};
}

std::uint64_t WriteSession::bytes_published() const {
    return published_.with([](const Published& p) { return p.bytes; });
}

void WriteSession::mark_published(LivenessMarks& marks, PackRegistry& registry) const {
    published_.with([&](const Published& p) {
        for (const PackTable& table : p.packs)
            for (const SlotEntry& slot : table.slots)
                marks.mark(registry.number_of(slot.birth.pack), slot.birth.slot);
    });
}

// ------------------------------------------------------------------------------------ commit

Result<Buffer> WriteSession::encode_end(PointHeader& header,
                                        const std::optional<PointBody>& body) const {
    const ObjectName name = names::point(context_.session);
    Buffer framed_body;
    if (body) {
        framed_body = seal_record({repository_.id(), ObjectType::PointBody, name.text()},
                                  encode_point_body(*body), {},
                                  {Sealing::Session, context_.secret, context_.domain.name.domain,
                                   context_.domain.name.generation});
        header.body = digest_of(framed_body);
    }
    header.session = context_.session;
    header.log_entry = log_entry_;
    header.sealed_secret = context_.sealed_secret;
    header.retention_class = context_.retention_class;
    header.locked_until_ns = static_cast<std::uint64_t>(locked_until_ns_);
    header.new_locked_until_ns = static_cast<std::uint64_t>(new_locked_until_ns_);
    header.program = program_name();
    Buffer object = seal_signed(ObjectType::Point, name, encode_point_header(header));
    append(object, framed_body);
    return object;
}

Result<WriteSession::Ending> WriteSession::prepare_end(PointHeader& header,
                                                       const std::optional<PointBody>& body,
                                                       std::optional<LivenessSummary> liveness,
                                                       std::stop_token stop) {
    header.retention_class = context_.retention_class;
    PERDURE_TRY(repository_.may_end(header, identity_.enrolment, stop));
    Index index;
    index.session = context_.session;
    index.sealed_secret = context_.sealed_secret;
    index.liveness = std::move(liveness);
    std::vector<PackHints> hints;
    published_.with([&](const Published& p) {
        index.packs = p.packs;
        hints = p.hints;
    });
    const ObjectName index_name = names::index(context_.session);
    Ending ending;
    ending.index = seal_signed(ObjectType::Index, index_name, encode_index(index));
    ending.index_digest = digest_of(ending.index);
    header.index = ending.index_digest;
    const bool new_leaves = std::any_of(hints.begin(), hints.end(),
                                        [](const PackHints& h) { return !h.fingerprints.empty(); });
    if (new_leaves) {
        // Hints may be lost without a word: a failure here costs the next session time.
        const ObjectName hints_name = names::hints(context_.session);
        const auto ignored = repository_.store().create(
            hints_name, seal_signed(ObjectType::Hints, hints_name, encode_hints(hints)), stop);
        static_cast<void>(ignored.has_value());
    }
    ending.end = PERDURE_TRY(encode_end(header, body));
    return ending;
}

Result<Committed> WriteSession::commit(PointHeader header, const std::optional<PointBody>& body,
                                       std::optional<LivenessSummary> liveness,
                                       std::stop_token stop) {
    const Ending ending = PERDURE_TRY(prepare_end(header, body, std::move(liveness), stop));
    Driver driver(*this, {});
    driver.encode = [&](const protocol::Action& action) -> Result<Buffer> {
        return action.key.type == protocol::ObjectType::Index ? ending.index : ending.end;
    };
    protocol::EndRecord record;
    record.kind = header.kind == EndKind::Checkpoint  ? protocol::EndKind::Checkpoint
                  : header.kind == EndKind::EndRecord ? protocol::EndKind::End
                                                      : protocol::EndKind::Point;
    record.index = driver.tokens.token_of(*header.index);
    if (!header.supersedes.empty())
        record.supersedes = number(header.supersedes.back().session.session);
    protocol::SessionCommit machine(number(identity_.enrolment), number(context_.session.session),
                                    record);
    PERDURE_TRY(driver.run(machine, "session " + short_text(context_.session)));
    return Committed{context_.session, digest_of(ending.end), header.index};
}

// ------------------------------------------------------------------------------------ repack

Result<WriteSession::Ending> WriteSession::prepare_repack_end(const SessionOptions& options,
                                                              std::stop_token stop) {
    PointHeader header;
    header.kind = EndKind::EndRecord;
    header.host = options.host;
    header.started_ns = header.finished_ns = repository_.clock().now().nanoseconds;
    if (bytes_published() > 0) return prepare_end(header, std::nullopt, std::nullopt, stop);
    Ending ending;
    ending.end = PERDURE_TRY(encode_end(header, std::nullopt));
    return ending;
}

Result<Committed> WriteSession::repack(const Repository& repository, const WriterIdentity& identity,
                                       const LocalCache& cache, const SessionOptions& options,
                                       const std::function<Result<void>(WriteSession&)>& copy,
                                       std::stop_token stop) {
    const auto session = PERDURE_TRY(make(repository, identity, options, stop));
    Driver driver(*session, stop);
    protocol::RepackStep machine(PERDURE_TRY(session->start_of(cache, options, driver, stop)));
    Ending ending;
    std::optional<Error> failed;
    driver.encode = [&](const protocol::Action& action) -> Result<Buffer> {
        if (action.key.type == protocol::ObjectType::Index) return ending.index;
        if (action.key.type == protocol::ObjectType::Ending) return ending.end;
        const auto& entry = std::get<protocol::LogEntry>(action.record);
        return session->encode_session_entry(SessionNumber{action.key.number},
                                             driver.tokens.digest_of(entry.previous), options);
    };
    driver.copy = [&] {
        if (failed) return protocol::Answer::plain(protocol::AnswerKind::Unclear);
        auto copied = session->take_number(machine.session(), cache, driver, stop);
        if (copied) copied = copy(*session);
        if (!copied) failed = std::move(copied).error();
        // What could not be copied whole is not named: its packs are orphans of an ended number.
        if (failed) session->published_.with([](Published& p) { p = {}; });
        auto prepared = session->prepare_repack_end(options, {});
        if (!prepared) {
            failed = std::move(prepared).error();
            return protocol::Answer::plain(protocol::AnswerKind::Unclear);
        }
        ending = std::move(*prepared);
        if (!ending.index_digest) return protocol::Answer::plain(protocol::AnswerKind::Refused);
        return protocol::Answer::done(driver.tokens.token_of(*ending.index_digest));
    };
    const auto done = driver.run(machine, "repacking");
    if (failed) return std::move(*failed);
    PERDURE_TRY(done);
    return Committed{session->name(), digest_of(ending.end), ending.index_digest};
}

Key256 cache_key(const Repository& repository, const WriterIdentity* identity) {
    const Key256& root =
        identity != nullptr ? identity->signing_seed : repository.keyring().owner().seed;
    return derive_key(root, repository.id().view(), Transcript("perdure cache key v1").view());
}

}  // namespace perdure
