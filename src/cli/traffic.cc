#include "cli/traffic.h"

#include <fmt/core.h>

#include <cstdlib>

#include "app/open_s3.h"
#include "app/probe_store.h"
#include "app/store_record.h"
#include "base/try.h"
#include "cli/text.h"

namespace perdure {

namespace {

struct Line {
    const char* name;
    std::optional<bool> StoreCapabilities::*member;
    const char* text;
};
constexpr Line kLines[] = {
    {"conditional_create", &StoreCapabilities::conditional_create,
     "refuses to create an object twice"},
    {"checks_sums", &StoreCapabilities::checks_sums, "checks what it receives by a checksum"},
    {"keeps_versions", &StoreCapabilities::keeps_versions,
     "keeps versions of what is overwritten or deleted"},
    {"object_lock", &StoreCapabilities::object_lock, "has Object Lock"},
    {"overwrites", &StoreCapabilities::overwrites, "lets this credential overwrite"},
    {"deletes", &StoreCapabilities::deletes, "lets this credential delete"},
    {"destroys_versions", &StoreCapabilities::destroys_versions,
     "lets this credential destroy versions"}};

/// What a run costs is mostly next to nothing, and never zero.
std::string cost_text(double cost, const Prices& prices) {
    constexpr double kLeast = 0.0001;
    if (cost < kLeast) return fmt::format("less than {} {}", kLeast, prices.currency);
    return fmt::format("about {:.4f} {}", cost, prices.currency);
}

const char* word_of(const std::optional<bool>& answer) {
    if (!answer) return "unknown";
    return *answer ? "yes" : "no";
}

}  // namespace

Result<std::optional<Prices>> prices_of(const Context& context, const Store& store) {
    if (!store.traffic()) return std::optional<Prices>();
    const std::string region = PERDURE_TRY(configured_region(context.options.store));
    return std::optional(PERDURE_TRY(load_prices(region)));
}

nlohmann::json traffic_json(const Store& store, const std::optional<Prices>& prices) {
    const auto traffic = store.traffic();
    if (!traffic) return nullptr;
    nlohmann::json fields{
        {"requests", traffic->requests()}, {"writes", traffic->writes},
        {"reads", traffic->reads},         {"removals", traffic->removals},
        {"retries", traffic->retries},     {"sent", traffic->sent},
        {"received", traffic->received},   {"clock_ahead_s", traffic->clock_ahead_s}};
    fields["cost"] = prices ? nlohmann::json(cost_of(*traffic, *prices)) : nlohmann::json();
    fields["currency"] = prices ? nlohmann::json(prices->currency) : nlohmann::json();
    return fields;
}

void print_traffic(const Store& store, const std::optional<Prices>& prices) {
    const auto traffic = store.traffic();
    if (!traffic) return;
    fmt::print("store:   {} requests, {} sent, {} received{}{}\n", traffic->requests(),
               human_bytes(traffic->sent), human_bytes(traffic->received),
               traffic->retries > 0 ? fmt::format(", {} retried", traffic->retries) : "",
               prices ? ", " + cost_text(cost_of(*traffic, *prices), *prices) : "");
    if (const std::int64_t ahead = traffic->clock_ahead_s; ahead != 0)
        fmt::print(
            "warning: this machine's clock is {} seconds {} the store's: set it, as points carry "
            "its time\n",
            std::abs(ahead), ahead > 0 ? "behind" : "ahead of");
}

nlohmann::json to_json(const StoreCapabilities& found) {
    nlohmann::json fields;
    for (const Line& line : kLines) {
        const auto& answer = found.*line.member;
        fields[line.name] = answer ? nlohmann::json(*answer) : nlohmann::json();
    }
    fields["destroyable"] = found.destroyable();
    fields["dangers"] = found.dangers;
    return fields;
}

void print_capabilities(const StoreCapabilities& found) {
    for (const Line& line : kLines)
        fmt::print("  {}: {}\n", line.text, word_of(found.*line.member));
    if (found.conditional_create == false)
        fmt::print(
            "  two hosts must not use this store at once: it does not notice when both create the "
            "same name\n");
    print_dangers(found.dangers);
    if (found.destroyable()) fmt::print("  {}\n", kDestroyable);
}

std::vector<std::string> known_dangers(const Repository& repository) {
    const auto record = load_store_record(repository.id());
    return record ? record->found.dangers : std::vector<std::string>();
}

void print_dangers(const std::vector<std::string>& dangers) {
    for (const std::string& danger : dangers) fmt::print("  DANGER: {}\n", printable(danger));
}

std::vector<std::string> look_for_dangers(const Context& context, const Repository& repository) {
    auto seen = look_for_dangers(context.options.repository, context.options.store, context.stop());
    if (!seen) return known_dangers(repository);
    if (auto record = load_store_record(repository.id());
        record && record->found.dangers != *seen) {
        record->found.dangers = *seen;
        if (const auto kept = save_store_record(repository.id(), *record); !kept)
            print_note(context, kept.error().describe());
    }
    return std::move(*seen);
}

std::optional<bool> is_destroyable(const Repository& repository) {
    const auto record = load_store_record(repository.id());
    return record ? std::optional(record->found.destroyable()) : std::nullopt;
}

}  // namespace perdure
