#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/json.h"
#include "repo/record.h"

namespace perdure {

void add_version_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("version", "print the version");
    run_command(*command, context, [&context]() -> Result<void> {
        if (context.options.json)
            print_json("version", {{"perdure", PERDURE_VERSION}, {"format", kFormatVersion}});
        else
            fmt::print("perdure {} (repository format {})\n", PERDURE_VERSION, kFormatVersion);
        return {};
    });
}

}  // namespace perdure
