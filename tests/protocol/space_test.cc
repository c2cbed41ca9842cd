#include <gtest/gtest.h>

#include <cstdio>

#include "search.h"

namespace perdure::protocol::search {
namespace {

/// The count is part of the claim: a model that lost a step, or a machine that lost a request,
/// would pass over a smaller space. A change of either changes it; look why, then write it down
/// here.
constexpr std::uint64_t kSmallStates = 19'552'026;

TEST(ProtocolSpace, SmallScenarioHoldsInEveryState) {
    Options options;
    options.expected_states = kSmallStates;
    const Findings found = explore(small_scenario(), options);
    std::printf("protocol small: %llu states, %llu steps, depth %u\n",
                static_cast<unsigned long long>(found.states),
                static_cast<unsigned long long>(found.steps), found.depth);
    EXPECT_EQ(found.violation, "");
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(found.states, kSmallStates);
    // Nothing would be shown by a space in which no session succeeds, or nothing is deleted.
    EXPECT_GT(found.successes, found.states / 10);
    EXPECT_GT(found.verdicts, found.states / 10);
}

}  // namespace
}  // namespace perdure::protocol::search
