// The dumb object storage under a repository: a flat map from names to immutable bytes.
//
// Guarantees, each with a group of tests in tests/contract/store_contract.h that every store and
// decorator passes:
//  G1  Atomic create: a reader sees all bytes of an object or no object. A failed, killed or
//  interrupted create
//      leaves nothing that load, stat or list shows.
//  G2  Create-if-absent: of any number of concurrent creates of one name exactly one succeeds; the
//  others, and all later ones,
//      answer AlreadyExists and change nothing. There is no overwrite.
//  G3  Durable on return: what create() reported as done, or answered AlreadyExists for, survives a
//  power loss, name and
//      bytes. Having merely seen an object (load, stat, list) does not promise that.
//  G4  Read after create: once create() returned, load, stat and list of any process see the
//  object. G5  An error means "perhaps": after Timeout, Unavailable or Io from create() the object
//  may exist. Who must know reads it
//      back and compares bytes (identity is equality of bytes).
//  G6  remove() of a missing object succeeds. A removed name is free again at this level; that
//  names which decide are never
//      removed is the repository's rule.
//  G7  list() shows every object that existed during the whole call, in ascending order of names;
//  objects created or
//      removed meanwhile may or may not appear. No safety may rest on its being complete.
//  G8  Every method may be called from any thread at once.
//  G9  A full store refuses create() with NoSpace; load, stat, list and remove still work.
//  G10 Ranges: load() gives exactly the bytes asked for, or an error; a range past the end is
//  Corrupt.
//
// A store does not retry and does not log; decorators do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace perdure {

/// An object's name: 1-8 parts of [0-9a-z._-]{1,120} joined by '/', none of them "." or "..".
class ObjectName {
public:
    static Result<ObjectName> parse(std::string_view text);
    const std::string& text() const { return text_; }
    friend auto operator<=>(const ObjectName&, const ObjectName&) = default;

private:
    explicit ObjectName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t length = kToEnd;
    static constexpr std::uint64_t kToEnd = ~std::uint64_t{0};
    static ByteRange all() { return {}; }
};

struct ObjectStat {
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;  // the store's clock; advice only
};

struct StoreProperties {
    bool conditional_create = true;  // G2 holds between processes
    std::uint32_t connections = 2;   // useful parallel requests
    std::uint64_t pack_size = 32u << 20;
    std::string description;  // for people: "local directory /srv/backup"
};

/// One of the contents that a name has had, in a store that keeps what is overwritten or deleted.
struct ObjectVersion {
    std::string id;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    bool is_deletion = false;  // a marker that the name was deleted: no content
    bool is_newest = false;
};

/// What stores that keep versions can do besides. Thread-safe.
class ObjectVersions {
public:
    /// Return false to end the listing early.
    using ListFn = std::function<bool(std::string_view name, const ObjectVersion&)>;

    virtual ~ObjectVersions() = default;
    /// Every version of every name that begins with `prefix`: names in ascending order, the newest
    /// version of a name first; but a marker of a deletion may stand before or behind other
    /// versions of its name.
    virtual Result<void> list(std::string_view prefix, const ListFn&, std::stop_token) = 0;
    virtual Result<Buffer> load(const ObjectName&, const std::string& version, ByteRange,
                                std::stop_token) = 0;
};

enum class LockMode : std::uint8_t {  // on disk: FORMAT.md
    Governance = 1,  // whoever has a right of its own may end it early; Perdure never does
    Compliance = 2,  // nobody can, not even the account's owner
};

/// An object that cannot be deleted, nor its lock shortened, until then.
struct ObjectLock {
    LockMode mode = LockMode::Governance;
    std::int64_t until_ns = 0;  // by the store's clock

    /// Whether this one holds whatever `other` does.
    bool covers(const ObjectLock& other) const {
        return mode >= other.mode && until_ns >= other.until_ns;
    }
    friend bool operator==(const ObjectLock&, const ObjectLock&) = default;
};

/// What stores with Object Lock can do besides. Thread-safe but for lock_new(), which is called
/// before there are other threads.
class ObjectLocks {
public:
    struct Period {
        LockMode mode = LockMode::Governance;
        std::int64_t ns = 0;  // from the creation on
    };
    /// How long an object of that name is locked from its creation on; nothing: not at all.
    using Rule = std::function<std::optional<Period>(std::string_view name)>;

