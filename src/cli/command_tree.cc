#include "cli/command_tree.h"

#include <CLI/CLI.hpp>

namespace perdure {

namespace {

OptionInfo describe(const CLI::Option& option) {
    OptionInfo info;
    for (const std::string& name : option.get_lnames()) info.names.push_back("--" + name);
    for (const std::string& name : option.get_snames()) info.names.push_back("-" + name);
    info.positional = info.names.empty();
    if (info.positional) info.names.push_back(option.get_name(true));
    info.description = option.get_description();
    info.takes_value = option.get_items_expected_max() > 0;
    info.required = option.get_required();
    return info;
}

void describe(const CLI::App& app, const std::string& name, std::vector<CommandInfo>& all) {
    CommandInfo info;
    info.name = name;
    info.description = app.get_description();
    info.aliases = app.get_aliases();
    for (const CLI::Option* option : app.get_options()) info.options.push_back(describe(*option));
    const auto below = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* command : below) info.subcommands.push_back(command->get_name());
    all.push_back(std::move(info));
    for (const CLI::App* command : below)
        describe(*command, name.empty() ? command->get_name() : name + " " + command->get_name(),
                 all);
}

}  // namespace

std::vector<CommandInfo> describe_commands(const CLI::App& app) {
    std::vector<CommandInfo> all;
    describe(app, "", all);
    return all;
}

}  // namespace perdure
