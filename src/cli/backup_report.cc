#include "cli/backup_report.h"

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/text.h"

namespace perdure {

namespace {

void print_summary(Context& context, const BackupResult& result, bool dry_run) {
    const Statistics& s = result.statistics;
    const std::string id = result.point ? short_text(result.point->session()) : "";
    if (context.options.json) {
        nlohmann::json fields = to_json(s);
        fields.update({{"point", id.empty() ? nlohmann::json() : nlohmann::json(id)},
                       {"outcome", to_string(result.outcome)},
                       {"dry_run", dry_run},
                       {"issues", result.issues.size()},
                       {"statistics", to_json(s)},
                       {"read", s.bytes_read},
                       {"new", s.bytes_new},
                       {"stored", s.bytes_stored},
                       {"seconds", result.seconds}});
        print_json("summary", std::move(fields));
        return;
    }
    if (context.options.quiet) return;
    fmt::print("entries: {} captured, {} unchanged, {} excluded, {} failed\n", s.captured,
               s.unchanged, s.excluded, s.failed);
    if (dry_run) {
        fmt::print("bytes:   {} in all, {} would be read\n", human_bytes(s.bytes),
                   human_bytes(s.bytes_read));
        return;
    }
    fmt::print("bytes:   {} in all, {} read, {} new, {} stored\n", human_bytes(s.bytes),
               human_bytes(s.bytes_read), human_bytes(s.bytes_new), human_bytes(s.bytes_stored));
    if (!id.empty())
        fmt::print("point {}: {}{} in {}\n", id, to_string(result.outcome),
                   result.issues.empty()
                       ? ""
                       : fmt::format(" ({})", counted(result.issues.size(), "issue")),
                   human_duration(result.seconds));
}

}  // namespace

void report_backup(Context& context, const BackupResult& result, bool dry_run) {
    print_summary(context, result, dry_run);
    context.exit_code = exit_code(result.outcome);
    if (!result.interrupted) return;
    print_note(context, "interrupted; what was stored is kept, and the next run goes on from it");
    context.exit_code = kExitInterrupted;
}

}  // namespace perdure
