#include "cli/filter_options.h"

#include <CLI/CLI.hpp>

namespace perdure {

void add_filter_options(CLI::App& command, PointFilter& filter) {
    command.add_option("--host,-H", filter.hosts, "only points of this host (repeatable)")
        ->allow_extra_args(false);
    command
        .add_option("--tag", filter.tags,
                    "only points with this tag; a,b means both; repeat for either")
        ->allow_extra_args(false);
    command.add_option("--path", filter.paths, "only points that hold this root (repeatable)")
        ->allow_extra_args(false);
    command.add_option("--before", filter.before, "only points finished before this time (UTC)");
}

}  // namespace perdure
