// Bugs to plant: each is what one mistake in the engine, in a store or in a step of the protocol
// would do, put between one kind of run and its stores; the product's code stays as it is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim_world.h"

namespace perdure::sim {

struct PlantedBug {
    std::string name;  // one word, for the test
    /// What stands between such a run and its store; null: this run is as it should be.
    std::function<std::unique_ptr<Store>(Store& inner, World&, Place, RunKind)> plant = {};
    // Mistakes that no store can make:
    bool expires_another = false;  // forget takes the newest point instead of the one it was told
    bool skips_a_file = false;     // a backup leaves a file out and says nothing
    bool retries_for_ever = false;
};

/// All of them.
const std::vector<PlantedBug>& planted_bugs();

}  // namespace perdure::sim
