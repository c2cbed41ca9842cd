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

TEST(CachedSessions, RoundTripAndAreNothingWhenCutShortOrNotRising) {
    const CachedSessions cached{SessionNumber{9}, {SessionNumber{4}, SessionNumber{8}}};
    const Buffer bytes = encode_cached_sessions(cached);
    const auto back = decode_cached_sessions(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_cached_sessions(*back), bytes);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode_cached_sessions(ByteView(bytes).first(length))) << length;
    }
    using Sessions = std::vector<SessionNumber>;
    for (const Sessions& wrong :
         {Sessions{SessionNumber{4}, SessionNumber{4}},
          Sessions{SessionNumber{5}, SessionNumber{4}}, Sessions{SessionNumber{9}}})
        EXPECT_FALSE(decode_cached_sessions(encode_cached_sessions({SessionNumber{9}, wrong})));
}

TEST(CachedLeaves, RoundTripAndAreNothingWhenCutShort) {
    const Buffer bytes =
        encode_cached_leaves({to_buffer(as_bytes("index")), to_buffer(as_bytes("hints"))});
    const auto back = decode_cached_leaves(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_cached_leaves(*back), bytes);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(decode_cached_leaves(ByteView(bytes).first(length))) << length;
    }
}

}  // namespace
}  // namespace perdure
