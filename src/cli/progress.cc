#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/say.h"
#include "cli/text.h"

namespace perdure {

namespace {
constexpr auto kTick = std::chrono::milliseconds(250);
constexpr int kTicksBetweenLines = 240;  // a minute
}  // namespace

ProgressReporter::ProgressReporter(const Context& context, const char* verb)
    : context_(context),
      verb_(verb),
      terminal_(isatty(STDERR_FILENO) != 0 && !context.options.json),
      begun_(system_clock().monotonic_nanoseconds()),
      thread_([this](std::stop_token stop) { run(stop); }) {}

ProgressReporter::~ProgressReporter() { finish(); }

void ProgressReporter::finish() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    if (line_open_) say("\r\033[K");
    line_open_ = false;
}

void ProgressReporter::issue(std::string_view root, const Issue& issue) {
    const std::string path = issue_path(root, issue.path);
    if (context_.options.json) {
        nlohmann::json fields{{"kind", to_string(issue.kind)}, {"text", issue.text}};
        put_bytes(fields, "path", path);
        print_json("issue", std::move(fields));
        return;
    }
    constexpr std::uint64_t kMostPrinted = 50;
    if (progress.issues > kMostPrinted && context_.options.verbose == 0) {
        if (progress.issues == kMostPrinted + 1)
            say("perdure: more issues; all are listed by `perdure show`\n");
        return;
    }
    say("{}perdure: {}: {}\n", line_open_ ? "\r\033[K" : "", printable(path), issue.text);
}

void ProgressReporter::note(std::string_view text) { print_note(context_, text); }

void ProgressReporter::print(bool live) {
    const double seconds =
        static_cast<double>(system_clock().monotonic_nanoseconds() - begun_) / 1e9;
    const auto bytes = progress.bytes.load();
    const auto rate =
        static_cast<std::uint64_t>(static_cast<double>(bytes) / std::max(seconds, 0.001));
    const auto total = progress.total_bytes.load();
    std::string eta;
    if (total > bytes && rate > 0)
        eta = fmt::format(
            ", {:.0f} %, {} left", 100.0 * static_cast<double>(bytes) / static_cast<double>(total),
            human_duration(static_cast<double>(total - bytes) / static_cast<double>(rate)));
    const std::string line =
        fmt::format("{} {}: {} files, {}, {}/s{}{}", verb_, human_duration(seconds),
                    progress.files.load(), human_bytes(bytes), human_bytes(rate), eta,
                    progress.issues > 0 ? ", " + counted(progress.issues.load(), "issue") : "");
    if (live)
        say("\r\033[K{}", line);
    else
        say("{}{}\n", line_open_ ? "\r\033[K" : "", line);
    line_open_ = live;
}

void ProgressReporter::run(std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    for (int tick = 1;; ++tick) {
        std::unique_lock lock(mutex);
        wake.wait_for(lock, stop, kTick, [] { return false; });
        if (stop.stop_requested()) return;
        const bool silent = context_.options.quiet || context_.options.json;
        const bool is_time = terminal_ || tick % kTicksBetweenLines == 0;
        if (progress_was_asked_for())
            print(false);
        else if (!silent && is_time)
            print(terminal_);
    }
}

}  // namespace perdure
