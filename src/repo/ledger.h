// The ledger: what was checked, when and how deep, so that a rolling check knows what is due and
// retention which points are proved (FORMAT.md §16).
//
// Records are numbered, each binds the one before, and each is signed by who may say such a thing;
// what cannot be believed is a problem and says nothing.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "repo/maintainer.h"
#include "repo/repository.h"

namespace perdure {

enum class LedgerKind : std::uint8_t {  // on disk: FORMAT.md
    Checked = 1,
    Verified = 2,
    Repaired = 3,
    Audit = 4,
    Drill = 5,
    LockHorizon = 6,
};

/// How deep a check looked, as ledger records say it.
enum class LedgerLevel : std::uint8_t { Structure = 1, Aead = 2, Deep = 3 };

struct LedgerRecord {
    LedgerKind kind = LedgerKind::Checked;
    std::int64_t time_ns = 0;
    std::optional<Digest> previous;
    std::vector<SessionDigest> sessions;  // points, by their digests
    std::vector<BirthPack> packs;
    LedgerLevel level = LedgerLevel::Structure;
    std::string text;
    // Of a lock horizon: whose packs of that class are locked, how, and until when.
    std::string retention_class;
    LockMode lock_mode = LockMode::Governance;
    std::int64_t locked_until_ns = 0;
    std::vector<SessionName> locked;
};
Buffer encode_ledger_record(const LedgerRecord&);
Result<LedgerRecord> decode_ledger_record(ByteView);

/// A record of bytes at hand; Corrupt if it was not signed by who may say it.
Result<LedgerRecord> open_ledger_record(const Repository&, const ObjectName&, ByteView object);

struct Ledger {
    /// When a pack was last found whole: with every block opened, and with every leaf re-hashed.
    struct PackTimes {
        std::int64_t aead_ns = 0, deep_ns = 0;  // 0: never
        std::int64_t at(LedgerLevel level) const {
            return level == LedgerLevel::Deep ? deep_ns : std::max(aead_ns, deep_ns);
        }
    };
    std::map<BirthPack, PackTimes> packs;
    /// When a point was last shown to restore: by a deep check of all it needs, or by a drill.
    std::map<SessionDigest, std::int64_t> verified;
    std::vector<Problem> problems;
    std::uint64_t next = 1;      // first free number
    std::optional<Digest> last;  // of next - 1

    /// Nothing if it never was.
    std::optional<std::int64_t> verified_at(const Point& point) const {
        const auto at = verified.find({point.session(), point.digest});
        return at == verified.end() ? std::nullopt : std::optional(at->second);
    }
};
Result<Ledger> load_ledger(const Repository&, std::stop_token);

/// Adds a record behind the last; time and `previous` are filled in. Owner only.
Result<void> append_to_ledger(const Repository&, LedgerRecord, std::stop_token);
/// The same of what a maintainer may say: checked, repaired, lock horizons.
Result<void> append_to_ledger(const Maintainer&, LedgerRecord, std::stop_token);

}  // namespace perdure
