// Performs what a collection asks for (repo/protocol/collector.h) against the store, and gathers
// what its list and its verdict are made of.
//
// The invariant: nothing is judged that was not authenticated. An object that is needed and is
// missing, does not authenticate or contradicts what was counted before stops the collection with
// an error that names it. Not thread-safe; not for longer than one run.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "repo/closed.h"
#include "repo/collection_facts.h"
#include "repo/liveness.h"
#include "repo/maintainer.h"
#include "repo/obeyed_lists.h"
#include "repo/protocol/collector.h"
#include "repo/protocol_tokens.h"

namespace perdure {

constexpr std::int64_t kSecond = 1'000'000'000;

struct CollectionRules {
    std::int64_t idle_ns =
        24 * 3600 * kSecond;  // a session of which nothing came for so long may be fenced
    std::int64_t grace_ns = 24 * 3600 * kSecond;  // from a verdict to the deletion of what it drops
    bool now = false;                             // fence at once, and wait for no grace period
    double max_drop = 0.8;          // of the stored bytes of packs that one collection may condemn
    bool force = false;             // also more, and though points that were counted are gone
    std::string host;               // recorded in the log entries of barriers
    std::size_t settle_after = 64;  // numbers of a log, for which a closed record is worth it
};

/// A session that has not ended.
struct OpenSession {
    SessionName session;
    std::string host;
    SessionPurpose purpose = SessionPurpose::Backup;
    std::int64_t last_sign_ns = 0;  // when something last came from it
};

/// Packs and their stored bytes.
struct PackAmount {
    std::uint64_t packs = 0;
    std::uint64_t bytes = 0;
    void add(std::uint64_t of) { ++packs, bytes += of; }
    friend bool operator==(const PackAmount&, const PackAmount&) = default;
};

class CollectorDriver {
public:
    CollectorDriver(const Maintainer&, const CollectionRules&, std::stop_token);

    /// Runs the machine up to the creation of its list, or to its end; the list is not made.
    Result<void> survey(protocol::Collector&);
    /// Runs it to its end. False: it waits for sessions, waiting() names them; the list is
    /// unfinished and anyone may carry it on. A list that would be empty is not made: then
    /// `machine` has failed with Refused, and is_empty() holds.
    Result<bool> collect(protocol::Collector& machine);
    bool is_empty() const { return is_empty_; }

    const CollectionFacts& facts() const { return facts_; }
    const ObeyedLists& lists() const { return lists_; }
    /// What a list made now would condemn, orphans first.
    Result<std::vector<PackNumber>> condemned();
    /// What verdicts drop and other lists condemn. `judging`: a list, its own packs marked listed.
    CollectionView view(std::uint64_t judging) const;

    /// After a walk: states in closed records how numbers ended, where enough is new. Answers how
    /// many.
    Result<std::size_t> settle();
    /// Indexes that may be deleted once all has been walked.
    std::vector<SessionName> needless_indexes() const;

    const std::vector<OpenSession>& waiting() const { return waiting_; }
    const std::vector<SessionName>& fenced() const { return fenced_; }
    const std::vector<Problem>& problems() const { return problems_; }
    std::size_t counted_points() const { return protecting_.size(); }

    /// Why a list of these would not be made: points that were counted are gone, or more would go
    /// than may.
    Result<void> may_condemn(const std::vector<PackNumber>&) const;
    /// Reads the listing of packs/ again.
    Result<void> list_packs();
    void note_removed(PackNumber n) { facts_.note_removed(n); }

private:
    struct Entry {
        protocol::LogEntry entry;
        std::optional<Digest> previous;
        Digest digest;
        std::int64_t time_ns = 0;
        SessionPurpose purpose = SessionPurpose::Backup;
        std::string host;
    };
    struct End {
        protocol::EndRecord record;
        Digest digest;
        std::optional<Digest> index;
        std::vector<SessionDigest> supersedes;
        std::optional<SessionDigest> previous;
        std::vector<SessionDigest> listed;  // of a replica's copy: the points that it lists
        bool may_count = true;              // false: outside of what its writer may make
    };
    using Step = protocol::Action;

