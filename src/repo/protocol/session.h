// Beginning and ending a session (DESIGN §7). Include as "repo/protocol/session.h"; the values are
// in "repo/protocol/facts.h", the reuse rules in "repo/protocol/reuse.h".
//
// SessionBegin takes a number, proves create-if-absent with it, and only then has the lists read
// that the session obeys. SessionCommit ends the number at points/<w>/<n>, the only commit there
// is.
//
// How to drive one:
//     while (true) {
//         const Action action = machine.next();
//         if (action.verb == Verb::Done || action.verb == Verb::Failed) break;
//         machine.on_answer(perform(action));
//     }
#pragma once

#include "repo/protocol/facts.h"
#include "repo/protocol/log_append.h"

namespace perdure::protocol {

/// Tries a request gets before its outcome counts as unsettled. The store's retry decorator has
/// already spent its own; these are for answers that stay unclear.
constexpr std::uint8_t kDefaultTries = 4;

/// Order of requests: [Load log entries below `known`], Create log/<w>/<n> (after a lost race: Load
/// what won, Create the next), Create it again, then for each list k in (settled, obeys]: Load
/// gc/<k>, Load gc/<k>.verdict. The driver keeps what the lists and verdicts hold; a verdict that
/// is NotFound leaves its whole list in force.
///
/// The session obeys every list numbered up to `obeys()`: the highest barrier below it in its own
/// log or below its certificate in the enrolments. That is at least what DESIGN asks (lists are
/// numbered without gaps and exist before their barriers), and it is one number.
class SessionBegin {
public:
    struct Start {
        Writer writer = 0;
        /// A verified prefix of the log. For an empty one, `obeys` is the highest list with a
        /// barrier below the writer's certificate; a cached one already includes that.
        LogHead head;
        Number known = 0;        // numbers below this are believed taken; 0: just try
        ListNumber settled = 0;  // lists up to this are held by the driver together with verdicts
        EntryKind kind = EntryKind::Session;  // or ReadSession
        std::uint8_t tries = kDefaultTries;
    };

    SessionBegin() = default;
    explicit SessionBegin(const Start& start);

    /// Done, or Failed with Unavailable, Unknown (a number may have been taken: a later session or
    /// a collector deals with it), Refused, Damaged, Missing or BrokenChain.
    Action next() const;
    void on_answer(const Answer& answer);

    /// The number taken. Valid once the log entry is created.
    Number number() const { return append_.position(); }
    /// The head to cache for the next session of this writer (barriers up to number() included).
    const LogHead& head() const { return append_.head(); }
    /// The session obeys all lists numbered up to this.
    ListNumber obeys() const { return append_.head().obeys; }
    /// False if the store overwrote, or did not notice, the second create: then one process a
    /// writer and no fences. Valid once done.
    bool create_if_absent_proven() const { return proven_; }

    template <class F>
    void visit(F&& f) {
        append_.visit(f);
        f(taken_.kind), f(taken_.list), f(taken_.subject), f(taken_.previous);
        f(list_), f(step_), f(failure_), f(tries_), f(left_), f(proven_);
    }
    friend bool operator==(const SessionBegin&, const SessionBegin&) = default;

private:
    enum class Step : std::uint8_t { Append, Prove, List, Verdict, Done, Failed };

    void on_append(const Answer& answer);
    void on_proof(const Answer& answer);
    void on_list(const Answer& answer);
    void on_verdict(const Answer& answer);
    void read_list(ListNumber list);
    void enter(Step step);
    void fail(Failure failure);
    void again(Failure otherwise);

    LogAppend append_;
    LogEntry taken_;       // the entry as created, for the proof
    ListNumber list_ = 0;  // the list being read; before that, the highest settled one
    Step step_ = Step::Append;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;
    bool proven_ = false;
};

/// Order of requests: Create index/<w>/<n> (if the record binds one), Create points/<w>/<n>, Load
/// it, Load what `closed` records state about the number. The packs the index names are durable
/// before this machine is made. A Create whose answer is unclear is sent again with the same bytes;
/// a name that is taken is read back.
///
/// Done means: our bytes are what stands at points/<w>/<n>, for ever. Failed with Fenced, Foreign
/// or Contradicted: the number is ended by another, the session's work is void. Unknown: it may or
/// may not be committed (exit code 4). Unavailable, Refused: nothing was published under the
/// number.
class SessionCommit {
public:
    SessionCommit() = default;
    SessionCommit(Writer writer, Number number, EndRecord record,
                  std::uint8_t tries = kDefaultTries);

    Action next() const;
    void on_answer(const Answer& answer);

    template <class F>
    void visit(F&& f) {
        f(writer_), f(number_), f(record_.kind), f(record_.index), f(record_.supersedes);
        f(token_), f(step_), f(failure_), f(tries_), f(left_), f(sent_);
    }
    friend bool operator==(const SessionCommit&, const SessionCommit&) = default;

private:
    enum class Step : std::uint8_t { Index, SettleIndex, Ending, ReadBack, Closed, Done, Failed };

    void on_index(const Answer& answer);
    void on_settle_index(const Answer& answer);
    void on_ending(const Answer& answer);
    void on_read_back(const Answer& answer);
    void on_closed(const Answer& answer);
    void enter(Step step);
    void fail(Failure failure);
    void again(Failure otherwise);
    ObjectKey key(ObjectType type) const { return {type, writer_, number_, 0}; }

    Writer writer_ = 0;
    Number number_ = 0;
    EndRecord record_;
    Token token_ = 0;  // of our bytes, once read back
    Step step_ = Step::Done;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;
    bool sent_ = false;  // an answer to the Create of the ending was unclear
};

}  // namespace perdure::protocol
