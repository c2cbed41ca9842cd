// How a run ended, and its exit code. Never confused with each other (DESIGN: words, outcome).
#pragma once

#include <string_view>

namespace perdure {

enum class Outcome { Success, Partial, Failed, Unknown };

constexpr int kExitSuccess = 0;
constexpr int kExitFailed = 1;
constexpr int kExitPartial = 3;
constexpr int kExitUnknown = 4;
constexpr int kExitNoRepository = 10;
constexpr int kExitWrongKey = 12;
constexpr int kExitInterrupted = 130;

constexpr std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::Success: return "success";
        case Outcome::Partial: return "partial";
        case Outcome::Failed: return "failed";
        case Outcome::Unknown: return "unknown";
    }
    return "unknown";
}

constexpr int exit_code(Outcome outcome) {
    switch (outcome) {
        case Outcome::Success: return kExitSuccess;
        case Outcome::Partial: return kExitPartial;
        case Outcome::Failed: return kExitFailed;
        case Outcome::Unknown: return kExitUnknown;
    }
    return kExitFailed;
}

}  // namespace perdure
