// Progress of a run: one live line on a terminal, a line a minute elsewhere, and one whenever
// SIGUSR1 asks.
#pragma once

#include <thread>

#include "cli/command.h"
#include "engine/reporter.h"

namespace perdure {

class ProgressReporter final : public Reporter {
public:
    ProgressReporter(const Context&, const char* verb);
    ~ProgressReporter() override;

    void issue(std::string_view root, const Issue&) override;
    void note(std::string_view) override;
    /// Ends the live line. Called before the summary is printed.
    void finish();

private:
    void run(std::stop_token stop);
    void print(bool live);

    const Context& context_;
    const char* verb_;
    const bool terminal_;
    bool line_open_ = false;
    std::uint64_t begun_;
    std::jthread thread_;
};

}  // namespace perdure
