#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command.h"
#include "cli/command_tree.h"
#include "cli/help_topics.h"
#include "cli/json.h"

namespace perdure {

namespace {

void print_overview(const CLI::App& app) {
    fmt::print("{}\nTopics (perdure help TOPIC):\n", app.help());
    for (const HelpTopic& topic : help_topics())
        fmt::print("  {:<26}  {}\n", topic.name, topic.title);
}

nlohmann::json to_json(const OptionInfo& option) {
    return {{"names", option.names},
            {"description", option.description},
            {"takes_value", option.takes_value},
            {"positional", option.positional},
            {"required", option.required}};
}

void print_commands(const CLI::App& app) {
    for (const CommandInfo& command : describe_commands(app)) {
        nlohmann::json options = nlohmann::json::array();
        for (const OptionInfo& option : command.options) options.push_back(to_json(option));
        print_json("command", {{"name", command.name},
                               {"description", command.description},
                               {"aliases", command.aliases},
                               {"options", options}});
    }
    for (const HelpTopic& topic : help_topics())
        print_json("topic", {{"name", topic.name}, {"title", topic.title}, {"text", topic.text}});
}

/// The command that `words` name, or null.
const CLI::App* find_command(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* at = &app;
    for (const std::string& word : words) {
        const CLI::App* next = nullptr;
        for (const CLI::App* below : at->get_subcommands([](const CLI::App*) { return true; }))
            if (below->check_name(word)) next = below;
        if (next == nullptr) return nullptr;
        at = next;
    }
    return at;
}

Result<void> run_help(const CLI::App& app, const Context& context,
                      const std::vector<std::string>& words) {
    if (context.options.json) {
        print_commands(app);
        return {};
    }
    if (words.empty()) {
        print_overview(app);
        return {};
    }
    for (const HelpTopic& topic : help_topics()) {
        if (words.size() != 1 || words[0] != topic.name) continue;
        fmt::print("{}", topic.text);
        return {};
    }
    std::string name = "perdure";
    for (const std::string& word : words) name += " " + word;
    const CLI::App* command = find_command(app, words);
    if (command == nullptr)
        return Error(ErrorKind::InvalidInput,
                     "there is neither a command \"" + name.substr(8) + "\" nor such a topic")
            .with_hint("see `perdure help`");
    fmt::print("{}", command->help(name.substr(0, name.rfind(' '))));
    return {};
}

}  // namespace

void add_help_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("help", "explain a command or a topic");
    auto words = std::make_shared<std::vector<std::string>>();
    command->add_option("topic", *words, "a command, or one of the topics");
    run_command(*command, context,
                [&app, &context, words] { return run_help(app, context, *words); });
}

}  // namespace perdure
