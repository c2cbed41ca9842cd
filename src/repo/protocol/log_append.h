// Appending one entry to a log: log/<w>/ or the enrolments, writers/.
//
// An entry is created at the first free number with the token of the entry before it, so whoever
// appended has read every entry below (from `head` on), and two appenders never share a number.
// Losing a race means reading what won and going on. A 404 decides nothing: only Create does.
#pragma once

#include "repo/protocol/facts.h"

namespace perdure::protocol {

/// A verified prefix of a log: everything below `next` was read, by this machine or an earlier one.
struct LogHead {
    Number next = kFirstNumber;
    Token previous = 0;    // of the entry at next-1
    ListNumber obeys = 0;  // the highest list with a barrier below `next`, or below the certificate
    friend bool operator==(const LogHead&, const LogHead&) = default;
};

/// log/<w>/ of a writer, or the enrolments.
struct LogName {
    bool enrolments = false;
    Writer writer = 0;

    static LogName of(Writer writer) { return {false, writer}; }
    static LogName of_enrolments() { return {true, 0}; }
    ObjectKey key(Number number) const {
        return {enrolments ? ObjectType::Enrolment : ObjectType::LogEntry, writer, number, 0};
    }
    friend bool operator==(const LogName&, const LogName&) = default;
};

class LogAppend {
public:
    LogAppend() = default;
    /// Numbers below `known` are believed taken (a listing, a cache): they are loaded, not tried;
    /// one of them missing is damage, for names that begin a number are never deleted.
    /// `entry.previous` is filled in here. A barrier (a certificate) that is already there (for
    /// that list, that subject) ends the work with its position, whoever wrote it.
    LogAppend(LogName log, LogEntry entry, LogHead head, Number known, std::uint8_t tries);

    Action next() const;
    void on_answer(const Answer& answer);

    bool is_done() const { return step_ == Step::Done; }
    bool has_failed() const { return step_ == Step::Failed; }
    Failure failure() const { return failure_; }
    /// Where the entry stands. Valid once done.
    Number position() const { return head_.next - 1; }
    /// What has been read so far, the entry itself included once done.
    const LogHead& head() const { return head_; }
    /// The entry as it was, or is to be, created.
    LogEntry entry() const;

    template <class F>
    void visit(F&& f) {
        f(log_.enrolments), f(log_.writer), f(entry_.kind), f(entry_.list), f(entry_.subject);
        f(head_.next), f(head_.previous), f(head_.obeys), f(known_);
        f(step_), f(failure_), f(tries_), f(left_), f(sent_);
    }
    friend bool operator==(const LogAppend&, const LogAppend&) = default;

private:
    enum class Step : std::uint8_t { Load, Create, Settle, Done, Failed };

    void look();
    void fail(Failure failure);
    void again(Failure otherwise);
    void on_created(const Answer& answer);
    void on_found(const Answer& answer);
    bool is_mine(const LogEntry& found, const Answer& answer) const;
    void absorb(const LogEntry& found, Token token);

    LogName log_;
    LogEntry entry_;
    LogHead head_;
    Number known_ = 0;
    Step step_ = Step::Create;
    Failure failure_ = Failure::None;
    std::uint8_t tries_ = 0;
    std::uint8_t left_ = 0;  // tries left for the current request
    bool sent_ = false;      // an answer to a Create at this number was unclear
};

}  // namespace perdure::protocol
