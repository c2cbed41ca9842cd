#include "target/file_target.h"

namespace perdure {

std::string_view to_string(Overwrite overwrite) {
    switch (overwrite) {
        case Overwrite::Always: return "always";
        case Overwrite::IfChanged: return "if-changed";
        case Overwrite::Never: return "never";
    }
    return "unknown";
}

std::optional<Overwrite> parse_overwrite(std::string_view word) {
    for (const auto overwrite : {Overwrite::Always, Overwrite::IfChanged, Overwrite::Never})
        if (word == to_string(overwrite)) return overwrite;
    return std::nullopt;
}

}  // namespace perdure
