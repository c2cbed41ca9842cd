// What a store's error is to the step functions of repo/protocol.
#pragma once

#include "base/error.h"
#include "repo/protocol/facts.h"

namespace perdure {

/// Unclear for whatever may have happened all the same (store.h, G5).
inline protocol::AnswerKind answer_kind(const Error& error) {
    switch (error.kind()) {
        case ErrorKind::AlreadyExists: return protocol::AnswerKind::Exists;
        case ErrorKind::NotFound: return protocol::AnswerKind::NotFound;
        case ErrorKind::NoSpace:
        case ErrorKind::Denied:
        case ErrorKind::InvalidInput:
        case ErrorKind::Unsupported: return protocol::AnswerKind::Refused;
        case ErrorKind::Corrupt: return protocol::AnswerKind::Invalid;
        default: return protocol::AnswerKind::Unclear;
    }
}

}  // namespace perdure
