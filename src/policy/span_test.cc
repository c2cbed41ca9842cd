#include "policy/span.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

TEST(Span, EveryUnitIsRead) {
    const auto span = parse_span("2y5m7d3h");
    ASSERT_TRUE(span);
    EXPECT_EQ(*span, (CalendarSpan{2, 5, 7, 3}));
    EXPECT_EQ(*parse_span("3h2y"), (CalendarSpan{2, 0, 0, 3}));
    EXPECT_EQ(*parse_span("0y14d"), (CalendarSpan{0, 0, 14, 0}));
}

TEST(Span, WhatIsNoSpanIsRefusedWithTheWayToWriteIt) {
    for (const char* text : {"",      "d",        "7",   "7w",   "1w",      "7d7",
                             "d7",    "-7d",      "+7d", "7 d",  " 7d",     "7d ",
                             "7D",    "1d1d",     "0d",  "0y0m", "100000d", "99999999999999999999d",
                             "7d,1h", "unlimited"}) {
        const auto span = parse_span(text);
        ASSERT_FALSE(span) << text;
        EXPECT_EQ(span.error().kind(), ErrorKind::InvalidInput);
        EXPECT_NE(span.error().hint().find("30d"), std::string::npos);
    }
}

TEST(Span, ItsTextIsReadAsTheSameSpan) {
    for (const char* text : {"1y", "2y5m7d3h", "36h", "99999d", "1y1h"}) {
        const auto span = parse_span(text);
        ASSERT_TRUE(span);
        EXPECT_EQ(to_text(*span), text);
    }
}

}  // namespace
}  // namespace perdure
