// A table of prices that a user edited.
#include "app/prices.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto prices = parse_prices(as_text(fuzz::view(data, size)), "eu-west-1", "the table");
    if (!prices) {
        fuzz::expect_blames_input(prices.error());
        fuzz::expect(prices.error().describe().find("the table") != std::string::npos,
                     "an error names the table");
        return 0;
    }
    fuzz::expect(monthly_cost_of(1ULL << 40, *prices) >= 0, "nobody pays for what one stores");
    StoreTraffic traffic;
    traffic.writes = traffic.reads = 1'000'000;
    fuzz::expect(cost_of(traffic, *prices) >= 0, "nor for what one asks");
    return 0;
}
