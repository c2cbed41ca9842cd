#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace perdure {

std::string_view to_string(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::NotFound: return "not found";
        case ErrorKind::AlreadyExists: return "already exists";
        case ErrorKind::Corrupt: return "corrupt";
        case ErrorKind::Unavailable: return "unavailable";
        case ErrorKind::Timeout: return "timeout";
        case ErrorKind::Denied: return "denied";
        case ErrorKind::WrongKey: return "wrong key";
        case ErrorKind::NoRepository: return "no repository";
        case ErrorKind::Cancelled: return "cancelled";
        case ErrorKind::InvalidInput: return "invalid input";
        case ErrorKind::Unsupported: return "unsupported";
        case ErrorKind::NoSpace: return "no space";
        case ErrorKind::Fenced: return "fenced";
        case ErrorKind::Io: return "I/O error";
        case ErrorKind::Internal: return "internal error";
    }
    return "unknown";
}

Error::Error(ErrorKind kind, std::string message)
    : data_(std::make_unique<Data>(Data{kind, 0, std::move(message), {}, {}})) {}

Error::Error(const Error& other) : data_(std::make_unique<Data>(*other.data_)) {}

Error& Error::operator=(const Error& other) {
    if (this != &other) data_ = std::make_unique<Data>(*other.data_);
    return *this;
}

Error&& Error::context(std::string frame) && {
    data_->frames.push_back(std::move(frame));
    return std::move(*this);
}

Error&& Error::with_hint(std::string hint) && {
    data_->hint = std::move(hint);
    return std::move(*this);
}

Error&& Error::with_system_code(int code) && {
    data_->system_code = code;
    return std::move(*this);
}

Error&& Error::with_retry_after(std::uint64_t milliseconds) && {
    data_->retry_after_ms = milliseconds;
    return std::move(*this);
}

std::string Error::describe() const {
    std::string text;
    for (auto frame = data_->frames.rbegin(); frame != data_->frames.rend(); ++frame) {
        text += *frame;
        text += ": ";
    }
    return text + data_->message;
}

namespace {

ErrorKind kind_of(int code) {
    switch (code) {
        case ENOENT:
        case ENOTDIR: return ErrorKind::NotFound;
        case EEXIST: return ErrorKind::AlreadyExists;
        case EACCES:
        case EPERM:
        case EROFS: return ErrorKind::Denied;
        case ENOSPC:
        case EDQUOT: return ErrorKind::NoSpace;
        case ETIMEDOUT: return ErrorKind::Timeout;
        case EAGAIN:
        case EBUSY: return ErrorKind::Unavailable;
        default: return ErrorKind::Io;
    }
}

}  // namespace

Error system_error(int code, std::string what) {
    return Error(kind_of(code), std::move(what) + ": " + std::generic_category().message(code))
        .with_system_code(code);
}

}  // namespace perdure
