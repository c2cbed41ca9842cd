// The search by hand: any scenario, with any bug planted, to the end or to a bound. Exit code 1 if
// something did not hold. `protocol_search --help`; the runs on record are in docs/adr/0005.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "search.h"

namespace {

using namespace perdure::protocol::search;

std::vector<Scenario> all_scenarios() {
    std::vector<Scenario> all = long_scenarios();
    all.push_back(small_scenario());
    for (const Bug bug : all_bugs()) all.push_back(scenario_for(bug));
    return all;
}

/// What the options change of the scenario chosen.
struct Changes {
    std::string bug;
    int faults = -1;
    int lists = -1;
    bool no_crashes = false;
    bool no_rewrites = false;

    void apply(Scenario& scenario) const {
        if (faults >= 0) scenario.faults = faults;
        if (lists >= 0) scenario.lists = lists;
        if (no_crashes) scenario.crashes = false;
        if (no_rewrites) scenario.writes_anew = false;
        if (bug == to_string(Bug::None)) scenario.bug = Bug::None;
        for (const Bug each : all_bugs())
            if (bug == to_string(each)) scenario.bug = each;
    }
};

unsigned long long number(std::uint64_t value) { return value; }
double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

int report(const Scenario& scenario, const Findings& found, double seconds) {
    std::printf(
        "%s, bug %s, faults %d, crashes %s, rewrites %s: %llu states, %llu steps, "
        "depth %u, %s; table %.0f MB, queue %.0f MB, %.1f s\n",
        scenario.name.c_str(), std::string(to_string(scenario.bug)).c_str(), scenario.faults,
        scenario.crashes ? "yes" : "no", scenario.writes_anew ? "yes" : "no", number(found.states),
        number(found.steps), found.depth, found.complete ? "to the end" : "not to the end",
        megabytes(found.table_bytes), megabytes(found.queue_bytes), seconds);
    std::printf("  states with a reported success %llu, with a verdict that drops %llu\n",
                number(found.successes), number(found.verdicts));
    if (found.violation.empty()) return 0;
    std::printf("VIOLATION: %s\n", found.violation.c_str());
    for (const std::string& step : found.trace) std::printf("  %s\n", step.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Explores the commit protocol"};
    std::string name = "small";
    Changes changes;
    Options options;
    app.add_option("--scenario", name, "small, one of the long ones, or the name of a bug");
    app.add_option("--bug", changes.bug, "plant this bug, or None");
    app.add_option("--faults", changes.faults, "lost answers and delayed creates, in all");
    app.add_option("--lists", changes.lists, "lists that collectors may make");
    app.add_flag("--no-crashes", changes.no_crashes, "collectors do not start again");
    app.add_flag("--no-rewrites", changes.no_rewrites, "sessions reuse whatever they may");
    app.add_option("--max-states", options.max_states, "stop at so many states");
    app.add_option("--expect-states", options.expected_states, "size the table for so many");
    app.add_flag("--depth-first", options.depth_first, "whole histories first");
    app.add_flag("--trace", options.keeps_trace, "print the way to a violation");
    CLI11_PARSE(app, argc, argv);

    options.report_every = 10'000'000;
    options.progress = [](const std::string& line) {
        std::printf("  %s\n", line.c_str());
        std::fflush(stdout);
    };
    for (Scenario scenario : all_scenarios()) {
        if (scenario.name != name) continue;
        changes.apply(scenario);
        const auto begun = std::chrono::steady_clock::now();
        const Findings found = explore(scenario, options);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
        return report(scenario, found, took.count());
    }
    std::fprintf(stderr, "protocol_search: no scenario is named %s\n", name.c_str());
    return 2;
}
