// What a writer keeps in the local cache to begin its next session quickly: hints, as all of the
// cache.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "repo/ids.h"

namespace perdure {

/// A verified prefix of a writer's log, to begin the next session from. Kept in the local cache;
/// without it the log is read from its start.
struct LogPosition {
    std::uint64_t next = 1;          // first number not read
    std::optional<Digest> previous;  // of entry next-1
    std::uint64_t obeys = 0;         // highest list with a barrier below `next`
};

Buffer encode_log_position(WriterNumber, const LogPosition&);
/// Nothing if it is damaged or another writer's.
std::optional<LogPosition> decode_log_position(WriterNumber, ByteView);

/// Which of a writer's own sessions have their leaves in the cache.
struct CachedSessions {
    SessionNumber below{1};               // every own session below is in `sessions` if it counts
    std::vector<SessionNumber> sessions;  // rising
};
Buffer encode_cached_sessions(const CachedSessions&);
/// Nothing if it is damaged.
std::optional<CachedSessions> decode_cached_sessions(ByteView);

/// The encoded index, packs only, and hints of one session.
struct CachedLeaves {
    Buffer index;
    Buffer hints;
};
Buffer encode_cached_leaves(const CachedLeaves&);
/// Nothing if it is damaged.
std::optional<CachedLeaves> decode_cached_leaves(ByteView);

}  // namespace perdure
