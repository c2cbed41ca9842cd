// Points and what else can end a session's number (FORMAT.md, Points), and log entries that begin
// one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/hash.h"
#include "repo/ids.h"
#include "repo/page.h"

namespace perdure {

/// On disk: FORMAT.md, end kinds.
enum class EndKind : std::uint8_t {
    Files = 1,
    Volume = 2,
    Stream = 3,
    Instance = 4,
    Provider = 5,
    Checkpoint = 6,
    Repaired = 7,
    Copy = 8,
    EndRecord = 9,
    Fence = 10,
};
std::string_view to_string(EndKind);
/// A recovery point, as opposed to what only ends a number.
constexpr bool is_point(EndKind kind) {
    return kind != EndKind::Checkpoint && kind != EndKind::EndRecord && kind != EndKind::Fence;
}

struct SessionDigest {
    SessionName session;
    Digest digest;
    friend auto operator<=>(const SessionDigest&, const SessionDigest&) = default;
};

struct Statistics {
    std::uint64_t entries = 0, files = 0, directories = 0;
    std::uint64_t bytes = 0;
    std::uint64_t captured = 0, unchanged = 0, excluded = 0, failed = 0;  // of entries seen
    std::uint64_t bytes_read = 0, bytes_new = 0, bytes_stored = 0;
};

enum class PointOutcome : std::uint8_t { Success = 1, Partial = 2 };

struct PointHeader {
    EndKind kind = EndKind::Files;
    SessionName session;
    Digest log_entry;
    std::optional<Digest> index;
    std::optional<Digest> body;
    Buffer sealed_secret;
    std::string host;
    std::vector<std::string> sources;
    std::int64_t started_ns = 0, finished_ns = 0;
    PointOutcome outcome = PointOutcome::Success;
    std::uint64_t issues = 0;
    Statistics statistics;
    std::vector<std::string> tags;
    std::string retention_class;
    // Object Lock, by the store's clock: of all that the point needs, and of what its session
    // stored; 0 without.
    std::uint64_t locked_until_ns = 0;
    std::uint64_t new_locked_until_ns = 0;
    std::optional<SessionDigest> previous;
    std::vector<SessionDigest> supersedes;
    std::optional<SessionDigest> repaired;
    std::optional<SessionDigest> fenced_by;
    std::string program;
    std::vector<SessionDigest> copied;
    SourceKey source_key;
};

/// A copy in a replica: it has no content of its own, and says that the points it lists count.
inline bool lists_points_only(const PointHeader& header) {
    return header.kind == EndKind::Copy && !header.body;
}

struct Root {
    std::string name;  // absolute path
    EndKind kind = EndKind::Files;
    BirthAddress page;
    Statistics statistics;
    std::uint32_t consistency = 0;
    std::uint64_t size = 0;
};

struct RecordedIssue {
    std::uint8_t kind = 0;
    std::uint32_t root = 0;
    std::string path;
    std::string text;
};

/// Where a copied point came from.
struct Origin {
    RepositoryId repository;
    SessionDigest point;
    friend bool operator==(const Origin&, const Origin&) = default;
};

struct PointBody {
    std::vector<Root> roots;
    std::vector<RecordedIssue> issues;
    std::vector<std::string> command;
    std::string host_description;  // JSON; empty until instances are backed up
    std::optional<Origin> origin;
};

enum class LogKind : std::uint8_t { Session = 1, Barrier = 2 };
enum class SessionPurpose : std::uint8_t { Backup = 1, Read = 2, Repack = 3, Copy = 4, Repair = 5 };
std::string_view to_string(SessionPurpose);  // "unknown" for one of a later version

struct LogRecord {
    LogKind kind = LogKind::Session;
    SessionName session;
    std::optional<Digest> previous;
    std::int64_t time_ns = 0;
    SessionPurpose purpose = SessionPurpose::Backup;
    Buffer sealed_secret;
    std::uint64_t list = 0;
    std::string program;
    std::string host;
};

Buffer encode_point_header(const PointHeader&);
Result<PointHeader> decode_point_header(ByteView);
Buffer encode_point_body(const PointBody&);
Result<PointBody> decode_point_body(ByteView);
Buffer encode_log_record(const LogRecord&);
Result<LogRecord> decode_log_record(ByteView);

/// What was decided about a point after it was made (fate/<w>/<n>/<i>).
enum class FateKind : std::uint8_t { Protected = 1, Unprotected = 2, Expired = 3, Tags = 4 };
struct Fate {
    FateKind kind = FateKind::Tags;
    SessionDigest point;
    std::uint32_t number = 0;
    std::int64_t time_ns = 0;
    std::string reason;
    std::vector<std::string> tags;
};
Buffer encode_fate(const Fate&);
Result<Fate> decode_fate(ByteView);

}  // namespace perdure
