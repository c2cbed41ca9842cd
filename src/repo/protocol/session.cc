#include "repo/protocol/session.h"

namespace perdure::protocol {

SessionBegin::SessionBegin(const Start& start)
    : append_(LogName::of(start.writer), LogEntry{start.kind, 0, 0, 0}, start.head, start.known,
              start.tries),
      taken_{start.kind, 0, start.writer, 0},
      list_(start.settled),
      tries_(start.tries) {}

Action SessionBegin::next() const {
    switch (step_) {
        case Step::Append: return append_.next();
        case Step::Prove: {
            LogEntry entry = taken_;
            entry.subject = 0;
            return create(LogName::of(taken_.subject).key(append_.position()), entry);
        }
        case Step::List: return load({ObjectType::List, 0, list_, 0});
        case Step::Verdict: return load({ObjectType::Verdict, 0, list_, 0});
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void SessionBegin::on_answer(const Answer& answer) {
    switch (step_) {
        case Step::Append: return on_append(answer);
        case Step::Prove: return on_proof(answer);
        case Step::List: return on_list(answer);
        case Step::Verdict: return on_verdict(answer);
        case Step::Done:
        case Step::Failed: return;
    }
}

void SessionBegin::on_append(const Answer& answer) {
    taken_.previous = append_.head().previous;  // as far as read before the entry itself
    append_.on_answer(answer);
    if (append_.has_failed()) return fail(append_.failure());
    if (append_.is_done()) enter(Step::Prove);
}

/// The same bytes under the same name must be refused now. Where they are not, the store has no
/// create-if-absent; nothing is lost, for the bytes are the same.
void SessionBegin::on_proof(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Exists: proven_ = true; return read_list(list_ + 1);
        case AnswerKind::Done: proven_ = false; return read_list(list_ + 1);
        case AnswerKind::Unclear: return again(Failure::Unavailable);
        default: return fail(Failure::Refused);
    }
}

void SessionBegin::on_list(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Found: return enter(Step::Verdict);
        case AnswerKind::Unclear: return again(Failure::Unavailable);
        case AnswerKind::Invalid: return fail(Failure::Damaged);
        default: return fail(Failure::Missing);  // its barrier was read, so the list exists
    }
}

void SessionBegin::on_verdict(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Found:
        case AnswerKind::NotFound: return read_list(list_ + 1);
        case AnswerKind::Unclear: return again(Failure::Unavailable);
        default: return fail(Failure::Damaged);
    }
}

void SessionBegin::read_list(ListNumber list) {
    list_ = list;
    enter(list <= obeys() ? Step::List : Step::Done);
}

void SessionBegin::enter(Step step) {
    step_ = step;
    left_ = tries_;
}

void SessionBegin::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

void SessionBegin::again(Failure otherwise) {
    if (left_ <= 1) return fail(otherwise);
    --left_;
}

SessionCommit::SessionCommit(Writer writer, Number number, EndRecord record, std::uint8_t tries)
    : writer_(writer), number_(number), record_(record), tries_(tries) {
    enter(record.index != 0 ? Step::Index : Step::Ending);
}

Action SessionCommit::next() const {
    switch (step_) {
        case Step::Index: return create(key(ObjectType::Index));
        case Step::SettleIndex: return load(key(ObjectType::Index));
        case Step::Ending: return create(key(ObjectType::Ending), record_);
        case Step::ReadBack: return load(key(ObjectType::Ending));
        case Step::Closed: return load(key(ObjectType::Closed));
        case Step::Done: return done();
        case Step::Failed: return failed(failure_);
    }
    return failed(Failure::Damaged);
}

void SessionCommit::on_answer(const Answer& answer) {
    switch (step_) {
        case Step::Index: return on_index(answer);
        case Step::SettleIndex: return on_settle_index(answer);
        case Step::Ending: return on_ending(answer);
        case Step::ReadBack: return on_read_back(answer);
        case Step::Closed: return on_closed(answer);
        case Step::Done:
        case Step::Failed: return;
    }
}

void SessionCommit::on_index(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Done: return enter(Step::Ending);
        case AnswerKind::Exists: return enter(Step::SettleIndex);
        case AnswerKind::Unclear: return again(Failure::Unavailable);
        default: return fail(Failure::Refused);
    }
}

void SessionCommit::on_settle_index(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Found:
            return answer.identical ? enter(Step::Ending) : fail(Failure::Foreign);
        case AnswerKind::Unclear: return again(Failure::Unavailable);
        case AnswerKind::Invalid: return fail(Failure::Foreign);
        default: return fail(Failure::Missing);
    }
}

void SessionCommit::on_ending(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Done:
        case AnswerKind::Exists: return enter(Step::ReadBack);
        case AnswerKind::Unclear:
            sent_ = true;
            if (left_ <= 1) return enter(Step::ReadBack);
            --left_;
            return;
        default: return sent_ ? enter(Step::ReadBack) : fail(Failure::Refused);
    }
}

void SessionCommit::on_read_back(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::Found: {
            token_ = answer.token;
            if (answer.identical) return enter(Step::Closed);
            const auto* found = std::get_if<EndRecord>(&answer.record);
            const bool fenced = found != nullptr && found->kind == EndKind::Fence;
            return fail(fenced ? Failure::Fenced : Failure::Foreign);
        }
        case AnswerKind::Invalid: return fail(Failure::Foreign);
        default:
            // Not there yet, or no answer: a create that was sent may still be applied, so this is
            // never "failed".
            return again(Failure::Unknown);
    }
}

void SessionCommit::on_closed(const Answer& answer) {
    switch (answer.kind) {
        case AnswerKind::NotFound: return enter(Step::Done);
        case AnswerKind::Found: {
            const auto* stated = std::get_if<ClosedStatement>(&answer.record);
            const bool ours = stated != nullptr && stated->ending == token_;
            return ours ? enter(Step::Done) : fail(Failure::Contradicted);
        }
        default: return again(Failure::Unknown);
    }
}

void SessionCommit::enter(Step step) {
    step_ = step;
    left_ = tries_;
}

void SessionCommit::fail(Failure failure) {
    step_ = Step::Failed;
    failure_ = failure;
}

void SessionCommit::again(Failure otherwise) {
    if (left_ <= 1) return fail(otherwise);
    --left_;
}

}  // namespace perdure::protocol
