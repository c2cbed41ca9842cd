#include "target/file_target.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

TEST(Overwrite, WordsAndValuesAreEachOthersInverse) {
    for (const auto overwrite : {Overwrite::Always, Overwrite::IfChanged, Overwrite::Never})
        EXPECT_EQ(parse_overwrite(to_string(overwrite)), overwrite);
    EXPECT_EQ(parse_overwrite("Always"), std::nullopt);
    EXPECT_EQ(parse_overwrite(""), std::nullopt);
}

}  // namespace
}  // namespace perdure
