#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "model.h"
#include "search.h"
#include "state_queue.h"

namespace perdure::protocol::search {
namespace {

std::string told(const Findings& found) {
    std::string text = found.violation + "\n";
    for (const std::string& step : found.trace) text += "  " + step + "\n";
    return text;
}

Findings explore_whole(Scenario scenario) {
    Options options;
    options.keeps_trace = true;
    return explore(scenario, options);
}

class PlantedBug : public testing::TestWithParam<Bug> {};

TEST_P(PlantedBug, IsFound) {
    const Findings found = explore_whole(scenario_for(GetParam()));
    EXPECT_NE(found.violation, "");
    EXPECT_FALSE(found.trace.empty());
}

TEST_P(PlantedBug, ScenarioWithoutItHolds) {
    Scenario scenario = scenario_for(GetParam());
    scenario.bug = Bug::None;
    const Findings found = explore_whole(scenario);
    EXPECT_EQ(found.violation, "") << told(found);
    EXPECT_TRUE(found.complete);
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBug, testing::ValuesIn(all_bugs()),
                         [](const auto& of) { return std::string(to_string(of.param)); });

/// Walks the first states of a space and hands each to `look`.
template <class Look>
void walk(const Scenario& scenario, std::size_t states, Look look) {
    struct Collect : Successors {
        void take(World& next, const Label&) override {
            Encoded bytes;
            encode(next, bytes);
            if (seen.insert(bytes).second) queue.push_back(next);
        }
        std::set<Encoded> seen;
        std::deque<World> queue;
    };
    const Model model(scenario);
    Collect collect;
    World first = model.initial();
    collect.take(first, Label{});
    while (!collect.queue.empty() && collect.seen.size() < states) {
        const World world = collect.queue.front();
        collect.queue.pop_front();
        look(world);
        model.expand(world, collect);
    }
}

/// A member that visit() leaves out would be forgotten between two steps, and the search would
/// explore something that is not the protocol.
TEST(Encoding, KeepsEveryMemberOfEveryMachine) {
    for (Scenario scenario : long_scenarios()) {
        scenario.collectors = 1;  // with two, their order is not kept
        walk(scenario, 3000, [](const World& world) {
            Encoded bytes;
            encode(world, bytes);
            EXPECT_TRUE(decode(bytes) == world);
        });
    }
}

TEST(Encoding, IsTheSameForExchangedCollectors) {
    walk(small_scenario(), 2000, [](World world) {
        Encoded one, other;
        encode(world, one);
        std::swap(world.collectors[0], world.collectors[1]);
        encode(world, other);
        EXPECT_EQ(one, other);
    });
}

TEST(Exchange, TwiceIsNothing) {
    walk(long_scenarios().front(), 2000,
         [](const World& world) { EXPECT_TRUE(exchange(exchange(world, 1, 2), 1, 2) == world); });
}

TEST(StateQueue, GivesBackWhatWasPutFromEitherEnd) {
    std::vector<Encoded> states;
    StateQueue oldest;
    StateQueue newest;
    walk(small_scenario(), 20000, [&](const World& world) {
        encode(world, states.emplace_back());
        oldest.push(states.back());
        newest.push(states.back());
    });
    Encoded state;
    for (const Encoded& expected : states) {
        oldest.pop_oldest(state);
        ASSERT_TRUE(state == expected);
    }
    for (auto expected = states.rbegin(); expected != states.rend(); ++expected) {
        newest.pop_newest(state);
        ASSERT_TRUE(state == *expected);
    }
    EXPECT_TRUE(oldest.empty());
    EXPECT_TRUE(newest.empty());
}

TEST(Search, DepthFirstSeesTheSameSpace) {
    Scenario scenario = scenario_for(Bug::CarryWithoutTest);
    scenario.bug = Bug::None;
    Options options;
    const Findings wide = explore(scenario, options);
    options.depth_first = true;
    const Findings deep = explore(scenario, options);
    EXPECT_TRUE(wide.complete && deep.complete);
    EXPECT_EQ(wide.states, deep.states);
    EXPECT_EQ(wide.steps, deep.steps);
}

/// The reduction is sound only if exchanged states have exchanged successors.
TEST(Exchange, CommutesWithEveryStep) {
    const Scenario scenario = long_scenarios().front();
    const Model model(scenario);
    struct Collect : Successors {
        explicit Collect(bool exchanges) : exchanged(exchanges) {}
        void take(World& next, const Label&) override {
            Encoded bytes;
            encode(exchanged ? exchange(next, 1, 2) : next, bytes);
            states.insert(bytes);
        }
        bool exchanged;
        std::set<Encoded> states;
    };
    walk(scenario, 2000, [&](const World& world) {
        Collect after(true);
        Collect before(false);
        model.expand(world, after);
        model.expand(exchange(world, 1, 2), before);
        EXPECT_EQ(after.states, before.states);
    });
}

}  // namespace
}  // namespace perdure::protocol::search
