#include "net/aws_profile.h"

#include "net/http_message.h"

namespace perdure {

namespace {

/// The profile that "[…]" begins; nothing if the section is none.
std::optional<std::string> profile_of(std::string_view section, bool is_config) {
    section = trimmed(section);
    if (!is_config || section == "default") return std::string(section);
    constexpr std::string_view kProfile = "profile";
    if (!section.starts_with(kProfile)) return std::nullopt;
    const std::string_view rest = section.substr(kProfile.size());
    if (rest.empty() || (rest.front() != ' ' && rest.front() != '\t')) return std::nullopt;
    std::string_view name = trimmed(rest);
    if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
        name.back() == name.front())
        name = name.substr(1, name.size() - 2);
    return std::string(name);
}

/// Behind a blank a '#' or ';' begins a comment.
std::string_view without_comment(std::string_view value) {
    for (std::size_t at = 1; at < value.size(); ++at)
        if ((value[at] == '#' || value[at] == ';') &&
            (value[at - 1] == ' ' || value[at - 1] == '\t'))
            return value.substr(0, at);
    return value;
}

}  // namespace

void add_profiles(std::string_view text, bool is_config, AwsProfiles& profiles) {
    AwsProfile* current = nullptr;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text = end == std::string_view::npos ? "" : text.substr(end + 1);
        const std::string_view content = trimmed(line);
        if (content.empty() || content.front() == '#' || content.front() == ';') continue;
        if (line.front() == '[') {
            const auto close = content.find(']');
            const auto name = close == std::string_view::npos
                                  ? std::nullopt
                                  : profile_of(content.substr(1, close - 1), is_config);
            current = name ? &profiles[*name] : nullptr;
            continue;
        }
        const bool nested = line.front() == ' ' || line.front() == '\t';
        const auto equals = content.find('=');
        if (current == nullptr || nested || equals == std::string_view::npos) continue;
        current->set(std::string(trimmed(content.substr(0, equals))),
                     std::string(trimmed(without_comment(content.substr(equals + 1)))));
    }
}

}  // namespace perdure
