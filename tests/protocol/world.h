// One state of the search: the store, and every process with the machine it runs. Plain values, so
// that a state is copied as bytes, and encoded to about a hundred bytes for the queue and the
// table.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <variant>

#include "repo/protocol/collector.h"
#include "repo/protocol/session.h"
#include "repo/protocol/upkeep.h"
#include "scenario.h"

namespace perdure::protocol::search {

using Byte = std::uint8_t;
using SessionMask = std::uint8_t;    // of kMaxSessions
using PackMask = std::uint8_t;       // pack s is the one session s may write
using BlockMask = std::uint16_t;     // block s * kClasses + c: content c, born in session s
using LocationMask = std::uint16_t;  // bit pack * kClasses + slot

constexpr Byte kBarrierBit = 0x80;

enum Presence : Byte { kNever = 0, kPresent = 1, kGone = 2 };
enum EndingCell : Byte { kOpen = 0, kReal = 1, kFenced = 2 };
enum ListCell : Byte { kNoList = 0, kListed = 1, kPruned = 2 };

constexpr int block_of(int session, int content) { return session * kClasses + content; }
constexpr int location_of(int pack, int slot) { return pack * kClasses + slot; }

/// What the objects under the names hold. 0 means: no such object. Encoded as it lies in memory.
struct Store {
    std::array<std::array<Byte, kMaxLog>, kMaxWriters> log{};  // session + 1, or kBarrierBit | list
    std::array<Byte, kMaxLog> enrolments{};                    // writer + 1, or kBarrierBit | list
    std::array<Byte, kMaxSessions> ending{};                   // EndingCell
    std::array<Byte, kMaxSessions> index{};                    // Presence
    std::array<Byte, kMaxSessions> pack{};                     // Presence
    std::array<std::array<Byte, kClasses>, kMaxSessions>
        slots{};                                  // block + 1 that a pack holds, or held
    std::array<BlockMask, kMaxSessions> needs{};  // what the session's index says its point needs
    std::array<Byte, kMaxSessions> supersedes{};  // session + 1, in its header
    std::array<Byte, kMaxSessions> fate{};        // 1: expired
    std::array<Byte, kMaxLists + 1> list_cell{};  // ListCell
    std::array<LocationMask, kMaxLists + 1> list{};
    std::array<Byte, kMaxLists + 1> has_verdict{};
    std::array<PackMask, kMaxLists + 1> verdict{};

    friend bool operator==(const Store&, const Store&) = default;
};

static_assert(std::has_unique_object_representations_v<Store>);

/// The block in a slot of a pack, whether or not the pack is still there; -1 if none.
inline int held_block(const Store& store, int pack, int slot) {
    return store.slots[static_cast<std::size_t>(pack)][static_cast<std::size_t>(slot)] - 1;
}

enum class Phase : Byte {
    Idle,     // not enrolled yet
    Early,    // ListsBeforeNumber: about to read the lists
    Begin,    // SessionBegin, ReadBegin, or the whole of RepackStep
    Carry,    // CarryStep
    Decide,   // knows what it obeys; about to choose what to reuse and to write the rest
    Reading,  // a reader under the protection of its number
    Commit,   // SessionCommit
    Over
};

enum class Report : Byte { None, Success, Fenced, Unknown, Failed };

struct SessionProcess {
    Phase phase = Phase::Idle;
    Report report = Report::None;
    Byte number = 0;
    Byte obeys = 0;
    Byte lists = 0;     // which lists it has read, a bit each
    Byte verdicts = 0;  // which verdicts it has found
    Byte carried = 0;   // CarryStep: session + 1
    std::variant<std::monostate, SessionBegin, CarryStep, ReadBegin, RepackStep, SessionCommit>
        machine;

    friend bool operator==(const SessionProcess&, const SessionProcess&) = default;
};

struct CollectorProcess {
    bool running = false;
    bool has_content = false;  // of the list or verdict about to be created
    bool deferred = false;     // BarrierBeforeList, LogBarriersFirst: that create is still to come
    SessionMask counted = 0;   // whose summaries are in the OR
    SessionMask indexed = 0;   // whose indexes were read
    SessionMask orphaned = 0;  // ended without an index
    Byte lists = 0;            // other lists seen before the verdict, a bit each
    Byte verdicts = 0;
    LocationMask condemns = 0;  // what the list it is about to create holds,
    PackMask drops = 0;         // and the verdict
    Collector machine;

    friend bool operator==(const CollectorProcess&, const CollectorProcess&) = default;
};

/// A create that its sender no longer waits for, and that the store may still apply.
struct Pending {
    ObjectType type = ObjectType::LogEntry;
    Byte writer = 0;
    Byte number = 0;
    Byte value = 0;  // of the cell; 0: nothing in flight
    LocationMask content = 0;

    friend auto operator<=>(const Pending&, const Pending&) = default;
};

struct World {
    Store store;
    std::array<SessionProcess, kMaxSessions> sessions;
    std::array<CollectorProcess, kMaxCollectors> collectors;
    std::array<Pending, kMaxPending> pending;
    LogAppend enrolment;  // the late writer's
    bool enrolling = false;
    std::array<Byte, kMaxWriters> certified{};  // lists with a barrier below the certificate
    Byte faults = 0;                            // left

    friend bool operator==(const World&, const World&) = default;
};

/// A state as bytes: equal for equal states, and for states that differ only in which collector is
/// which, for nothing tells collectors apart.
struct Encoded {
    static constexpr std::size_t kMax = 768;  // more than any state takes; checked

    std::size_t size = 0;  // a multiple of 16, filled up with zeros
    std::array<Byte, kMax> bytes;

    friend bool operator==(const Encoded& a, const Encoded& b) {
        return a.size == b.size && std::memcmp(a.bytes.data(), b.bytes.data(), a.size) == 0;
    }
    friend bool operator<(const Encoded& a, const Encoded& b) {
        if (a.size != b.size) return a.size < b.size;
        return std::memcmp(a.bytes.data(), b.bytes.data(), a.size) < 0;
    }
};

void encode(const World& world, Encoded& out);
World decode(const Encoded& bytes);

/// The state with sessions `a` and `b`, of the same plan, exchanged.
World exchange(const World& world, int a, int b);

}  // namespace perdure::protocol::search
