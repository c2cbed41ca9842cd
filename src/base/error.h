// Errors: what a caller decides on, and what a person reads.
//
// Rules.
//  1. `kind` is for code, `message` and the context frames are for people; nobody parses a message.
//  2. A message names the object it is about. A hint, if any, says what to do next.
//  3. Context is added on the way up, where a caller knows something the callee did not.
//  4. Trouble with one entry of a source is an Issue (source/issue.h), never an Error; trouble with
//     the repository is an Error, never an Issue. No handler turns one into the other.
//  5. No secret enters a message.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace perdure {

enum class ErrorKind {
    NotFound,       // the named thing is not there
    AlreadyExists,  // create-if-absent found something
    Corrupt,        // bytes that fail a checksum, a MAC, a signature or a parser
    Unavailable,    // may work later: a busy or unreachable store
    Timeout,        // no answer in time; what was asked may or may not have happened
    Denied,         // permission, or a key that may not do this
    WrongKey,       // a password or key that opens nothing here
    NoRepository,   // the location holds no repository
    Cancelled,      // asked to stop
    InvalidInput,   // what the user or a file they gave says cannot be right
    Unsupported,    // well-formed, but needs something this program or system does not have
    NoSpace,        // the disk, quota or inode table is full
    Fenced,         // the session's number was ended by someone else; its work is void
    Io,             // any other failure of the operating system
    Internal        // a bug in Perdure
};

std::string_view to_string(ErrorKind kind);

class [[nodiscard]] Error {
public:
    Error(ErrorKind kind, std::string message);
    Error(Error&&) noexcept = default;
    Error& operator=(Error&&) noexcept = default;
    Error(const Error& other);
    Error& operator=(const Error& other);

    ErrorKind kind() const { return data_->kind; }
    const std::string& message() const { return data_->message; }
    const std::string& hint() const { return data_->hint; }
    /// How long whoever refused asks to wait before the next attempt, 0 if it did not say.
    std::uint64_t retry_after_ms() const { return data_->retry_after_ms; }
    /// The errno this came from, 0 if none.
    int system_code() const { return data_->system_code; }

    Error&& context(std::string frame) &&;
    Error&& with_hint(std::string hint) &&;
    Error&& with_system_code(int code) &&;
    Error&& with_retry_after(std::uint64_t milliseconds) &&;

    /// Frames outermost first, then the message: "loading pack 1f…: reading 9 bytes: end of file".
    std::string describe() const;

private:
    struct Data {
        ErrorKind kind;
        int system_code = 0;
        std::string message;
        std::string hint;
        std::vector<std::string> frames;  // innermost first
        std::uint64_t retry_after_ms = 0;
    };
    std::unique_ptr<Data> data_;
};

/// An error from `errno`-style `code`: "<what>: No such file or directory".
Error system_error(int code, std::string what);

}  // namespace perdure
