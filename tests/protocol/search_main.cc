// The search by hand:  protocol_search [--scenario small|long|<bug>] [--bug <bug>] [--max-states N]
//                                      [--expect-states N] [--trace]
// Prints what was explored; exit code 1 if something did not hold.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "search.h"

namespace {

using namespace perdure::protocol::search;

struct Arguments {
    Scenario scenario = small_scenario();
    Options options;
    bool valid = true;
};

Bug bug_named(const std::string& name, bool& valid) {
    for (const Bug bug : all_bugs())
        if (to_string(bug) == name) return bug;
    valid = valid && name == "None";
    return Bug::None;
}

void choose_scenario(const std::string& name, Arguments& arguments) {
    if (name == "small") {
        arguments.scenario = small_scenario();
    } else {
        for (const Scenario& scenario : long_scenarios())
            if (scenario.name == name) return void(arguments.scenario = scenario);
        arguments.scenario = scenario_for(bug_named(name, arguments.valid));
    }
}

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string flag = argv[i];
        if (flag == "--trace") {
            arguments.options.keeps_trace = true;
            continue;
        }
        if (i + 1 == argc) arguments.valid = false;
        if (!arguments.valid) break;
        const std::string value = argv[++i];
        Scenario& scenario = arguments.scenario;
        if (flag == "--scenario")
            choose_scenario(value, arguments);
        else if (flag == "--bug")
            scenario.bug = bug_named(value, arguments.valid);
        else if (flag == "--faults")
            scenario.faults = std::stoi(value);
        else if (flag == "--lists")
            scenario.lists = std::stoi(value);
        else if (flag == "--collectors")
            scenario.collectors = std::stoi(value);
        else if (flag == "--max-states")
            arguments.options.max_states = std::stoull(value);
        else if (flag == "--expect-states")
            arguments.options.expected_states = std::stoull(value);
        else
            arguments.valid = false;
    }
    return arguments;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments = parse(argc, argv);
    if (!arguments.valid) {
        std::fprintf(stderr, "protocol_search: bad arguments; see tests/protocol/search_main.cc\n");
        return 2;
    }
    arguments.options.report_every = 1'000'000;
    arguments.options.progress = [](const std::string& line) {
        std::printf("  %s\n", line.c_str());
        std::fflush(stdout);
    };
    const auto begun = std::chrono::steady_clock::now();
    const Findings found = explore(arguments.scenario, arguments.options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::printf(
        "%s, bug %s: %llu states, %llu steps, depth %u, %s; table %.1f MB, queue %.1f MB, "
        "%.1f s\n",
        arguments.scenario.name.c_str(), std::string(to_string(arguments.scenario.bug)).c_str(),
        static_cast<unsigned long long>(found.states), static_cast<unsigned long long>(found.steps),
        found.depth, found.complete ? "to the end" : "not to the end",
        static_cast<double>(found.table_bytes) / 1e6, static_cast<double>(found.queue_bytes) / 1e6,
        took.count());
    std::printf("  states with a reported success %llu, with a verdict that drops %llu\n",
                static_cast<unsigned long long>(found.successes),
                static_cast<unsigned long long>(found.verdicts));
    if (found.violation.empty()) return 0;
    std::printf("VIOLATION: %s\n", found.violation.c_str());
    for (const std::string& step : found.trace) std::printf("  %s\n", step.c_str());
    return 1;
}
