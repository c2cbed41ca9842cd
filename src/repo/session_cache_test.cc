#include "repo/session_cache.h"

#include <gtest/gtest.h>

namespace perdure {
namespace {

TEST(LogPosition, OfAnotherWriterOrDamagedIsNothing) {
    const Digest previous = digest_of(as_bytes("entry 6"));
    const Buffer bytes = encode_log_position(WriterNumber{3}, {7, previous, 2});
    const auto back = decode_log_position(WriterNumber{3}, bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->next, 7U);
    EXPECT_EQ(back->previous, previous);
    EXPECT_EQ(back->obeys, 2U);
    EXPECT_FALSE(decode_log_position(WriterNumber{4}, bytes));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode_log_position(WriterNumber{3}, ByteView(bytes).first(length))) << length;
    }
}

TEST(LogPosition, HasADigestUnlessNothingWasRead) {
    EXPECT_TRUE(decode_log_position(WriterNumber{3}, encode_log_position(WriterNumber{3}, {})));
    EXPECT_FALSE(decode_log_position(WriterNumber{3},
                                     encode_log_position(WriterNumber{3}, {2, std::nullopt, 0})));
}

TEST(CachedLeaves, RoundTripAndAreNothingWhenCutShort) {
    CachedLeaves leaves;
    leaves.below = SessionNumber{9};
    leaves.parts.push_back({SessionNumber{4}, to_buffer(as_bytes("index")), {}});
    leaves.parts.push_back({SessionNumber{9}, {}, to_buffer(as_bytes("hints"))});
    const Buffer bytes = encode_cached_leaves(leaves);
    const auto back = decode_cached_leaves(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_cached_leaves(*back), bytes);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode_cached_leaves(ByteView(bytes).first(length))) << length;
    }
}

}  // namespace
}  // namespace perdure
