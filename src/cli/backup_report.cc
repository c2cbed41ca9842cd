#include "cli/backup_report.h"

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/text.h"
#include "cli/traffic.h"

namespace perdure {

namespace {

/// What the run would ask of a store in a cloud at most, and cost.
nlohmann::json estimate_json(const Statistics& s, const Store& store, const Prices& prices) {
    const StoreTraffic traffic = estimate_backup(s.bytes_read, store.properties().pack_size);
    return {{"requests", traffic.requests()},
            {"bytes", traffic.sent},
            {"cost", cost_of(traffic, prices)},
            {"month", monthly_cost_of(traffic.sent, prices)},
            {"currency", prices.currency}};
}

void print_estimate(const Statistics& s, const Store& store, const Prices& prices) {
    const StoreTraffic traffic = estimate_backup(s.bytes_read, store.properties().pack_size);
    fmt::print(
        "store:   at most {} requests and {}: {:.4f} {} once, {:.4f} {} a month; what is stored "
        "already costs nothing again\n",
        traffic.requests(), human_bytes(traffic.sent), cost_of(traffic, prices), prices.currency,
        monthly_cost_of(traffic.sent, prices), prices.currency);
}

void print_json_summary(const OpenedRepository& opened, const BackupResult& result,
                        const BackupReport& report) {
    const Statistics& s = result.statistics;
    const Store& store = *opened.store;
    const auto destroyable = is_destroyable(*opened.repository);
    nlohmann::json fields = to_json(s);
    fields.update(
        {{"point",
          result.point ? nlohmann::json(short_text(result.point->session())) : nlohmann::json()},
         {"outcome", to_string(result.outcome)},
         {"dry_run", report.dry_run},
         {"issues", result.issues.size()},
         {"statistics", to_json(s)},
         {"read", s.bytes_read},
         {"new", s.bytes_new},
         {"stored", s.bytes_stored},
         {"traffic", traffic_json(store, report.prices)},
         {"estimate", report.estimate && report.prices ? estimate_json(s, store, *report.prices)
                                                       : nlohmann::json()},
         {"dangers", known_dangers(*opened.repository)},
         {"unread_history", result.unread_history.objects},
         {"destroyable", destroyable ? nlohmann::json(*destroyable) : nlohmann::json()},
         {"seconds", result.seconds}});
    print_json("summary", std::move(fields));
}

bool is_locked(const BackupResult& result) {
    return result.point && result.point->header.locked_until_ns != 0;
}

void print_summary(const OpenedRepository& opened, const BackupResult& result,
                   const BackupReport& report) {
    const Statistics& s = result.statistics;
    fmt::print("entries: {} captured, {} unchanged, {} excluded, {} failed\n", s.captured,
               s.unchanged, s.excluded, s.failed);
    if (report.dry_run) {
        fmt::print("bytes:   {} in all, {} would be read\n", human_bytes(s.bytes),
                   human_bytes(s.bytes_read));
        if (report.estimate && report.prices) print_estimate(s, *opened.store, *report.prices);
        return;
    }
    fmt::print("bytes:   {} in all, {} read, {} new, {} stored\n", human_bytes(s.bytes),
               human_bytes(s.bytes_read), human_bytes(s.bytes_new), human_bytes(s.bytes_stored));
    print_traffic(*opened.store, report.prices);
    print_dangers(known_dangers(*opened.repository));
    if (!is_locked(result) && is_destroyable(*opened.repository).value_or(false))
        fmt::print("warning: {}\n", kDestroyable);
    if (result.unread_history.objects > 0)
        fmt::print(
            "warning: {} of earlier backups could not be read, and what only they knew of was "
            "stored again: {}\n",
            counted(result.unread_history.objects, "object"),
            printable(result.unread_history.first));
    if (result.point)
        fmt::print("point {}: {}{} in {}\n", short_text(result.point->session()),
                   to_string(result.outcome),
                   result.issues.empty()
                       ? ""
                       : fmt::format(" ({})", counted(result.issues.size(), "issue")),
                   human_duration(result.seconds));
    if (is_locked(result))
        fmt::print("locked until {} at the least\n",
                   local_time(static_cast<std::int64_t>(result.point->header.locked_until_ns)));
}

}  // namespace

void report_backup(Context& context, const OpenedRepository& opened, const BackupResult& result,
                   const BackupReport& report) {
    if (context.options.json)
        print_json_summary(opened, result, report);
    else if (!context.options.quiet)
        print_summary(opened, result, report);
    context.exit_code = exit_code(result.outcome);
    if (!result.interrupted) return;
    print_note(context, "interrupted; what was stored is kept, and the next run goes on from it");
    context.exit_code = kExitInterrupted;
}

}  // namespace perdure
