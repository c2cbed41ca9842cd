// Options that several commands share.
#pragma once

#include "cli/selector.h"

namespace CLI {
class App;
}

namespace perdure {

/// --host, --tag, --path, --before.
void add_filter_options(CLI::App&, PointFilter&);

}  // namespace perdure
