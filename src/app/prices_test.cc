#include "app/prices.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

TEST(Prices, OfARegionElseTheDefault) {
    const auto known = parse_prices(built_in_prices(), "eu-central-1", "x");
    ASSERT_TRUE(known) << known.error().describe();
    EXPECT_DOUBLE_EQ(known->write_1000, 0.0054);
    EXPECT_EQ(known->currency, "USD");
    EXPECT_DOUBLE_EQ(parse_prices(built_in_prices(), "mars-1", "x")->stored_gib_month, 0.023);
}

TEST(Prices, OfATableThatIsNoneNameTheFile) {
    for (const char* text : {"", "[]", "{}", R"({"regions":{}})", R"({"regions":{"default":{}}})",
                             R"({"regions":{"default":{"write_1000":-1}}})"}) {
        const auto prices = parse_prices(text, "", "/etc/prices.json");
        ASSERT_FALSE(prices) << text;
        EXPECT_NE(prices.error().describe().find("/etc/prices.json"), std::string::npos);
    }
}

TEST(Prices, AddUpByThousandsAndGibibytes) {
    const Prices prices{"USD", 0.005, 0.0004, 0.023};
    const StoreTraffic traffic{2000, 10'000, 5, 0, 1, 1};
    EXPECT_DOUBLE_EQ(cost_of(traffic, prices), 0.014);
    EXPECT_DOUBLE_EQ(monthly_cost_of(10ULL << 30, prices), 0.23);
    EXPECT_EQ(estimate_backup(0, 64U << 20).writes + 2,
              estimate_backup((64U << 20) + 1, 64U << 20).writes);
}

}  // namespace
}  // namespace perdure
