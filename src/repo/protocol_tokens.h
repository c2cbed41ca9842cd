// What every driver of the protocol's machines needs: digests as tokens, errors as answers.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "crypto/hash.h"
#include "repo/protocol/facts.h"

namespace perdure {

/// Digests as the protocol's tokens: equal tokens if and only if equal digests. Not thread-safe.
class TokenTable {
public:
    protocol::Token token_of(const Digest& digest) {
        const auto [at, is_new] = tokens_.try_emplace(digest, digests_.size() + 1);
        if (is_new) digests_.push_back(digest);
        return at->second;
    }
    protocol::Token token_of(const std::optional<Digest>& digest) {
        return digest ? token_of(*digest) : 0;
    }
    std::optional<Digest> digest_of(protocol::Token token) const {
        if (token == 0 || token > digests_.size()) return std::nullopt;
        return digests_[token - 1];
    }

private:
    std::unordered_map<Digest, protocol::Token, IdHash> tokens_;
    std::vector<Digest> digests_;
};

/// What a store's error answers to a machine. Anything that is not clearly one of the others may
/// have happened, or happen later.
inline protocol::AnswerKind answer_kind_of(const Error& error) {
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
