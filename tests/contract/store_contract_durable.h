// Part of store_contract.h: what a power loss may not take.
#pragma once

#include "contract/store_contract_fixture.h"

namespace perdure {

TEST_P(StoreContractDurable, G3WhatCreateReportedSurvivesAPowerLoss) {
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(create("deep/er/" + std::to_string(i % 2) + "/" + std::to_string(i),
                           noise(1000u * static_cast<unsigned>(i), 1)));
    const auto names = list();
    const auto survivor = under_test().after_power_loss();
    EXPECT_EQ(list_of(*survivor), names);
    for (int i = 0; i < 5; ++i) {
        const auto loaded = survivor->load(
            object("deep/er/" + std::to_string(i % 2) + "/" + std::to_string(i)), {}, {});
        ASSERT_TRUE(loaded);
        EXPECT_TRUE(equal(*loaded, noise(1000u * static_cast<unsigned>(i), 1)));
    }
}

TEST_P(StoreContractDurable, G3ANameThatWasTakenAgainHoldsItsNewBytes) {
    ASSERT_TRUE(create("a/b", "first"));
    ASSERT_TRUE(store().remove(object("a/b"), {}));
    ASSERT_TRUE(create("a/b", "second"));
    const auto survivor = under_test().after_power_loss();
    EXPECT_EQ(as_text(survivor->load(object("a/b"), {}, {}).value()), "second");
}

}  // namespace perdure
