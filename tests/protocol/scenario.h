// What a search explores: who writes what, how many collectors and lists, which faults; and the
// bugs that can be planted to see whether the search finds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "repo/protocol/facts.h"

namespace perdure::protocol::search {

constexpr int kMaxWriters = 4;
constexpr int kMaxSessions = 8;
constexpr int kMaxLists = 3;
constexpr int kMaxCollectors = 2;
constexpr int kMaxLog = 10;     // entries of one log, numbers 1 to kMaxLog - 1
constexpr int kClasses = 2;     // kinds of content; equal content may lie in several blocks
constexpr int kMaxPending = 2;  // creates in flight whose sender has stopped waiting

/// One step altered each. The machines of src/repo/protocol stay as they are: a bug lies in what
/// their driver does with an action or an answer, as it would in a driver that got the step wrong.
enum class Bug : std::uint8_t {
    None,
    BarrierBeforeList,   // barriers stand before gc/<k>, and a missing list is taken for an empty
                         // one
    NoWait,              // sessions below the barrier are neither waited for nor fenced
    NoSecondOr,          // the verdict is what the first OR condemned
    CommitPastFence,     // a fence under our own name is taken for our commit
    PrunedLists,         // lists go when their deletions are done; a missing one counts as empty
    ListsBeforeNumber,   // lists are read before the number is taken
    AdoptedOrphans,      // packs of a fenced session are built on
    FreedNumbers,        // a fence is removed once every list has its verdict
    MutualRepack,        // a verdict counts on packs that another list or verdict drops
    CarryWithoutTest,    // what is carried over is not tested against the lists
    LogBarriersFirst,    // barriers in the logs before the one in the enrolments
    FalseLocation,       // a writer's index is believed about blocks born elsewhere
    PackNameAgain,       // a dropped pack's name is created again
    RepackIndexDeleted,  // a repack's index goes when its number is settled
};

std::string_view to_string(Bug bug);

enum class Role : std::uint8_t { Initial, Backup, Read, Repack };

struct SessionPlan {
    Role role = Role::Backup;
    std::uint8_t writer = 0;
    std::uint8_t wants = 1;  // classes of content, a bit each
    EndKind ends = EndKind::Point;
    bool expirable = false;  // a fate may expire it at any time
    int carries = -1;        // Backup: a session of the same writer whose result it goes on from
    int reads = -1;          // Read: whose point
    int claims = -1;  // Initial: its index falsely places this session's first block in its pack

    friend bool operator==(const SessionPlan&, const SessionPlan&) = default;
};

struct Scenario {
    std::string name;
    std::vector<SessionPlan> sessions;  // Initial ones first
    int writers = 2;                    // enrolled at the start, in order
    bool late_writer = false;           // one more writer enrols at any time
    int collectors = 2;
    int lists = 2;
    int faults = 1;           // lost answers and delayed creates, in all
    bool crashes = true;      // collectors forget everything and start again, at any time
    bool writes_anew = true;  // a session may store content again although it could reuse it
    bool index_deletion = false;
    std::uint8_t tries = 2;
    Bug bug = Bug::None;
};

/// Two writers with one session each, two collectors, two lists: the space CI runs to its end.
Scenario small_scenario();
/// Larger ones, run by hand: one feature each beside two collectors and two lists, then "long": two
/// writers with two sessions each, of them a chain over a checkpoint, a repack and a reader.
std::vector<Scenario> long_scenarios();
/// The smallest scenario that shows `bug`, planted. With bug = None it must show nothing.
Scenario scenario_for(Bug bug);

std::vector<Bug> all_bugs();

}  // namespace perdure::protocol::search
