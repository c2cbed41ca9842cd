// Seeds of the simulation (sim_world.h): the promises hold in all of them, and every planted bug
// is found.
//
// PERDURE_SIM_SEED sets the first seed, PERDURE_SIM_SEEDS how many; PERDURE_LONG=1 means 100,000.
// PERDURE_SIM_TRACE=1 tells what happens in them.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "planted.h"

namespace perdure::sim {
namespace {

constexpr std::uint64_t kSeeds = 2000;
constexpr std::uint64_t kLongSeeds = 100'000;
constexpr int kMostViolations = 10;
constexpr std::uint64_t kSeedsToFindABug = 2000;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* set = std::getenv(name);
    return set != nullptr ? std::strtoull(set, nullptr, 10) : otherwise;
}

const Start& start() {
    static const Start made;
    return made;
}

void print_count(const char* key, std::uint64_t n) {
    std::printf("COUNT %s %llu\n", key, static_cast<unsigned long long>(n));
}

void print(const Totals& totals, std::uint64_t seeds) {
    print_count("sim_seeds", seeds);
    print_count("sim_runs", totals.runs);
    print_count("sim_faults", totals.traffic.faults);
    print_count("sim_deaths", totals.traffic.deaths);
    print_count("sim_pauses", totals.traffic.pauses);
    print_count("sim_points_kept", totals.points_kept);
    print_count("sim_points_expired", totals.points_expired);
    print_count("sim_points_restored", totals.restored);
    print_count("sim_packs_deleted", totals.packs_deleted);
    print_count("sim_blocks_repacked", totals.repacked_blocks);
    print_count("sim_points_copied", totals.copied + totals.replicated);
    print_count("sim_repairs", totals.repairs);
    std::printf(
        "%llu backups, %llu collections; %llu operations, %llu attempts; at worst %.2f "
        "attempts an operation in one seed\n",
        static_cast<unsigned long long>(totals.backups),
        static_cast<unsigned long long>(totals.collections),
        static_cast<unsigned long long>(totals.traffic.operations),
        static_cast<unsigned long long>(totals.traffic.attempts),
        static_cast<double>(totals.worst_amplification) / 100);
}

/// Every so many-th seed, so that several run side by side.
constexpr std::uint64_t kShards = 4;

class Simulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulation, PromisesHoldAndWorkGoesOnWhenFaultsStop) {
    const bool is_long = std::getenv("PERDURE_LONG") != nullptr;
    const std::uint64_t first = setting("PERDURE_SIM_SEED", 1);
    const std::uint64_t end = first + setting("PERDURE_SIM_SEEDS", is_long ? kLongSeeds : kSeeds);
    Totals totals;
    int violations = 0;
    std::uint64_t seeds = 0;
    for (std::uint64_t seed = first + GetParam(); seed < end; seed += kShards) {
        const std::string violation = World(start(), seed, nullptr, totals).run();
        ++seeds;
        EXPECT_EQ(violation, "") << "PERDURE_SIM_SEEDS=1 PERDURE_SIM_SEED=" << seed;
        if (!violation.empty() && ++violations == kMostViolations) return;
    }
    if (violations != 0) return;
    print(totals, seeds);
    if (seeds < 100) return;
    // None of the things a simulation is for has quietly stopped to happen.
    EXPECT_GT(totals.traffic.faults, seeds);
    EXPECT_GT(totals.points_expired, seeds / 2);
    EXPECT_GT(totals.packs_deleted, seeds / 2);
    EXPECT_GT(totals.repacked_blocks, seeds / 10);
    EXPECT_GT(totals.copied + totals.replicated, seeds / 10);
    EXPECT_GT(totals.repairs, 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Range<std::uint64_t>(0, kShards),
                         [](const auto& shard) { return "Shard" + std::to_string(shard.param); });

class PlantedEngineBug : public testing::TestWithParam<const PlantedBug*> {};

TEST_P(PlantedEngineBug, IsFound) {
    Totals totals;
    for (std::uint64_t seed = 1; seed <= kSeedsToFindABug; ++seed) {
        const std::string violation = World(start(), seed, GetParam(), totals).run();
        if (violation.empty()) continue;
        std::printf("seed %llu: %s\nCOUNT planted_engine_bugs 1\n",
                    static_cast<unsigned long long>(seed), violation.c_str());
        return;
    }
    FAIL() << "not found in " << kSeedsToFindABug << " seeds";
}

std::vector<const PlantedBug*> all_planted() {
    std::vector<const PlantedBug*> all;
    for (const PlantedBug& bug : planted_bugs()) all.push_back(&bug);
    return all;
}

INSTANTIATE_TEST_SUITE_P(All, PlantedEngineBug, testing::ValuesIn(all_planted()),
                         [](const auto& of) { return of.param->name; });

TEST(PlantedEngineBugs, AreTwentyAtTheLeast) { EXPECT_GE(planted_bugs().size(), 20U); }

}  // namespace
}  // namespace perdure::sim
