#include "repo/protocol/collector.h"

namespace perdure::protocol {

Collector::Collector(const Start& start)
    : settled_(start.settled),
      list_(start.settled + 1),
      tries_(start.tries),
      skip_(start.skip_unfinished) {
    enter(Step::FindList);
}

Action Collector::next() const {
    const ObjectKey entry = LogName::of(writer_).key(number_);
    const ObjectKey ending{ObjectType::Ending, writer_, number_, 0};
    switch (step_) {
        case Step::FindList: return load({ObjectType::List, 0, list_, 0});
        case Step::FindVerdict:
        case Step::Adopt: return load({ObjectType::Verdict, 0, list_, 0});
        case Step::Reset: return {Verb::Reset, {}, {}, Failure::None};
        case Step::Enrolment: return load(LogName::of_enrolments().key(enrolment_));
        case Step::Entry: return load(entry);
        case Step::Ending: return load(ending);
        case Step::Fate: return load({ObjectType::Fate, writer_, number_, 0});
        case Step::Tally: {
            const bool protects = ending_.protects() && !expired_;
            return {protects ? Verb::Tally : Verb::TallyIndex, ending, ending_, Failure::None};
        }
        case Step::List: return create({ObjectType::List, 0, list_, 0});
        case Step::EnrolmentBarrier:
        case Step::LogBarrier: return append_.next();
        case Step::Wait: return {Verb::Wait, ending, {}, Failure::None};
        case Step::Fence: return create(ending, EndRecord{EndKind::Fence, 0, 0});
        case Step::OtherList: return load({ObjectType::List, 0, other_, 0});
        case Step::OtherVerdict: return load({ObjectType::Verdict, 0, other_, 0});
        case Step::Verdict: return create({ObjectType::Verdict, 0, list_, 0});
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void Collector::on_answer(const Answer& answer) {
    switch (step_) {
        case Step::FindList:
        case Step::FindVerdict: return on_find(answer);
        case Step::Reset: return enter(Step::Enrolment);
        case Step::Enrolment: return on_enrolment(answer);
        case Step::Entry: return on_entry(answer);
        case Step::Ending: return on_ending(answer);
        case Step::Fate: return on_fate(answer);
        case Step::Tally: return on_tally(answer);
        case Step::List: return on_list(answer);
        case Step::EnrolmentBarrier:
        case Step::LogBarrier: return on_barrier(answer);
        case Step::Wait: return on_wait(answer);
        case Step::Fence: return on_fence(answer);
        case Step::OtherList:
        case Step::OtherVerdict: return on_other(answer);
        case Step::Verdict: return on_verdict(answer);
        case Step::Adopt: return on_adopt(answer);
        case Step::Done:
        case Step::Failed: return;
    }
}

/// Walks gc/ to the first list to work on: one without a verdict, or a new one at the end. Numbers
/// are taken without gaps, because each list below was read.
void Collector::on_find(const Answer& answer) {
    const bool at_list = step_ == Step::FindList;
    switch (answer.kind) {
        case AnswerKind::Found:
            if (at_list) return enter(Step::FindVerdict);
            ++list_;
            return enter(Step::FindList);
        case AnswerKind::NotFound:
            if (at_list) return start_pass(Pass::FirstOr);
            if (!skip_) return append_barrier(LogName::of_enrolments(), Step::EnrolmentBarrier);
            ++list_;
            return enter(Step::FindList);
        default: return refuse(answer);
    }
}

void Collector::on_enrolment(const Answer& answer) {
    if (answer.kind == AnswerKind::NotFound && !is_below_barriers()) return end_pass();
    if (answer.kind == AnswerKind::NotFound) return fail(Failure::Missing);
    if (answer.kind != AnswerKind::Found) return refuse(answer);
    const auto* entry = std::get_if<LogEntry>(&answer.record);
    if (entry == nullptr) return fail(Failure::Stopped);
    if (entry->kind == EntryKind::Certificate) return enter_log(entry->subject);
    next_enrolment();
}

void Collector::on_entry(const Answer& answer) {
    if (answer.kind == AnswerKind::NotFound && !is_below_barriers()) return next_enrolment();
    if (answer.kind == AnswerKind::NotFound) return fail(Failure::Missing);
    if (answer.kind != AnswerKind::Found) return refuse(answer);
    const auto* entry = std::get_if<LogEntry>(&answer.record);
    if (entry == nullptr) return fail(Failure::Stopped);
    if (entry->kind != EntryKind::Barrier) return enter(Step::Ending);
    const bool ours = is_below_barriers() && entry->list == list_;
    return ours ? next_enrolment() : next_number();
}

void Collector::on_ending(const Answer& answer) {
    if (answer.kind == AnswerKind::NotFound) {
        if (pass_ == Pass::FirstOr) return next_number();
        return pass_ == Pass::Waiting ? enter(Step::Wait) : fail(Failure::Missing);
    }
    if (answer.kind != AnswerKind::Found) return refuse(answer);
    const auto* record = std::get_if<EndRecord>(&answer.record);
    if (record == nullptr) return fail(Failure::Stopped);
    if (pass_ == Pass::Waiting) return next_number();
    ending_ = *record;
    expired_ = false;
    enter(record->protects() ? Step::Fate : Step::Tally);
}

void Collector::on_fate(const Answer& answer) {
    const bool found = answer.kind == AnswerKind::Found;
    if (!found && answer.kind != AnswerKind::NotFound) return refuse(answer);
    expired_ = found;
    enter(Step::Tally);
}

void Collector::on_tally(const Answer& answer) {
    if (answer.kind != AnswerKind::Done) return refuse(answer);
    next_number();
}

void Collector::on_list(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Done:
            return append_barrier(LogName::of_enrolments(), Step::EnrolmentBarrier);
        // Another's list, or our own whose answer was lost: unfinished either way.
        case AnswerKind::Exists: return enter(Step::FindList);
        case AnswerKind::Refused: return fail(Failure::Refused);
        default: return refuse(answer);
    }
}

void Collector::on_barrier(const Answer& answer) {
    append_.on_answer(answer);
    if (append_.has_failed()) return fail(append_.failure());
    if (!append_.is_done()) return;
    const Number position = append_.position();
    append_ = LogAppend();
    if (step_ == Step::LogBarrier) return next_enrolment();
    barrier_at_ = position;
    start_pass(Pass::Barriers);
}

void Collector::on_wait(const Answer& answer) {
    enter(answer.kind == AnswerKind::Done ? Step::Fence : Step::Ending);
}

void Collector::on_fence(const Answer& answer) {
    switch (answer.kind) {
        // Whoever ended it: what stands there now is read.
        case AnswerKind::Done:
        case AnswerKind::Exists: return enter(Step::Ending);
        case AnswerKind::Refused: return fail(Failure::Refused);
        default: return refuse(answer);
    }
}

/// What other lists condemn and their verdicts drop or release bears on the verdict: a pack that is
/// to go must not be counted on.
void Collector::on_other(const Answer& answer) {
    const bool found = answer.kind == AnswerKind::Found;
    if (!found && answer.kind != AnswerKind::NotFound) return refuse(answer);
    if (step_ == Step::OtherVerdict) return look_at_other(other_ + 1);
    return enter(found ? Step::OtherVerdict : Step::Verdict);
}

void Collector::on_verdict(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Done: return enter(Step::Done);
        case AnswerKind::Exists: return enter(Step::Adopt);
        case AnswerKind::Refused: return fail(Failure::Refused);
        default: return refuse(answer);
    }
}

void Collector::on_adopt(const Answer& answer) {
    if (answer.kind != AnswerKind::Found) return refuse(answer);
    adopted_ = !answer.identical;
    enter(Step::Done);
}

void Collector::start_pass(Pass pass) {
    pass_ = pass;
    enrolment_ = kFirstNumber;
    const bool counts = pass == Pass::FirstOr || pass == Pass::SecondOr;
    enter(counts ? Step::Reset : Step::Enrolment);
}

void Collector::end_pass() {
    enrolment_ = 0;
    ending_ = EndRecord();
    expired_ = false;
    switch (pass_) {
        case Pass::FirstOr: return enter(Step::List);
        case Pass::Barriers: return start_pass(Pass::Waiting);
        case Pass::Waiting: return start_pass(Pass::SecondOr);
        case Pass::SecondOr: return look_at_other(settled_ + 1);
    }
}

void Collector::next_enrolment() {
    writer_ = 0;
    number_ = 0;
    ++enrolment_;
    if (is_below_barriers() && enrolment_ >= barrier_at_) return end_pass();
    enter(Step::Enrolment);
}

void Collector::enter_log(Writer writer) {
    if (pass_ == Pass::Barriers) return append_barrier(LogName::of(writer), Step::LogBarrier);
    writer_ = writer;
    number_ = kFirstNumber;
    enter(Step::Entry);
}

void Collector::next_number() {
    ++number_;
    enter(Step::Entry);
}

void Collector::look_at_other(ListNumber list) {
    other_ = list == list_ ? list + 1 : list;
    enter(Step::OtherList);
}

void Collector::append_barrier(LogName log, Step step) {
    append_ = LogAppend(log, LogEntry{EntryKind::Barrier, list_, 0, 0}, LogHead(), 0, tries_);
    enter(step);
}

void Collector::enter(Step step) {
    step_ = step;
    left_ = tries_;
}

void Collector::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

void Collector::refuse(const Answer& answer) {
    if (answer.kind != AnswerKind::Unclear) return fail(Failure::Stopped);
    if (left_ <= 1) return fail(Failure::Unavailable);
    --left_;
}

}  // namespace perdure::protocol
