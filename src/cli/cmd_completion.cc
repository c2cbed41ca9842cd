#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "cli/command.h"
#include "cli/command_tree.h"
#include "cli/json.h"

namespace perdure {

namespace {

/// 'text' for any of the three shells: none of them sees anything special between single quotes but
/// the quote.
std::string in_quotes(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string full_name(const CommandInfo& command) {
    return command.name.empty() ? "perdure" : "perdure " + command.name;
}

/// Options that take the word after them, as a pattern of `case`.
std::string value_options(const std::vector<CommandInfo>& commands) {
    std::set<std::string> names;
    for (const CommandInfo& command : commands)
        for (const OptionInfo& option : command.options)
            if (option.takes_value && !option.positional)
                names.insert(option.names.begin(), option.names.end());
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : "|") + name;
    return text;
}

/// The walk over the words before the cursor that bash and zsh share: leaves the command in `at`.
std::string walk_words(const std::vector<CommandInfo>& commands, const std::string& words,
                       const std::string& first, const std::string& current) {
    std::string known;
    for (const CommandInfo& command : commands)
        if (!command.name.empty())
            known += (known.empty() ? "" : "|") + in_quotes(full_name(command));
    return "    local at=perdure skip= word= i\n"
           "    for ((i = " +
           first + "; i < " + current +
           "; ++i)); do\n"
           "        word=" +
           words +
           "\n"
           "        if [ -n \"$skip\" ]; then skip=; continue; fi\n"
           "        case $word in\n"
           "            " +
           value_options(commands) +
           ") skip=1 ;;\n"
           "            -*) ;;\n"
           "            *) case \"$at $word\" in\n"
           "                " +
           known +
           ") at=\"$at $word\" ;;\n"
           "            esac ;;\n"
           "        esac\n"
           "    done\n";
}

std::string bash_script(const std::vector<CommandInfo>& commands) {
    std::string text =
        "# bash completion of perdure; put it into "
        "~/.local/share/bash-completion/completions/perdure\n_perdure() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} choices=\n" +
        walk_words(commands, "${COMP_WORDS[i]}", "1", "COMP_CWORD") +
        "    if [ -n \"$skip\" ]; then COMPREPLY=($(compgen -f -- \"$current\")); return; fi\n    "
        "case $at in\n";
    for (const CommandInfo& command : commands) {
        std::string words;
        for (const std::string& name : command.subcommands)
            words += (words.empty() ? "" : " ") + name;
        for (const OptionInfo& option : command.options)
            for (const std::string& name : option.names)
                if (!option.positional) words += (words.empty() ? "" : " ") + name;
        text +=
            "        " + in_quotes(full_name(command)) + ") choices=" + in_quotes(words) + " ;;\n";
    }
    return text +
           "    esac\n    COMPREPLY=($(compgen -W \"$choices\" -- \"$current\"))\n}\ncomplete -o "
           "default -F _perdure perdure\n";
}

/// "name:description" for _describe, which splits at the first colon that no backslash stands
/// before.
std::string zsh_choice(const std::string& name, const std::string& description) {
    std::string escaped;
    for (const char c : name) escaped += c == ':' ? std::string("\\:") : std::string(1, c);
    return in_quotes(escaped + ":" + description);
}

std::string zsh_script(const std::vector<CommandInfo>& commands) {
    std::string text =
        "#compdef perdure\n# zsh completion of perdure; put it as _perdure into a directory of "
        "$fpath\n_perdure() {\n"
        "    local -a choices\n" +
        walk_words(commands, "${words[i]}", "2", "CURRENT") +
        "    if [ -n \"$skip\" ]; then _files; return; fi\n    case $at in\n";
    for (const CommandInfo& command : commands) {
        text += "        " + in_quotes(full_name(command)) + ") choices=(\n";
        for (const CommandInfo& below : commands)
            for (const std::string& name : command.subcommands)
                if (below.name == (command.name.empty() ? name : command.name + " " + name))
                    text += "            " + zsh_choice(name, below.description) + "\n";
        for (const OptionInfo& option : command.options)
            for (const std::string& name : option.names)
                if (!option.positional)
                    text += "            " + zsh_choice(name, option.description) + "\n";
        text += "        ) ;;\n";
    }
    return text + "    esac\n    _describe perdure choices\n    _files\n}\n_perdure \"$@\"\n";
}

/// When fish offers what belongs to a command: its words were given, and none of its subcommands
/// yet.
std::string fish_condition(const CommandInfo& command) {
    std::string text;
    for (std::size_t at = 0; at < command.name.size();) {
        const std::size_t end = std::min(command.name.find(' ', at), command.name.size());
        text += (text.empty() ? "" : "; and ") +
                ("__fish_seen_subcommand_from " + command.name.substr(at, end - at));
        at = end + 1;
    }
    std::string below;
    for (const std::string& name : command.subcommands) below += " " + name;
    if (!below.empty())
        text += (text.empty() ? "" : "; and ") + ("not __fish_seen_subcommand_from" + below);
    return text;
}

std::string fish_script(const std::vector<CommandInfo>& commands) {
    std::string text =
        "# fish completion of perdure; put it into ~/.config/fish/completions/perdure.fish\n";
    for (const CommandInfo& command : commands) {
        // The options of the program itself are taken everywhere.
        const std::string condition =
            command.name.empty() ? "" : " -n " + in_quotes(fish_condition(command));
        for (const CommandInfo& below : commands)
            for (const std::string& name : command.subcommands)
                if (below.name == (command.name.empty() ? name : command.name + " " + name))
                    text += "complete -c perdure -n " + in_quotes(fish_condition(command)) +
                            " -a " + name + " -d " + in_quotes(below.description) + "\n";
        for (const OptionInfo& option : command.options) {
            if (option.positional) continue;
            std::string line = "complete -c perdure" + condition;
            for (const std::string& name : option.names)
                line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            text += line + (option.takes_value ? " -r" : "") + " -d " +
                    in_quotes(option.description) + "\n";
        }
    }
    return text;
}

}  // namespace

void add_completion_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("completion", "print a completion script for a shell");
    auto shell = std::make_shared<std::string>();
    command->add_option("shell", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    run_command(*command, context, [&app, &context, shell]() -> Result<void> {
        const auto commands = describe_commands(app);
        const std::string script = *shell == "bash"  ? bash_script(commands)
                                   : *shell == "zsh" ? zsh_script(commands)
                                                     : fish_script(commands);
        if (context.options.json)
            print_json("completion", {{"shell", *shell}, {"script", script}});
        else
            fmt::print("{}", script);
        return {};
    });
}

}  // namespace perdure
