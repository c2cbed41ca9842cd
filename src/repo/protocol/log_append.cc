#include "repo/protocol/log_append.h"

#include <algorithm>

namespace perdure::protocol {

LogAppend::LogAppend(LogName log, LogEntry entry, LogHead head, Number known, std::uint8_t tries)
    : log_(log), entry_(entry), head_(head), known_(known), tries_(tries) {
    entry_.previous = 0;
    look();
}

LogEntry LogAppend::entry() const {
    LogEntry entry = entry_;
    entry.previous = head_.previous;
    return entry;
}

Action LogAppend::next() const {
    switch (step_) {
        case Step::Load:
        case Step::Settle: return load(log_.key(head_.next));
        case Step::Create: return create(log_.key(head_.next), entry());
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void LogAppend::look() {
    step_ = head_.next < known_ ? Step::Load : Step::Create;
    left_ = tries_;
    sent_ = false;
}

void LogAppend::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

/// The same request once more, until the tries are used up.
void LogAppend::again(Failure otherwise) {
    if (left_ <= 1) return fail(otherwise);
    --left_;
}

void LogAppend::on_answer(const Answer& answer) {
    if (step_ == Step::Create) return on_created(answer);
    switch (answer.kind) {
        case AnswerKind::Found: return on_found(answer);
        case AnswerKind::Unclear: return again(sent_ ? Failure::Unknown : Failure::Unavailable);
        case AnswerKind::Invalid: return fail(Failure::Damaged);
        default:
            // Below `known_`, or after Exists, an entry is there: names of a log are never deleted.
            return fail(Failure::Missing);
    }
}

void LogAppend::on_created(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Done: return absorb(entry(), answer.token), void(step_ = Step::Done);
        case AnswerKind::Exists:
            step_ = Step::Settle;
            left_ = tries_;
            return;
        case AnswerKind::Unclear: sent_ = true; return again(Failure::Unknown);
        default: return fail(sent_ ? Failure::Unknown : Failure::Refused);
    }
}

void LogAppend::on_found(const Answer& answer) {
    const LogEntry* found = std::get_if<LogEntry>(&answer.record);
    if (found == nullptr) return fail(Failure::Damaged);
    if (found->previous != head_.previous) return fail(Failure::BrokenChain);
    const bool mine = is_mine(*found, answer);
    absorb(*found, answer.token);
    if (mine) {
        step_ = Step::Done;
    } else {
        look();
    }
}

bool LogAppend::is_mine(const LogEntry& found, const Answer& answer) const {
    if (answer.identical) return true;
    if (found.kind != entry_.kind) return false;
    if (entry_.kind == EntryKind::Barrier) return found.list == entry_.list;
    return entry_.kind == EntryKind::Certificate && found.subject == entry_.subject;
}

void LogAppend::absorb(const LogEntry& found, Token token) {
    if (found.kind == EntryKind::Barrier) head_.obeys = std::max(head_.obeys, found.list);
    head_.previous = token;
    ++head_.next;
}

}  // namespace perdure::protocol
