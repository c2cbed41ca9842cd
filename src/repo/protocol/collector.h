// One collection, from the first OR to the verdict (DESIGN §7).
//
//   first OR → Create gc/<k> → barrier k in the enrolments, then in the log of every writer
//   enrolled below it → wait for, or fence, every session below its barrier → second OR over the
//   numbers below the barriers → Create gc/<k>.verdict
//
// The order is the safety argument. The list is there before any barrier, so whoever begins above a
// barrier can read it; the enrolments' barrier comes first, so a writer is either enrolled below it
// and gets a barrier, or above it and obeys by its certificate; the second OR comes after the wait,
// so it sees whatever sessions that knew nothing of the list have built on.
//
// The machine keeps only its place; any maintainer may carry an unfinished list on from nothing.
// Sets are the driver's: what Reset and Tally gather, what condemnable() and may_drop() of
// "repo/protocol/judge.h" make of it, and the lists and verdicts loaded before the verdict.
#pragma once

#include "repo/protocol/facts.h"
#include "repo/protocol/log_append.h"
#include "repo/protocol/session.h"

namespace perdure::protocol {

class Collector {
public:
    enum class Pass : std::uint8_t { FirstOr, Barriers, Waiting, SecondOr };

    struct Start {
        ListNumber settled = 0;        // lists up to this are held by the driver with verdicts
        bool skip_unfinished = false;  // begin a list of one's own, whatever else is unfinished
        std::uint8_t tries = kDefaultTries;
    };

    Collector() = default;
    explicit Collector(const Start& start);

    /// Done: gc/<list()>.verdict stands, ours or another's; apply it with DeleteStep. Failed:
    /// Stopped (something needed to judge is missing or does not authenticate), Refused (also the
    /// driver's answer to Create of an empty list), Unavailable, Missing. A failed collection can
    /// be carried on by anyone.
    Action next() const;
    void on_answer(const Answer& answer);

    ListNumber list() const { return list_; }
    /// How far it has come, for progress.
    Pass pass() const { return pass_; }
    /// Done, and the verdict is another collector's: what it says holds, not what we judged.
    bool adopted() const { return adopted_; }

    template <class F>
    void visit(F&& f) {
        append_.visit(f);
        f(settled_), f(list_), f(other_), f(enrolment_), f(barrier_at_), f(writer_), f(number_);
        f(ending_.kind), f(ending_.index), f(ending_.supersedes);
        f(step_), f(pass_), f(failure_), f(tries_), f(left_), f(skip_), f(expired_), f(adopted_);
    }
    friend bool operator==(const Collector&, const Collector&) = default;

private:
    enum class Step : std::uint8_t {
        FindList,
        FindVerdict,
        Reset,
        Enrolment,
        Entry,
        Ending,
        Fate,
        Tally,
        List,
        EnrolmentBarrier,
        LogBarrier,
        Wait,
        Fence,
        OtherList,
        OtherVerdict,
        Verdict,
        Adopt,
        Done,
        Failed
    };

    void on_find(const Answer& answer);
    void on_enrolment(const Answer& answer);
    void on_entry(const Answer& answer);
    void on_ending(const Answer& answer);
    void on_fate(const Answer& answer);
    void on_tally(const Answer& answer);
    void on_list(const Answer& answer);
    void on_barrier(const Answer& answer);
    void on_wait(const Answer& answer);
    void on_fence(const Answer& answer);
    void on_other(const Answer& answer);
    void on_verdict(const Answer& answer);
    void on_adopt(const Answer& answer);

    void start_pass(Pass pass);
    void end_pass();
    void next_enrolment();
    void enter_log(Writer writer);
    void next_number();
    void look_at_other(ListNumber list);
    void append_barrier(LogName log, Step step);
    void enter(Step step);
    void fail(Failure failure);
    /// Answers no step expects: try an Unclear one again, stop at anything else.
    void refuse(const Answer& answer);
    bool is_below_barriers() const { return pass_ != Pass::FirstOr; }

    LogAppend append_;
    ListNumber settled_ = 0;
    ListNumber list_ = 0;
    ListNumber other_ = 0;   // of the lists looked at before the verdict
    Number enrolment_ = 0;   // the walk: place in the enrolments,
    Number barrier_at_ = 0;  // where barrier k stands there,
    Writer writer_ = 0;      // whose log,
    Number number_ = 0;      // place in that log
    EndRecord ending_;       // what ended number_
    Step step_ = Step::Done;
    Pass pass_ = Pass::FirstOr;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;
    bool skip_ = false;
    bool expired_ = false;  // a fate says so of number_
    bool adopted_ = false;
};

}  // namespace perdure::protocol
