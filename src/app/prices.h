// What a store in a cloud charges, for estimates: a table that users can edit.
//
// Prices are of the class that objects have at first. What is not in the table (transfer to other
// regions or out of the cloud, retrieval from colder classes) is in no estimate.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace perdure {

struct Prices {
    std::string currency;
    double write_1000 = 0;  // PUT, COPY, POST, LIST
    double read_1000 = 0;   // GET and the rest
    double stored_gib_month = 0;
};

/// The table that is built in, as JSON.
std::string_view built_in_prices();
/// InvalidInput, naming `from`, for what is no such table. A region that is not in it has the
/// prices of "default".
Result<Prices> parse_prices(std::string_view json, std::string_view region,
                            const std::string& from);
/// From $PERDURE_PRICES, else prices.json where this machine's writer keys lie, else built in.
Result<Prices> load_prices(std::string_view region);

double cost_of(const StoreTraffic& traffic, const Prices& prices);
double monthly_cost_of(std::uint64_t bytes, const Prices& prices);

/// What a backup of `bytes` of new content would ask, with packs of `pack_size`: an upper bound,
/// as nothing is known to be stored already.
StoreTraffic estimate_backup(std::uint64_t bytes, std::uint64_t pack_size);

}  // namespace perdure
