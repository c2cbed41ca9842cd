// What a command asked of a store over a network, and what that costs, for summaries.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "app/prices.h"
#include "app/store_record.h"
#include "cli/command.h"

namespace perdure {

/// The prices for the store's requests; nothing for a store without a network. InvalidInput for a
/// table that is wrong: found before the work, not after it.
Result<std::optional<Prices>> prices_of(const Context&, const Store&);

/// Of what was asked so far; null without a network.
nlohmann::json traffic_json(const Store&, const std::optional<Prices>&);
/// A line; nothing without a network.
void print_traffic(const Store&, const std::optional<Prices>&);

/// What the probe saw, with null for what it could not tell.
nlohmann::json to_json(const StoreCapabilities&);
/// A few lines, indented.
void print_capabilities(const StoreCapabilities&);
/// What would delete backups some day, as it was when somebody looked; and lines of it.
std::vector<std::string> known_dangers(const Repository&);
void print_dangers(const std::vector<std::string>&);
/// Looks now, and keeps what is seen for later summaries.
std::vector<std::string> look_for_dangers(const Context&, const Repository&);
/// Whether this machine's credential can destroy what is stored; nothing if nobody has probed.
std::optional<bool> is_destroyable(const Repository&);
inline constexpr const char* kDestroyable =
    "whoever has this machine's credential can overwrite or delete all backups: keep versions, use "
    "Object Lock, or a policy of `perdure iam policy`";

}  // namespace perdure
