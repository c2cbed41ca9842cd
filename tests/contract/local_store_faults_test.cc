// What a LocalStore does when the file system under it misbehaves, is full, or knows less than it
// should.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "store/local/local_store.h"
#include "support/crash_states.h"
#include "support/disk_faults.h"
#include "support/memory_disk.h"

namespace perdure {
namespace {

constexpr std::uint64_t kReserve = 300u << 10;
constexpr MemoryDiskOptions kByLink{.unnamed_files = false};
constexpr MemoryDiskOptions kByRename{.unnamed_files = false, .links = false};
constexpr std::int64_t kDay = 24ll * 3600 * 1'000'000'000;

ObjectName object(std::string_view text) { return ObjectName::parse(text).value(); }

std::unique_ptr<LocalStore> open(std::shared_ptr<Disk> disk, std::uint64_t reserve = 0) {
    return LocalStore::open_on(std::move(disk), "test", {.reserve_bytes = reserve}).value();
}

std::vector<std::string> entries(MemoryDisk& disk, const std::string& directory) {
    std::vector<std::string> names;
    const auto listed = disk.list(directory).value();
    for (const auto& entry : listed) names.push_back(entry.name);
    return names;
}

class EveryWayOfNaming : public testing::TestWithParam<MemoryDiskOptions> {};

std::string way_name(const testing::TestParamInfo<MemoryDiskOptions>& info) {
    return info.param.unnamed_files ? "Unnamed" : info.param.links ? "Link" : "Rename";
}

INSTANTIATE_TEST_SUITE_P(LocalStore, EveryWayOfNaming,
                         testing::Values(MemoryDiskOptions{}, kByLink, kByRename), way_name);

// NFS and EFS repeat calls whose answer was lost: the second link() finds the first one's name.
TEST_P(EveryWayOfNaming, ExistsForItsOwnSuccessIsSuccess) {
    const auto disk = std::make_shared<MemoryDisk>(GetParam());
    const auto store = open(std::make_shared<LostNamingDisk>(disk, EEXIST));
    EXPECT_TRUE(store->create(object("a/b"), as_bytes("mine"), {}));
    EXPECT_EQ(as_text(store->load(object("a/b"), {}, {}).value()), "mine");
    disk->mark(1);
    EXPECT_EQ(ordering_violations(disk->history()), std::vector<std::string>{});
}

TEST_P(EveryWayOfNaming, ALostAnswerToNamingIsSettledByIdentity) {
    for (const int code : {EIO, ETIMEDOUT, ESTALE}) {
        const auto disk = std::make_shared<MemoryDisk>(GetParam());
        const auto store = open(std::make_shared<LostNamingDisk>(disk, code));
        EXPECT_TRUE(store->create(object("a/b"), as_bytes("mine"), {}));
    }
}

TEST_P(EveryWayOfNaming, EqualBytesOfAnotherCreateAreAlreadyExists) {
    const auto disk = std::make_shared<MemoryDisk>(GetParam());
    open(disk)->create(object("a"), as_bytes("same"), {}).value();
    const auto store = open(std::make_shared<LostNamingDisk>(disk, EEXIST));
    EXPECT_EQ(store->create(object("a"), as_bytes("same"), {}).error().kind(),
              ErrorKind::AlreadyExists);
    EXPECT_EQ(store->create(object("a"), as_bytes("other"), {}).error().kind(),
              ErrorKind::AlreadyExists);
}

TEST_P(EveryWayOfNaming, InventedInodeNumbersDoNotMakeForeignBytesOurs) {
    const auto disk = std::make_shared<MemoryDisk>(GetParam());
    open(disk)->create(object("a"), as_bytes("theirs"), {}).value();
    const auto store = open(std::make_shared<NoIdentityDisk>(disk));
    EXPECT_EQ(store->create(object("a"), as_bytes("mine"), {}).error().kind(),
              ErrorKind::AlreadyExists);
}

// Whoever is told that a name is taken relies on it, though its maker may have died just after
// link().
TEST_P(EveryWayOfNaming, AlreadyExistsMeansDurable) {
    const auto disk = std::make_shared<MemoryDisk>(GetParam());
    const auto no_sync =
        std::make_shared<NoDirectorySyncDisk>(disk, [](const std::string&) { return true; });
    open(no_sync)->create(object("a/b"), as_bytes("theirs"), {}).value();
    EXPECT_FALSE(open(disk)->create(object("a/b"), as_bytes("mine"), {}));
    disk->mark(1);
    EXPECT_EQ(ordering_violations(disk->history()), std::vector<std::string>{});
}

// Each call of a create fails once, with each kind of error, and again with the space reserve in
// play.
TEST_P(EveryWayOfNaming, AFailedCallIsAnErrorAndNeverHalfAnObject) {
    for (const int code : {EIO, ENOSPC, EMFILE, EACCES, ENOMEM, EINTR, EDQUOT}) {
        bool failed = true;
        for (std::uint64_t n = 0; failed; ++n) {
            const auto disk = std::make_shared<MemoryDisk>(GetParam());
            const auto faulty = std::make_shared<FailNthDisk>(disk, n, code);
            const auto store = open(faulty);
            const auto created = store->create(object("a/b"), as_bytes("whole"), {});
            failed = faulty->failed();
            const auto loaded = store->load(object("a/b"), {}, {});
            EXPECT_TRUE(loaded || !created);
            if (loaded) {
                EXPECT_EQ(as_text(*loaded), "whole");
            }
            if (created) disk->mark(1);
            EXPECT_EQ(ordering_violations(disk->history()), std::vector<std::string>{});
            if (!created && created.error().kind() != ErrorKind::Io) {
                EXPECT_FALSE(loaded) << n << ": " << created.error().describe();
            }
            // Whatever it was, asking again settles it.
            const auto again = open(disk)->create(object("a/b"), as_bytes("whole"), {});
            EXPECT_EQ(again.has_value(), !loaded.has_value());
        }
    }
}

TEST_P(EveryWayOfNaming, AFailedSyncIsNeverRepeatedOnTheSameFile) {
    class CountingDisk final : public DiskWrapper {
    public:
        using DiskWrapper::DiskWrapper;
        Result<void> sync(DiskFile&) override {
            ++syncs;
            return system_error(EIO, "sync");
        }
        int syncs = 0;
    };
    const auto disk = std::make_shared<MemoryDisk>(GetParam());
    const auto counting = std::make_shared<CountingDisk>(disk);
    EXPECT_EQ(open(counting)->create(object("a"), as_bytes("x"), {}).error().kind(), ErrorKind::Io);
    EXPECT_EQ(counting->syncs, 1);
    EXPECT_FALSE(disk->stat("a"));
}

TEST_P(EveryWayOfNaming, DraftsDoNotStay) {
    const auto disk = std::make_shared<MemoryDisk>(GetParam());
    const auto store = open(disk);
    store->create(object("a"), as_bytes("x"), {}).value();
    EXPECT_FALSE(store->create(object("a"), as_bytes("y"), {}));
    if (disk->stat("tmp")) {
        EXPECT_EQ(entries(*disk, "tmp"), std::vector<std::string>{});
    }
}

TEST(LocalStoreFaults, WithoutAnyCallThatDoesNotReplaceItRefuses) {
    const auto disk = std::make_shared<MemoryDisk>(
        MemoryDiskOptions{.unnamed_files = false, .links = false, .rename_new = false});
    const auto made = LocalStore::initialize_on(disk, "test", {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), ErrorKind::Unsupported);
    EXPECT_FALSE(made.error().hint().empty());
    const auto store = open(disk);
    EXPECT_EQ(store->create(object("a"), as_bytes("x"), {}).error().kind(), ErrorKind::Unsupported);
    EXPECT_FALSE(store->properties().conditional_create);
    EXPECT_FALSE(disk->stat("a"));
}

TEST(LocalStoreFaults, UnnamedFilesThatCannotBeNamedFallBack) {
    class NoProcDisk final : public DiskWrapper {
    public:
        using DiskWrapper::DiskWrapper;
        Result<void> link_unnamed(DiskFile&, const std::string&) override {
            return Error(ErrorKind::Unsupported, "no /proc");
        }
    };
    const auto store = open(std::make_shared<NoProcDisk>(std::make_shared<MemoryDisk>()));
    EXPECT_TRUE(store->create(object("a"), as_bytes("x"), {}));
    EXPECT_EQ(as_text(store->load(object("a"), {}, {}).value()), "x");
    EXPECT_TRUE(store->properties().conditional_create);
}

TEST(LocalStoreFaults, StaleDraftsOfOursGoAfterADayAndNothingElseDoes) {
    const auto disk = std::make_shared<MemoryDisk>(kByLink);
    disk->make_directory("tmp").value();
    const std::string old_draft = "draft-00112233445566778899aabbccddeeff";
    const std::string new_draft = "draft-ffeeddccbbaa99887766554433221100";
    for (const auto& name : {old_draft, std::string("draft-not-hex"), std::string("theirs")}) {
        const auto file = disk->create_named("tmp/" + name).value();
        disk->write(*file, as_bytes("x")).value();
    }
    disk->advance_clock(kDay / 2);
    disk->create_named("tmp/" + new_draft).value();
    disk->advance_clock(kDay / 2 + 1);
    open(disk)->create(object("a"), as_bytes("x"), {}).value();
    EXPECT_EQ(entries(*disk, "tmp"),
              (std::vector<std::string>{new_draft, "draft-not-hex", "theirs"}));
}

TEST(LocalStoreFaults, OnAFullDiskSmallObjectsTakeTheReserveAndLargeOnesWaitForIt) {
    const auto disk = std::make_shared<MemoryDisk>();
    const auto store = LocalStore::initialize_on(disk, "test", {.reserve_bytes = kReserve}).value();
    store->create(object("old"), Buffer(1u << 20), {}).value();
    disk->set_capacity(kReserve + (1u << 20) + 10);

    EXPECT_EQ(
        store->create(object("large"), Buffer(LocalStore::kSmallObject + 1), {}).error().kind(),
        ErrorKind::NoSpace);
    EXPECT_TRUE(disk->stat("reserve"));
    EXPECT_TRUE(store->create(object("small"), Buffer(1000), {}));
    EXPECT_FALSE(disk->stat("reserve"));
    // There would be space for it now, but only by taking what ends sessions in order.
    EXPECT_EQ(
        store->create(object("large"), Buffer(LocalStore::kSmallObject + 1), {}).error().kind(),
        ErrorKind::NoSpace);
    EXPECT_TRUE(store->create(object("small2"), Buffer(1000), {}));

    EXPECT_TRUE(store->remove(object("old"), {}));
    EXPECT_TRUE(store->create(object("large"), Buffer(LocalStore::kSmallObject + 1), {}));
    EXPECT_TRUE(disk->stat("reserve"));
}

TEST(LocalStoreFaults, WhenTheReserveIsGoneTooSmallObjectsAreRefused) {
    const auto disk = std::make_shared<MemoryDisk>();
    const auto store = LocalStore::initialize_on(disk, "test", {.reserve_bytes = 2000}).value();
    disk->set_capacity(2000);
    EXPECT_TRUE(store->create(object("a"), Buffer(1500), {}));
    EXPECT_EQ(store->create(object("b"), Buffer(1500), {}).error().kind(), ErrorKind::NoSpace);
    EXPECT_TRUE(store->create(object("c"), Buffer(500), {}));
    EXPECT_EQ(store->load(object("a"), {}, {}).value().size(), 1500u);
}

TEST(LocalStoreFaults, ADiskTooFullForTheReserveCannotBeInitialized) {
    const auto disk = std::make_shared<MemoryDisk>(MemoryDiskOptions{.capacity = 1000});
    EXPECT_EQ(LocalStore::initialize_on(disk, "test", {}).error().kind(), ErrorKind::NoSpace);
}

}  // namespace
}  // namespace perdure
