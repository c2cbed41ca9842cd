// What `perdure help` tells beside the commands themselves.
#pragma once

#include <span>
#include <string_view>

namespace perdure {

struct HelpTopic {
    std::string_view name;
    std::string_view title;
    std::string_view text;  // ready for a terminal of 80 columns
};

std::span<const HelpTopic> help_topics();

}  // namespace perdure
