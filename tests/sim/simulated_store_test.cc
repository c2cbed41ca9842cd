// The simulation must itself be true: without faults, what a simulated run sees keeps the contract
// of all stores.
//
// Declared deviations: not StoreContractDurable and StoreContractProcesses (it lies in memory).

#include "contract/store_contract.h"
#include "run_store.h"
#include "store/memory_store.h"

namespace perdure::sim {
namespace {

constexpr std::uint64_t kCapacity = 16U << 20;

class SimulatedUnderTest final : public StoreUnderTest {
public:
    Store& store() override { return run_.store(); }
    void fill() override {
        std::uint64_t used = 0;
        for (const auto& [name, bytes] : memory_.contents()) used += bytes.size();
        memory_.create(object("filler"), Buffer(kCapacity - used - 1000), {}).value();
    }

private:
    MemoryStore memory_{kCapacity};
    SimClock clock_;
    SharedRandom random_{1};
    Traffic traffic_;
    Run run_{memory_, 1, {}, [] {}, {clock_, random_, traffic_, {}}};
};

const StoreFactory kSimulated{"Simulated", [] { return std::make_unique<SimulatedUnderTest>(); }};

}  // namespace
}  // namespace perdure::sim

namespace perdure {

INSTANTIATE_TEST_SUITE_P(Sim, StoreContract, testing::Values(sim::kSimulated), store_factory_name);
INSTANTIATE_TEST_SUITE_P(Sim, StoreContractThreads, testing::Values(sim::kSimulated),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(Sim, StoreContractFull, testing::Values(sim::kSimulated),
                         store_factory_name);

}  // namespace perdure
