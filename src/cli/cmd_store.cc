// perdure store: what a repository's store does, and what it costs.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/open_store.h"
#include "app/prices.h"
#include "app/probe_store.h"
#include "app/store_record.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/traffic.h"

namespace perdure {

namespace {

/// For later summaries, if a repository lies there and not in a directory.
void keep_probe(Context& context, const std::string& location, const StoreCapabilities& found) {
    if (!local_directory(location).empty()) return;
    const auto store = open_store(location, context.options.store);
    if (!store) return;
    const auto config = Repository::read_config(**store, context.stop());
    if (!config) return;
    const auto kept = save_store_record(config->config.repository, {found, system_clock().now()});
    if (!kept) print_note(context, kept.error().describe());
}

Result<void> run_probe(Context& context, const std::string& url) {
    const std::string location = url.empty() ? context.options.repository : url;
    const StoreCapabilities found =
        PERDURE_TRY(probe_store(location, context.options.store, context.stop()));
    keep_probe(context, location, found);
    if (context.options.json) {
        nlohmann::json fields = to_json(found);
        fields["location"] = location;
        print_json("probe", std::move(fields));
        return {};
    }
    fmt::print("{}\n", location);
    print_capabilities(found);
    return {};
}

}  // namespace

void add_store_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("store", "look at the store under a repository");
    command->require_subcommand(1);
    auto* probe = command->add_subcommand("probe", "find out what the store does, by trying");
    auto url = std::make_shared<std::string>();
    probe->add_option("url", *url, "the location (default: the repository)");
    probe->footer(
        "Creates, overwrites and deletes an object of its own below probe/, with the credential "
        "that backups use. The answers are advice.");
    run_command(*probe, context, [&context, url] { return run_probe(context, *url); });
    auto* prices =
        command->add_subcommand("prices", "print the table of prices that estimates use");
    run_command(*prices, context, []() -> Result<void> {
        fmt::print("{}", built_in_prices());
        return {};
    });
}

}  // namespace perdure
