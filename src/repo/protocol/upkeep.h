// The smaller steps around sessions and collections (DESIGN §7): expiring a point, carrying a
// checkpoint or a cached tree on, reading under a number, repacking, deleting what a verdict drops.
//
// None of them deletes anything but packs, and those only by verdict; indexes have their own rule,
// may_delete_index(). Names that begin, end or decide a number are never removed.
#pragma once

#include "repo/protocol/facts.h"
#include "repo/protocol/session.h"

namespace perdure::protocol {

/// Load points/<w>/<n>, Create fate/<w>/<n>/…: expired, for ever. Failed with Missing if no point
/// or checkpoint stands there.
class ExpireStep {
public:
    ExpireStep() = default;
    ExpireStep(Writer writer, Number number, std::uint8_t tries = kDefaultTries);

    Action next() const;
    void on_answer(const Answer& answer);

    template <class F>
    void visit(F&& f) {
        f(writer_), f(number_), f(step_), f(failure_), f(left_);
    }
    friend bool operator==(const ExpireStep&, const ExpireStep&) = default;

private:
    enum class Step : std::uint8_t { Ending, Fate, Done, Failed };

    void fail(Failure failure);

    Writer writer_ = 0;
    Number number_ = 0;
    Step step_ = Step::Done;
    Failure failure_ = Failure::None;
    std::uint8_t left_ = 0;
};

/// Whether what an earlier number of this writer left may be carried into the session that runs
/// now: run after SessionBegin. Loads points/<w>/<n>; it counts only if it is read back as
/// committed with the digest remembered (`remembered` 0: a resume after a crash, any point or
/// checkpoint of ours). Each block carried must pass may_reuse() even then; nothing carried over is
/// pinned.
class CarryStep {
public:
    CarryStep() = default;
    CarryStep(Writer writer, Number number, Token remembered, std::uint8_t tries = kDefaultTries);

    /// Always ends in Done: without a clear answer nothing is carried, which costs time, not data.
    Action next() const;
    void on_answer(const Answer& answer);

    bool is_carried() const { return carried_; }
    /// What the commit of this chain puts into EndRecord::supersedes: the checkpoint carried, if
    /// any.
    Number supersedes() const { return supersedes_; }

    template <class F>
    void visit(F&& f) {
        f(writer_), f(number_), f(supersedes_), f(remembered_), f(left_), f(carried_), f(done_);
    }
    friend bool operator==(const CarryStep&, const CarryStep&) = default;

private:
    Writer writer_ = 0;
    Number number_ = 0;
    Number supersedes_ = 0;
    Token remembered_ = 0;
    std::uint8_t left_ = 0;
    bool carried_ = false;
    bool done_ = true;
};

/// Begins a read session and finds out whether it protects the point: SessionBegin (ReadSession),
/// Load points/<w>/<n>, Load its fate. Done: blocks of the point that pass may_reuse() stay until
/// the session ends (SessionCommit of an End) or is fenced; others are read unprotected, and their
/// locations read again when a pack is gone. Failed with Missing: no such point, or expired.
class ReadBegin {
public:
    ReadBegin() = default;
    ReadBegin(const SessionBegin::Start& start, Writer writer, Number number);

    Action next() const;
    void on_answer(const Answer& answer);
    const SessionBegin& session() const { return begin_; }

    template <class F>
    void visit(F&& f) {
        begin_.visit(f);
        f(writer_), f(number_), f(step_), f(failure_), f(tries_), f(left_);
    }
    friend bool operator==(const ReadBegin&, const ReadBegin&) = default;

private:
    enum class Step : std::uint8_t { Begin, Point, Fate, Done, Failed };

    void enter(Step step);
    void fail(Failure failure);

    SessionBegin begin_;
    Writer writer_ = 0;
    Number number_ = 0;
    Step step_ = Step::Done;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;
};

/// A repack: a session of the maintainer's own (SessionBegin), Copy of live blocks into its packs,
/// and an End record that binds their index. It drops nothing: the packs copied from go by list,
/// wait and verdict, like any other.
class RepackStep {
public:
    RepackStep() = default;
    explicit RepackStep(const SessionBegin::Start& start);

    Action next() const;
    void on_answer(const Answer& answer);
    const SessionBegin& session() const { return begin_; }

    template <class F>
    void visit(F&& f) {
        begin_.visit(f);
        commit_.visit(f);
        f(writer_), f(step_), f(failure_), f(tries_), f(left_);
    }
    friend bool operator==(const RepackStep&, const RepackStep&) = default;

private:
    enum class Step : std::uint8_t { Begin, Copy, Commit, Done, Failed };

    void fail(Failure failure);
    void on_copied(const Answer& answer);

    SessionBegin begin_;
    SessionCommit commit_;
    Writer writer_ = 0;
    Step step_ = Step::Done;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;
};

/// Deletes what verdict k drops: Load gc/<k>.verdict (Found with a VerdictRecord), then Remove of
/// {Pack, number k, pack i} for each place i in it. Any maintainer, any number of times, after the
/// grace period; removing what is gone succeeds.
class DeleteStep {
public:
    DeleteStep() = default;
    explicit DeleteStep(ListNumber list, std::uint8_t tries = kDefaultTries);

    Action next() const;
    void on_answer(const Answer& answer);

    template <class F>
    void visit(F&& f) {
        f(list_), f(place_), f(count_), f(step_), f(failure_), f(tries_), f(left_);
    }
    friend bool operator==(const DeleteStep&, const DeleteStep&) = default;

private:
    enum class Step : std::uint8_t { Verdict, Remove, Done, Failed };

    void fail(Failure failure);
    void go_to(std::uint64_t place);

    ListNumber list_ = 0;
    std::uint64_t place_ = 0;
    std::uint64_t count_ = 0;
    Step step_ = Step::Done;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;
};

/// What decides whether index/<w>/<n> may go.
struct IndexUse {
    bool ended = false;              // points/<w>/<n> was read
    bool protects = false;           // by a point or checkpoint
    bool expired = false;            // which is expired
    bool all_packs_deleted = false;  // every pack it names is in a verdict and was removed
    bool base_of_kept = false;       // a summary that is kept builds on it
};

/// An index that still gives the place of a pack is needed, whatever became of its point: that of a
/// repack has no point at all, and may be the only one that says where live blocks lie.
constexpr bool may_delete_index(const IndexUse& use) {
    if (!use.ended || !use.all_packs_deleted || use.base_of_kept) return false;
    return !use.protects || use.expired;
}

}  // namespace perdure::protocol