    virtual ~ObjectLocks() = default;
    /// Whether locks can be set here at all: a bucket can be made without. Unknown counts as yes.
    virtual Result<bool> can_lock(std::stop_token) = 0;
    /// What create() and put_back() lock from now on, in the same step.
    virtual void lock_new(Rule) = 0;
    /// The store's clock: a machine whose clock is wrong must not lock for years.
    virtual Result<std::int64_t> now_ns(std::stop_token) = 0;
    /// Afterwards that version ("": the newest) is locked so at the least; a lock that holds longer
    /// stays as it is. Denied also if it has one that cannot become so. Durable on return.
    virtual Result<void> extend_lock(const ObjectName&, const std::string& version,
                                     const ObjectLock&, std::stop_token) = 0;
    /// Nothing if it is not locked, or was and is no longer. NotFound.
    virtual Result<std::optional<ObjectLock>> lock_of(const ObjectName&, const std::string& version,
                                                      std::stop_token) = 0;
};

/// What was asked of a store over a network since it was opened, by what S3 charges for.
struct StoreTraffic {
    std::uint64_t writes = 0;    // PUT, COPY, POST, LIST
    std::uint64_t reads = 0;     // GET, HEAD and the rest
    std::uint64_t removals = 0;  // free of charge
    std::uint64_t retries = 0;   // of all of these
    std::uint64_t sent = 0;      // bytes of bodies
    std::uint64_t received = 0;  // "
    /// By how much the store's clock is ahead of this machine's, where the difference had to be
    /// allowed for.
    std::int64_t clock_ahead_s = 0;

    std::uint64_t requests() const { return writes + reads + removals; }
    friend bool operator==(const StoreTraffic&, const StoreTraffic&) = default;
};

class Store {
public:
    /// Return false to end the listing early.
    using ListFn = std::function<bool(std::string_view name, const ObjectStat&)>;

    virtual ~Store() = default;
    virtual StoreProperties properties() const = 0;
    /// AlreadyExists, NoSpace, Denied; or any other kind, with G5.
    virtual Result<void> create(const ObjectName&, ByteView bytes, std::stop_token) = 0;
    /// NotFound if there is no such object.
    virtual Result<Buffer> load(const ObjectName&, ByteRange, std::stop_token) = 0;
    virtual Result<ObjectStat> stat(const ObjectName&, std::stop_token) = 0;
    /// Objects whose name begins with `prefix` (any text, "" for all).
    virtual Result<void> list(std::string_view prefix, const ListFn&, std::stop_token) = 0;
    virtual Result<void> remove(const ObjectName&, std::stop_token) = 0;
    /// For repair alone: `bytes` take the place of what lies there, damaged. Durable on return. A
    /// store that can replaces in one step; this removes and then creates, so that a crash between
    /// the two leaves the name free and the repair to be run again.
    virtual Result<void> put_back(const ObjectName&, ByteView bytes, std::stop_token);

    // ---- what only some can do; decorators pass the question on
    /// Null where no versions are kept, or none was seen yet.
    virtual ObjectVersions* versions() { return nullptr; }
    /// Null where nothing can be locked.
    virtual ObjectLocks* locks() { return nullptr; }
    /// For whoever found what lies under `name` missing or false: from now on load() and stat()
    /// give the oldest content that is kept of it. Whether there is one, and it is not what they
    /// gave before.
    virtual Result<bool> fall_back_to_first(const ObjectName&, std::stop_token) { return false; }
    /// Whether something else than what load() gives was written over it since, or it was deleted:
    /// what counts is kept for a time only. Knows what was listed or fallen back to before.
    virtual Result<bool> is_covered(const ObjectName&, std::stop_token) { return false; }
    /// Of several contents that a name has had, the oldest counts for which this is true; without a
    /// judge, or one that says yes, the oldest. Replaces the judge before it; null takes it away.
    /// It may load other objects.
    using Judge = std::function<bool(const ObjectName&, ByteView)>;
    virtual void judge_by(Judge) {}
    /// Nothing for stores without a network.
    virtual std::optional<StoreTraffic> traffic() const { return std::nullopt; }
};

}  // namespace perdure