    protocol::Answer perform(const Step&);
    protocol::Answer answer_of(const std::string& name, Result<protocol::Answer>);
    Result<protocol::Answer> load(const Step&);
    Result<protocol::Answer> load_list(std::uint64_t k);
    Result<protocol::Answer> load_verdict(std::uint64_t k);
    Result<protocol::Answer> load_enrolment(WriterNumber);
    Result<protocol::Answer> load_entry(SessionName);
    Result<protocol::Answer> load_end(SessionName);
    Result<protocol::Answer> load_fate(SessionName) const;
    Result<End> read_end(SessionName, ByteView object) const;
    Result<void> reset();
    Result<void> list_names();
    Result<void> read_fates();
    Result<void> tally(SessionName, bool protects);
    Result<void> take_index(SessionName, const Index&, bool joins, bool by_checkpoint);
    // Reading ahead of the machine, several at a time: what fails is asked for again by it.
    Result<void> read_ahead();
    Result<void> read_lists_ahead();
    Result<void> read_entries_ahead();
    Result<void> read_ends_ahead();
    Result<void> tally_ahead();
    bool may_tally_ahead(SessionName) const;
    Result<Entry> read_entry(SessionName, ByteView object) const;
    void remember(SessionName, Entry);
    void remember(SessionName, End);
    Result<Fate> read_fate(const names::FateName&, const ObjectName&, ByteView object) const;
    std::optional<ClosedRecord> closable(WriterNumber) const;
    bool is_superseded(SessionName) const;
    bool is_expired(SessionName) const;
    bool is_expired(const SessionDigest&) const;
    void note_entry(SessionName, const Entry&);
    Result<void> join_checkpoints();

    Result<protocol::Answer> create(const Step&);
    Result<Buffer> encode(const Step&);
    Result<Buffer> list_object(std::uint64_t k);
    Result<Buffer> verdict_object(std::uint64_t k);
    Buffer fence_object(SessionName) const;
    Buffer barrier_object(const Step&) const;
    Result<void> after_create(const Step&, ByteView object);
    bool is_taken(const protocol::ObjectKey&) const;
    ObjectName name_of(const protocol::ObjectKey&) const;
    WriterNumber enrolment_at(protocol::Number place) const;

    Result<void> refuse_lost_points() const;
    Result<void> refuse_share(const std::vector<PackNumber>&) const;
    Result<bool> is_lost(const SessionDigest&) const;
    Result<bool> may_fence(SessionName);
    Result<OpenSession> describe(SessionName) const;
    Result<void> find_waited_for();
    std::optional<SessionNumber> last_counting(WriterNumber) const;
    bool is_maintainer(WriterNumber) const;
    Error failure(protocol::Failure) const;
    Result<protocol::Failure> drive(protocol::Collector&, bool to_list_only);
    Store& store() const { return repository_.store(); }

    const Maintainer& maintainer_;
    const Repository& repository_;
    const CollectionRules& rules_;
    const std::stop_token stop_;

    TokenTable tokens_;
    std::map<ObjectName, Buffer> sent_;
    ObeyedLists lists_;
    CollectionFacts facts_;
    EnrolmentList enrolled_;
    std::uint64_t list_ = 0;                                               // the machine's
    protocol::Collector::Pass pass_ = protocol::Collector::Pass::FirstOr;  // likewise
    // What was read of objects that never change.
    std::map<SessionName, Entry> entries_;
    std::map<SessionName, End> ends_;
    std::map<WriterNumber, std::uint64_t> last_listed_;  // of each log
    std::uint32_t last_enrolment_ = 0;
    std::multimap<SessionName, Digest> expiries_;    // what fates say expired, with its digest
    std::multimap<SessionName, Digest> superseded_;  // checkpoints, likewise
    std::set<ObjectName> fates_read_;
    std::map<SessionName, Digest> protecting_;  // counted in the OR, with their ends' digests
    std::map<SessionName, Digest>
        checkpoints_;  // with their indexes, until all that may supersede them was read
    std::set<SessionName> indexed_;
    std::map<SessionName, ListedObject> listed_indexes_;
    JoinedSummaries joined_;
    SettledNumbers settled_;
    std::set<SessionName> barriers_;  // of list_
    std::vector<OpenSession> waiting_;
    std::vector<SessionName> fenced_;
    std::vector<Problem> problems_;
    bool is_empty_ = false;
    std::optional<Error> fatal_;       // stops the run, whatever the machine would make of it
    std::optional<Error> last_error_;  // why the last answer was none to go on with
};

}  // namespace perdure
