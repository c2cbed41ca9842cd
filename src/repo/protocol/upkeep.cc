#include "repo/protocol/upkeep.h"

namespace perdure::protocol {

ExpireStep::ExpireStep(Writer writer, Number number, std::uint8_t tries)
    : writer_(writer), number_(number), step_(Step::Ending), left_(tries) {}

Action ExpireStep::next() const {
    switch (step_) {
        case Step::Ending: return load({ObjectType::Ending, writer_, number_, 0});
        case Step::Fate: return create({ObjectType::Fate, writer_, number_, 0});
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void ExpireStep::on_answer(const Answer& answer) {
    if (answer.kind == AnswerKind::Unclear) {
        if (left_ <= 1) return fail(Failure::Unknown);
        --left_;
        return;
    }
    if (step_ == Step::Fate) {
        const bool there = answer.kind == AnswerKind::Done || answer.kind == AnswerKind::Exists;
        return there ? void(step_ = Step::Done) : fail(Failure::Refused);
    }
    const auto* record = std::get_if<EndRecord>(&answer.record);
    const bool protects = record != nullptr && record->protects();
    if (answer.kind != AnswerKind::Found || !protects) return fail(Failure::Missing);
    step_ = Step::Fate;
}

void ExpireStep::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

CarryStep::CarryStep(Writer writer, Number number, Token remembered, std::uint8_t tries)
    : writer_(writer), number_(number), remembered_(remembered), left_(tries), done_(false) {}

Action CarryStep::next() const {
    return done_ ? done() : load({ObjectType::Ending, writer_, number_, 0});
}

void CarryStep::on_answer(const Answer& answer) {
    if (answer.kind == AnswerKind::Unclear && left_ > 1) {
        --left_;
        return;
    }
    done_ = true;
    const auto* record = std::get_if<EndRecord>(&answer.record);
    if (answer.kind != AnswerKind::Found || record == nullptr || !record->protects()) return;
    if (remembered_ != 0 && answer.token != remembered_) return;
    carried_ = true;
    if (record->kind == EndKind::Checkpoint) supersedes_ = number_;
}

ReadBegin::ReadBegin(const SessionBegin::Start& start, Writer writer, Number number)
    : begin_([&] {
          SessionBegin::Start reading = start;
          reading.kind = EntryKind::ReadSession;
          return SessionBegin(reading);
      }()),
      writer_(writer),
      number_(number),
      step_(Step::Begin),
      tries_(start.tries),
      left_(start.tries) {}

Action ReadBegin::next() const {
    switch (step_) {
        case Step::Begin: return begin_.next();
        case Step::Point: return load({ObjectType::Ending, writer_, number_, 0});
        case Step::Fate: return load({ObjectType::Fate, writer_, number_, 0});
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

/// The fate is read after the number was taken: not expired then, so not yet left out by the count
/// of any collection whose barrier lies above the number.
void ReadBegin::on_answer(const Answer& answer) {
    if (step_ == Step::Begin) {
        begin_.on_answer(answer);
        const Action action = begin_.next();
        if (action.verb == Verb::Failed) return fail(action.failure);
        if (action.verb == Verb::Done) enter(Step::Point);
        return;
    }
    if (answer.kind == AnswerKind::Unclear) {
        if (left_ <= 1) return fail(Failure::Unavailable);
        --left_;
        return;
    }
    if (step_ == Step::Fate) {
        return answer.kind == AnswerKind::NotFound ? enter(Step::Done) : fail(Failure::Missing);
    }
    const auto* record = std::get_if<EndRecord>(&answer.record);
    const bool protects = record != nullptr && record->protects();
    if (answer.kind != AnswerKind::Found || !protects) return fail(Failure::Missing);
    enter(Step::Fate);
}

void ReadBegin::enter(Step step) {
    step_ = step;
    left_ = tries_;
}

void ReadBegin::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

RepackStep::RepackStep(const SessionBegin::Start& start)
    : begin_(start),
      writer_(start.writer),
      step_(Step::Begin),
      tries_(start.tries),
      left_(start.tries) {}

Action RepackStep::next() const {
    switch (step_) {
        case Step::Begin: return begin_.next();
        case Step::Copy:
            return {
                Verb::Copy, {ObjectType::LogEntry, writer_, begin_.number(), 0}, {}, Failure::None};
        case Step::Commit: return commit_.next();
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void RepackStep::on_answer(const Answer& answer) {
    if (step_ == Step::Copy) return on_copied(answer);
    const bool begins = step_ == Step::Begin;
    begins ? begin_.on_answer(answer) : commit_.on_answer(answer);
    const Action action = begins ? begin_.next() : commit_.next();
    if (action.verb == Verb::Failed) return fail(action.failure);
    if (action.verb == Verb::Done) step_ = begins ? Step::Copy : Step::Done;
}

void RepackStep::on_copied(const Answer& answer) {
    if (answer.kind == AnswerKind::Unclear && left_ > 1) {
        --left_;
        return;
    }
    if (answer.kind == AnswerKind::Unclear) return fail(Failure::Unavailable);
    const Token index = answer.kind == AnswerKind::Done ? answer.token : 0;
    const EndRecord record{EndKind::End, index, 0};
    commit_ = SessionCommit(writer_, begin_.number(), record, tries_);
    step_ = Step::Commit;
}

void RepackStep::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

DeleteStep::DeleteStep(ListNumber list, std::uint8_t tries)
    : list_(list), step_(Step::Verdict), tries_(tries), left_(tries) {}

Action DeleteStep::next() const {
    switch (step_) {
        case Step::Verdict: return load({ObjectType::Verdict, 0, list_, 0});
        case Step::Remove:
            return {Verb::Remove, {ObjectType::Pack, 0, list_, place_}, {}, Failure::None};
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void DeleteStep::on_answer(const Answer& answer) {
    if (answer.kind == AnswerKind::Unclear) {
        if (left_ <= 1) return fail(Failure::Unavailable);
        --left_;
        return;
    }
    if (step_ == Step::Remove) {
        return answer.kind == AnswerKind::Done ? go_to(place_ + 1) : fail(Failure::Refused);
    }
    const auto* verdict = std::get_if<VerdictRecord>(&answer.record);
    if (answer.kind == AnswerKind::NotFound) return fail(Failure::Missing);
    if (answer.kind != AnswerKind::Found || verdict == nullptr) return fail(Failure::Stopped);
    count_ = verdict->packs;
    go_to(0);
}

void DeleteStep::go_to(std::uint64_t place) {
    place_ = place;
    step_ = place < count_ ? Step::Remove : Step::Done;
    left_ = tries_;
}

void DeleteStep::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

}  // namespace perdure::protocol
