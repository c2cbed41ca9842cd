#include "repo/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace perdure {
namespace {

TEST(BirthPackHash, PacksThatDifferInTheirSessionOnlyAreSpread) {
    std::set<std::size_t> places;
    for (std::uint32_t i = 0; i < 4096; ++i)
        places.insert(BirthPackHash()({{WriterNumber{1 + i % 2}, SessionNumber{1 + i / 2}}, {}}) %
                      4096);
    // Thrown at random, 4096 fall into about 2589 of as many places.
    EXPECT_GT(places.size(), 2400U);
}

}  // namespace
}  // namespace perdure
