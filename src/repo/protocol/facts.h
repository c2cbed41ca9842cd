// The plain values the commit protocol is about (DESIGN §7): names, records, actions and answers.
//
// The protocol is written as step functions: a machine says what it wants done next (`Action
// next()`) and is told what came of it (`void on_answer(const Answer&)`). It does no I/O, reads no
// clock, draws no randomness and sees no bytes: digests are opaque tokens, condemned sets and
// liveness summaries stay with whoever drives it. So production and the explicit-state search of
// tests/protocol run the very same classes. Every machine is copyable and comparable, and
// `visit(f)` shows each of its members to `f`, which is how the search stores it.
//
// Rules for a driver
//  - Tokens are injective: equal tokens if and only if equal digests (an intern table, not the
//  first
//    bytes of a digest). 0 is "no object".
//  - A Create of one name is encoded once; every repetition sends the same bytes.
//  - `Answer::identical` compares the loaded bytes with those this machine's Create of that name
//    sent: identity is equality of bytes.
//  - A record that does not authenticate, or is signed by the wrong role, is Invalid, never
//  NotFound.
#pragma once

#include <cstdint>
#include <variant>

namespace perdure::protocol {

using Writer = std::uint64_t;      // whose log
using Number = std::uint64_t;      // a place in a log; the first is 1
using ListNumber = std::uint64_t;  // gc/<k>; the first is 1, 0 is "none"
using Token = std::uint64_t;       // stands for the digest of an object's bytes; 0 is "none"
using PackToken = std::uint64_t;   // stands for a pack's 16 random bytes

constexpr Number kFirstNumber = 1;

enum class ObjectType : std::uint8_t {
    LogEntry,   // log/<writer>/<number>
    Enrolment,  // writers/<number>
    Ending,     // points/<writer>/<number>
    Index,      // index/<writer>/<number>
    List,       // gc/<number>
    Verdict,    // gc/<number>.verdict
    Fate,       // fate/<writer>/<number>/…: whether a final "expired" is there
    Closed,     // what any closed/<writer>/<m> with m > number states about <number>
    Pack        // a pack: `pack` is its token, or (Remove) the place in the verdict `number`
};

struct ObjectKey {
    ObjectType type = ObjectType::LogEntry;
    Writer writer = 0;
    Number number = 0;
    PackToken pack = 0;

    friend bool operator==(const ObjectKey&, const ObjectKey&) = default;
};

enum class EntryKind : std::uint8_t { Session, ReadSession, Barrier, Certificate };

/// An entry of log/<w>/ (sessions and barriers) or of writers/ (certificates and barriers).
struct LogEntry {
    EntryKind kind = EntryKind::Session;
    ListNumber list = 0;  // Barrier: which list
    Writer subject = 0;   // Certificate: whose
    Token previous = 0;   // the entry before this one; 0 at the first number

    friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

enum class EndKind : std::uint8_t { Point, Checkpoint, End, Fence };

/// What stands at points/<w>/<n>. Only a Point or a Checkpoint protects blocks and supersedes.
struct EndRecord {
    EndKind kind = EndKind::Fence;
    Token index = 0;        // the index it binds; 0 if it wrote none
    Number supersedes = 0;  // a checkpoint of the same writer, source and roots; 0 if none

    /// Whether it keeps the blocks of its summary, until it expires.
    bool protects() const { return kind == EndKind::Point || kind == EndKind::Checkpoint; }
    /// Whether it expires checkpoint `number` of its own log: end records and fences never do.
    bool expires(Number number) const { return protects() && number != 0 && supersedes == number; }
    friend bool operator==(const EndRecord&, const EndRecord&) = default;
};

/// What a closed record states about one number.
struct ClosedStatement {
    Token ending = 0;
    bool expired = false;

    friend bool operator==(const ClosedStatement&, const ClosedStatement&) = default;
};

/// What the machines need of gc/<k>.verdict: how many packs it drops.
struct VerdictRecord {
    std::uint64_t packs = 0;

    friend bool operator==(const VerdictRecord&, const VerdictRecord&) = default;
};

/// Lists, indexes, packs and fates carry std::monostate: their content is the driver's.
using Record = std::variant<std::monostate, LogEntry, EndRecord, ClosedStatement, VerdictRecord>;

enum class Verb : std::uint8_t {
    Create,      // create-if-absent `key` holding `record`; Done, Exists, Unclear or Refused
    Load,        // read `key`; Found, NotFound, Unclear or Invalid
    Remove,      // delete `key`; Done or Unclear
    Reset,       // forget what was tallied; Done
    Tally,       // add the summary and the index of the ending at `key` to the OR; Done or Invalid
    TallyIndex,  // add only its index: it protects nothing (any more); Done or Invalid
    Wait,   // the session at `key` has not ended; NotFound: look again; Done: it may be fenced now
    Copy,   // copy live blocks into packs of session `key`, write their index; Done(index) or
            // Refused
    Done,   // finished; nothing more to answer
    Failed  // finished; see `failure`
};

enum class Failure : std::uint8_t {
    None,
    Fenced,        // somebody ended our number: the work under it is void
    Foreign,       // an object of another author stands under a name that is ours
    Unknown,       // whether it happened could not be settled (outcome UNKNOWN)
    Unavailable,   // no clear answer in the allowed tries; nothing was published
    Refused,       // the store will not take it: no space, or denied
    Damaged,       // an object that must be readable is not
    Missing,       // an object that must be there is not
    BrokenChain,   // a log entry does not name the one before it
    Contradicted,  // a closed record states another ending for our number
    Stopped        // a collector found that nothing may be deleted now
};

struct Action {
    Verb verb = Verb::Done;
    ObjectKey key;
    Record record;
    Failure failure = Failure::None;
};

enum class AnswerKind : std::uint8_t {
    Done,      // it happened
    Exists,    // Create: the name was taken
    Found,     // Load: `record`, `token`, `identical` are set
    NotFound,  // Load: no such object, perhaps not yet
    Unclear,   // timeout, 5xx, 409, a broken connection: it may have happened, or happen later
    Refused,   // no space, or denied: this attempt did not happen
    Invalid    // Load, Tally: bytes are there but do not authenticate or cannot be read
};

struct Answer {
    AnswerKind kind = AnswerKind::Unclear;
    Record record;
    Token token = 0;         // Found: of the bytes loaded. Create and Done: of the bytes sent
    bool identical = false;  // Found: the bytes are those this machine's Create sent

    static Answer done(Token token = 0) { return {AnswerKind::Done, {}, token, false}; }
    static Answer plain(AnswerKind kind) { return {kind, {}, 0, false}; }
    static Answer found(Record record, Token token, bool identical) {
        return {AnswerKind::Found, record, token, identical};
    }
};

inline Action create(ObjectKey key, Record record = {}) {
    return {Verb::Create, key, record, Failure::None};
}
inline Action load(ObjectKey key) { return {Verb::Load, key, {}, Failure::None}; }
inline Action done() { return {Verb::Done, {}, {}, Failure::None}; }
inline Action failed(Failure failure) { return {Verb::Failed, {}, {}, failure}; }

}  // namespace perdure::protocol
