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

/// The encoded indexes and hints of a writer's own sessions.
struct CachedLeaves {
    struct Part {
        SessionNumber session{};
        Buffer index;
        Buffer hints;
    };
    SessionNumber below{1};  // every own session below is in `parts` if it counts
    std::vector<Part> parts;
};
Buffer encode_cached_leaves(const CachedLeaves&);
/// Nothing if it is damaged.
std::optional<CachedLeaves> decode_cached_leaves(ByteView);

}  // namespace perdure
