// Every store of this tree and every decorator under the contract.
//
// Declared deviations. MemoryStore, and decorators of it: not StoreContractDurable (it is gone with
// its process) nor StoreContractProcesses. LocalStore on a MemoryDisk: not StoreContractProcesses
// (the disk is this process's). LocalStore on a real directory: not StoreContractDurable (the crash
// suites show it) nor StoreContractFull (a test cannot fill the machine's disk; the memory disk
// stands in).
#include "contract/store_contract.h"

#include <utility>

#include "store/counting_store.h"
#include "store/fault_store.h"
#include "store/local/local_store.h"
#include "store/local/posix_disk.h"
#include "store/memory_store.h"
#include "support/crash_states.h"
#include "support/disk_faults.h"
#include "support/memory_disk.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

constexpr std::uint64_t kCapacity = 16u << 20;

class MemoryUnderTest : public StoreUnderTest {
public:
    Store& store() override { return store_; }
    void fill() override {
        const auto used = [&] {
            std::uint64_t sum = 0;
            for (const auto& [name, bytes] : store_.contents()) sum += bytes.size();
            return sum;
        }();
        store_.create(object("filler"), Buffer(kCapacity - used - 1000), {}).value();
    }

private:
    MemoryStore store_{kCapacity};
};

template <class Decorator>
class DecoratedUnderTest final : public MemoryUnderTest {
public:
    Store& store() override { return decorated_; }

private:
    Decorator decorated_{MemoryUnderTest::store()};
};

enum class Naming { Best, Link, Rename };

class DirectoryUnderTest final : public StoreUnderTest {
public:
    explicit DirectoryUnderTest(Naming naming) : naming_(naming) {}

    Store& store() override { return *store_; }
    std::unique_ptr<Store> open_again() override {
        return LocalStore::open_on(disk(), "directory").value();
    }

private:
    std::shared_ptr<Disk> disk() const {
        std::shared_ptr<Disk> disk = PosixDisk::open(directory_.path()).value();
        if (naming_ == Naming::Best) return disk;
        return std::make_shared<LimitedDisk>(std::move(disk), naming_ == Naming::Link);
    }

    const Naming naming_;
    const TempDir directory_;
    const std::unique_ptr<LocalStore> store_ =
        LocalStore::initialize_on(disk(), "directory").value();
};

class DiskUnderTest final : public StoreUnderTest {
public:
    explicit DiskUnderTest(MemoryDiskOptions options)
        : disk_(std::make_shared<MemoryDisk>(options)),
          store_(LocalStore::initialize_on(disk_, "memory disk", {.reserve_bytes = 64u << 10})
                     .value()) {}

    Store& store() override { return *store_; }
    std::unique_ptr<Store> open_again() override {
        return LocalStore::open_on(disk_, "again").value();
    }
    std::unique_ptr<Store> after_power_loss() override {
        const auto history = disk_->history();
        DiskImage lost;
        // The second state of a prefix is the one without anything that was not synced.
        for_each_crash_state(history, {.first = history.changes.size(), .max_states = 2},
                             [&](const CrashState& state) {
                                 lost = state.image;
                                 return true;
                             });
        return LocalStore::open_on(std::make_shared<MemoryDisk>(lost), "survivor").value();
    }
    void fill() override {
        std::uint64_t used = 0;
        for (const auto& [inode, node] : disk_->image().nodes)
            used += node.content ? node.content->size() : 0;
        disk_->set_capacity(used + 1000);
    }

private:
    const std::shared_ptr<MemoryDisk> disk_;
    const std::unique_ptr<LocalStore> store_;
};

template <class T, class... Args>
StoreFactory factory(std::string name, Args... args) {
    return {std::move(name), [=] { return std::make_unique<T>(args...); }};
}

const auto kMemory = factory<MemoryUnderTest>("Memory");
const auto kFault = factory<DecoratedUnderTest<FaultStore>>("FaultWithoutFaults");
const auto kCounting = factory<DecoratedUnderTest<CountingStore>>("Counting");
const auto kDirectory = factory<DirectoryUnderTest>("LocalOnDirectory", Naming::Best);
const auto kDirectoryByLink = factory<DirectoryUnderTest>("LocalOnDirectoryByLink", Naming::Link);
const auto kDirectoryByRename =
    factory<DirectoryUnderTest>("LocalOnDirectoryByRename", Naming::Rename);
const auto kUnnamed = factory<DiskUnderTest>("LocalOnMemoryDisk", MemoryDiskOptions{});
const auto kLink = factory<DiskUnderTest>("LocalByLink", MemoryDiskOptions{.unnamed_files = false});
const auto kRename = factory<DiskUnderTest>(
    "LocalByRename", MemoryDiskOptions{.unnamed_files = false, .links = false});

const auto kEveryStore = testing::Values(kMemory, kFault, kCounting, kDirectory, kDirectoryByLink,
                                         kDirectoryByRename, kUnnamed, kLink, kRename);

INSTANTIATE_TEST_SUITE_P(Store, StoreContract, kEveryStore, store_factory_name);
INSTANTIATE_TEST_SUITE_P(Store, StoreContractThreads, kEveryStore, store_factory_name);
INSTANTIATE_TEST_SUITE_P(Store, StoreContractDurable, testing::Values(kUnnamed, kLink, kRename),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(Store, StoreContractProcesses,
                         testing::Values(kDirectory, kDirectoryByLink, kDirectoryByRename),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(Store, StoreContractFull,
                         testing::Values(kMemory, kFault, kCounting, kUnnamed, kLink, kRename),
                         store_factory_name);

}  // namespace
}  // namespace perdure
