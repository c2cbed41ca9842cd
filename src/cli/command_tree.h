// What the command line takes, read off the parser itself: for completion and for help as JSON.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace perdure {

struct OptionInfo {
    std::vector<std::string> names;  // "--tag", "-t"; a single bare word for a positional argument
    std::string description;
    bool takes_value = false;
    bool positional = false;
    bool required = false;
};

struct CommandInfo {
    std::string name;  // "key writer add"; "" for the program itself
    std::string description;
    std::vector<std::string> aliases;
    std::vector<OptionInfo> options;
    std::vector<std::string> subcommands;  // names of the next level
};

/// The program itself first, then every command in the order of declaration, each before its own
/// subcommands.
std::vector<CommandInfo> describe_commands(const CLI::App& app);

}  // namespace perdure
