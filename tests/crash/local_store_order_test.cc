// The order in which a local store writes, and every state a power loss can leave of one or two
// creates (reliability.md R1, F12, T1). The harness is shown to find planted bugs.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/local/local_store.h"
#include "support/crash_states.h"
#include "support/disk_faults.h"
#include "support/memory_disk.h"

namespace perdure {
namespace {

const LocalOptions kOptions{.reserve_bytes = 2048};

/// Of three sizes, so that one object never passes for another. Made once: there are many states.
const Buffer& content_of(std::size_t object) {
    static const std::vector<Buffer> contents = [] {
        std::vector<Buffer> made;
        for (std::size_t i = 0; i < 3; ++i) {
            made.emplace_back(10'000 + i);
            SeededRandom(i + 1).fill(made.back());
        }
        return made;
    }();
    return contents.at(object);
}

ObjectName object(std::string_view text) { return ObjectName::parse(text).value(); }

using Wrap = std::function<std::shared_ptr<Disk>(std::shared_ptr<MemoryDisk>)>;

std::shared_ptr<Disk> honest(std::shared_ptr<MemoryDisk> disk) { return disk; }

std::shared_ptr<Disk> no_file_sync(std::shared_ptr<MemoryDisk> disk) {
    return std::make_shared<NoFileSyncDisk>(std::move(disk));
}

Wrap no_sync_of(const std::string& directory) {
    return [=](std::shared_ptr<MemoryDisk> disk) {
        return std::make_shared<NoDirectorySyncDisk>(
            std::move(disk), [=](const std::string& path) { return path == directory; });
    };
}

/// Creates `names` one after the other; mark i + 1 says that names[i] was acknowledged.
DiskHistory create_all(const std::vector<std::string>& names, MemoryDiskOptions options,
                       const Wrap& wrap) {
    const auto disk = std::make_shared<MemoryDisk>(options);
    const auto store = LocalStore::initialize_on(wrap(disk), "crash", kOptions).value();
    for (std::size_t i = 0; i < names.size(); ++i) {
        store->create(object(names[i]), content_of(i), {}).value();
        disk->mark(i + 1);
    }
    return disk->history();
}

/// What is wrong with a store that must hold names[0..acknowledged) and may hold the others, whole.
std::vector<std::string> faults_of(Store& store, const std::vector<std::string>& names,
                                   std::size_t acknowledged) {
    std::vector<std::string> faults;
    std::size_t present = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto bytes = store.load(object(names[i]), {}, {});
        if (bytes) ++present;
        if (!bytes && bytes.error().kind() != ErrorKind::NotFound)
            faults.push_back(names[i] + ": " + bytes.error().describe());
        if (!bytes && i < acknowledged)
            faults.push_back(names[i] + " was acknowledged and is gone");
        if (bytes && !equal(*bytes, content_of(i))) faults.push_back(names[i] + " is not whole");
    }
    std::size_t listed = 0;
    const auto count = [&](auto, const auto&) { return ++listed > 0; };
    if (!store.list("", count, {}) || listed != present) faults.push_back("the listing is wrong");
    return faults;
}

/// After a crash: nothing lost or torn, and what is missing can be created again.
std::vector<std::string> faults_after(const CrashState& state,
                                      const std::vector<std::string>& names,
                                      MemoryDiskOptions options) {
    const auto disk = std::make_shared<MemoryDisk>(state.image, options);
    const auto store = LocalStore::open_on(disk, "survivor", kOptions).value();
    auto faults = faults_of(*store, names, state.marks.empty() ? 0 : state.marks.back());
    if (!faults.empty()) return faults;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto created = store->create(object(names[i]), content_of(i), {});
        if (!created && created.error().kind() != ErrorKind::AlreadyExists)
            faults.push_back("creating again: " + created.error().describe());
    }
    for (const auto& fault : faults_of(*store, names, names.size())) faults.push_back(fault);
    return faults;
}

/// The first state that breaks the contract, described; "" if none does.
std::string first_fault(const DiskHistory& history, const std::vector<std::string>& names,
                        MemoryDiskOptions options, std::size_t* states = nullptr) {
    std::string found;
    const auto shown = for_each_crash_state(history, {}, [&](const CrashState& state) {
        const auto faults = faults_after(state, names, options);
        if (!faults.empty()) found = faults.front() + " (" + state.description + ")";
        return faults.empty();
    });
    if (states != nullptr) *states = shown;
    return found;
}

const std::vector<std::string> kOne{"points/01/0001"};
const std::vector<std::string> kTwo{"points/01/0001", "points/02/0001"};
const std::vector<std::string> kSameDirectory{"log/01/1", "log/01/2", "log/01/3"};

class LocalStoreCrash : public testing::TestWithParam<MemoryDiskOptions> {};

std::string way_name(const testing::TestParamInfo<MemoryDiskOptions>& info) {
    return info.param.unnamed_files ? "Unnamed" : info.param.links ? "Link" : "Rename";
}

constexpr MemoryDiskOptions kByLink{.unnamed_files = false};
constexpr MemoryDiskOptions kByRename{.unnamed_files = false, .links = false};

INSTANTIATE_TEST_SUITE_P(EveryWayOfNaming, LocalStoreCrash,
                         testing::Values(MemoryDiskOptions{}, kByLink, kByRename), way_name);

TEST_P(LocalStoreCrash, NoNameBeforeItsContentAndNoAnswerBeforeItsDirectoriesAreSynced) {
    for (const auto& names : {kOne, kTwo, kSameDirectory})
        EXPECT_EQ(ordering_violations(create_all(names, GetParam(), honest)),
                  std::vector<std::string>{});
}

TEST_P(LocalStoreCrash, EveryStateAfterACrashHoldsWhatWasAcknowledgedAndNothingTorn) {
    for (const auto& names : {kOne, kTwo, kSameDirectory}) {
        std::size_t states = 0;
        EXPECT_EQ(first_fault(create_all(names, GetParam(), honest), names, GetParam(), &states),
                  "");
        EXPECT_GE(states, 20u);
    }
}

std::uint64_t last_mark(const CrashState& state) {
    return state.marks.empty() ? 0 : state.marks.back();
}

/// What the process that comes after `first` does: creates everything again, or finds it there.
DiskHistory recover(const CrashState& first, MemoryDiskOptions options) {
    const auto disk = std::make_shared<MemoryDisk>(first.image, options);
    const auto store = LocalStore::open_on(disk, "recovering", kOptions).value();
    disk->mark(last_mark(first));
    for (std::size_t i = 0; i < kTwo.size(); ++i) {
        const auto created = store->create(object(kTwo[i]), content_of(i), {});
        EXPECT_TRUE(created || created.error().kind() == ErrorKind::AlreadyExists);
        disk->mark(std::max<std::uint64_t>(i + 1, last_mark(first)));
    }
    return disk->history();
}

TEST_P(LocalStoreCrash, ASecondCrashDuringRecoveryLosesNothingEither) {
    // Few pairs: drafts whose names are never synced would make very many.
    const CrashBounds few{.pairs = 4, .samples = 1};
    std::size_t states = 0;
    const auto history = create_all(kTwo, GetParam(), honest);
    for_each_crash_state(history, few, [&](const CrashState& first) {
        states += for_each_crash_state(recover(first, GetParam()), few, [&](const auto& second) {
            const auto acknowledged = std::max(last_mark(first), last_mark(second));
            const auto disk = std::make_shared<MemoryDisk>(second.image, GetParam());
            const auto survivor = LocalStore::open_on(disk, "survivor", kOptions).value();
            const auto faults = faults_of(*survivor, kTwo, acknowledged);
            EXPECT_TRUE(faults.empty()) << faults.front() << "\n"
                                        << first.description << "\n"
                                        << second.description;
            return faults.empty();
        });
        return !HasFailure();
    });
    EXPECT_GE(states, 300u);
    RecordProperty("states", std::to_string(states));
}

TEST_P(LocalStoreCrash, FindsThePlantedBugOfContentThatIsNotSynced) {
    const auto history = create_all(kOne, GetParam(), no_file_sync);
    EXPECT_FALSE(ordering_violations(history).empty());
    EXPECT_NE(first_fault(history, kOne, GetParam()), "");
}

TEST_P(LocalStoreCrash, FindsThePlantedBugOfAnyDirectoryThatIsNotSynced) {
    for (const std::string directory : {"", "points", "points/01"}) {
        const auto history = create_all(kOne, GetParam(), no_sync_of(directory));
        EXPECT_FALSE(ordering_violations(history).empty()) << directory;
        EXPECT_NE(first_fault(history, kOne, GetParam()), "") << directory;
    }
}

TEST_P(LocalStoreCrash, FindsThePlantedBugOfADirectorySyncedOnlyForItsFirstObject) {
    const auto history =
        create_all(kSameDirectory, GetParam(), [](std::shared_ptr<MemoryDisk> disk) {
            const auto count = std::make_shared<int>(0);
            return std::make_shared<NoDirectorySyncDisk>(
                std::move(disk),
                [count](const std::string& path) { return path == "log/01" && ++*count > 1; });
        });
    EXPECT_NE(first_fault(history, kSameDirectory, GetParam()), "");
}

TEST(CrashStates, TheSameHistoryGivesTheSameStates) {
    const auto history = create_all(kTwo, {}, honest);
    const auto describe = [&] {
        std::vector<std::string> all;
        for_each_crash_state(history, {}, [&](const CrashState& state) {
            all.push_back(state.description);
            return true;
        });
        return all;
    };
    EXPECT_EQ(describe(), describe());
}

TEST(CrashStates, BoundsAreKept) {
    const auto history = create_all(kTwo, {}, honest);
    const auto any = [](const CrashState&) { return true; };
    EXPECT_EQ(for_each_crash_state(history, {.max_states = 3}, any), 3u);
    const auto all = for_each_crash_state(history, {}, any);
    EXPECT_LT(for_each_crash_state(history, {.step = 3}, any), all);
    EXPECT_LT(for_each_crash_state(history, {.first = history.changes.size() / 2}, any), all);
}

TEST(CrashStates, UnsyncedContentIsShownWholeTornZeroAndMissing) {
    MemoryDisk disk;
    {
        const auto file = disk.create_named("a").value();
        disk.sync_directory("").value();
        disk.write(*file, Buffer(10'000, std::byte{1})).value();
    }
    std::vector<std::size_t> ones;
    for_each_crash_state(
        disk.history(), {.first = disk.history().changes.size()}, [&](const CrashState& state) {
            const auto bytes = MemoryDisk(state.image).read("a", 0, Disk::kToEnd);
            ones.push_back(
                static_cast<std::size_t>(std::count(bytes->begin(), bytes->end(), std::byte{1})));
            return true;
        });
    EXPECT_EQ(ones, (std::vector<std::size_t>{10'000, 0, 0, 5120, 4880, 8192, 1808}));
}

TEST(CrashStates, AnEntryOfAnUnsyncedDirectoryIsShownWithAndWithout) {
    MemoryDisk disk;
    disk.make_directory("d").value();
    disk.sync_directory("d").value();
    int with = 0, without = 0;
    for_each_crash_state(disk.history(), {}, [&](const CrashState& state) {
        ++(MemoryDisk(state.image).stat("d") ? with : without);
        return true;
    });
    EXPECT_EQ(with, 1);
    EXPECT_EQ(without, 1);
}

}  // namespace
}  // namespace perdure
