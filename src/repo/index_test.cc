#include "repo/index.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

Index some_index() {
    Index index;
    index.session = session_name(1, 1);
    index.sealed_secret = to_buffer(as_bytes("box"));
    index.packs.push_back(build_pack(pack_context(), {"a", "bb"}, id_of<PackId>(1)).table);
    index.packs.push_back(
        build_pack(pack_context(), {"ccc"}, id_of<PackId>(2), PackKind::Metadata).table);
    LivenessSummary summary;
    summary.packs.push_back({index.packs[0].pack, {3}});
    summary.packs.push_back({{session_name(2, 5), id_of<PackId>(9)}, {0, 1ULL << 63}});
    index.liveness = summary;
    return index;
}

TEST(Index, RoundTrips) {
    const Index index = some_index();
    const auto back = decode_index(encode_index(index));
    ASSERT_TRUE(back) << back.error().describe();
    EXPECT_EQ(back->session, index.session);
    ASSERT_EQ(back->packs.size(), 2U);
    EXPECT_EQ(back->packs[1].kind, PackKind::Metadata);
    EXPECT_EQ(back->packs[0].name(), index.packs[0].name());
    EXPECT_EQ(back->packs[0].manifest_digest, index.packs[0].manifest_digest);
    EXPECT_EQ(back->packs[0].slots.size(), 2U);
    ASSERT_TRUE(back->liveness);
    EXPECT_EQ(back->liveness->packs[1].blocks, (std::vector<std::uint64_t>{0, 1ULL << 63}));
    EXPECT_EQ(encode_index(*back), encode_index(index));
}

TEST(Index, DeltaNamesItsBase) {
    Index index = some_index();
    index.liveness->base = {session_name(1, 4), id_of<Digest>(3)};
    index.liveness->depth = 2;
    const auto back = decode_index(encode_index(index));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->liveness->base, index.liveness->base);
    EXPECT_EQ(back->liveness->depth, 2U);
}

TEST(Index, ImpossibleDepthIsRefused) {
    Index index = some_index();
    index.liveness->depth = 1;
    EXPECT_FALSE(decode_index(encode_index(index))) << "a delta without a base";
    index.liveness->base = {session_name(1, 4), id_of<Digest>(3)};
    index.liveness->depth = kMaxLivenessDepth + 1;
    EXPECT_FALSE(decode_index(encode_index(index)));
    index.liveness->depth = 0;
    EXPECT_FALSE(decode_index(encode_index(index))) << "a complete one with a base";
}

TEST(Index, APackIsAlwaysOfItsOwnSession) {
    // A table names no session: whose packs they are follows from whose index it is.
    Index index = some_index();
    index.session = session_name(2, 7);
    const auto back = decode_index(encode_index(index));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->packs[0].pack.session, index.session);
}

TEST(Index, RetentionClassMayNotLeadElsewhere) {
    for (const char* bad : {"", "..", "a/b", "A", "x\n"}) {
        Index index = some_index();
        index.packs[0].retention_class = bad;
        EXPECT_FALSE(decode_index(encode_index(index))) << bad;
    }
}

TEST(Index, ImpossibleLengthIsRefusedBeforeAnyAllocation) {
    Buffer body = encode_index(some_index());
    store_le<std::uint64_t>(body.data() + 1, std::uint64_t{1} << 62);
    EXPECT_FALSE(decode_index(body));
    EXPECT_FALSE(decode_index({}));
}

TEST(Index, HostileBytesNeverCrash) {
    SeededRandom random(4);
    const Buffer packed = encode_index(some_index());
    Index raw_index = some_index();
    raw_index.packs.clear();
    raw_index.liveness.reset();
    const Buffer raw = encode_index(raw_index);
    for (int i = 0; i < 10'000; ++i) {
        Buffer bad = i % 2 == 0 ? packed : raw;
        for (int k = 0; k < 3; ++k)
            bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        static_cast<void>(decode_index(bad).has_value());
        static_cast<void>(decode_hints(bad).has_value());
    }
}

TEST(Hints, RoundTrip) {
    std::vector<PackHints> hints{{id_of<PackId>(1), {1, 2, ~std::uint64_t{0}}},
                                 {id_of<PackId>(2), {}}};
    const auto back = decode_hints(encode_hints(hints));
    ASSERT_TRUE(back);
    ASSERT_EQ(back->size(), 2U);
    EXPECT_EQ((*back)[0].fingerprints, hints[0].fingerprints);
}

TEST(Liveness, SummaryHoldsWhatWasMarked) {
    PackRegistry registry;
    LivenessMarks marks;
    const BirthPack a{session_name(1, 1), id_of<PackId>(1)};
    const BirthPack b{session_name(1, 1), id_of<PackId>(2)};
    const PackNumber first = registry.number_of(a);
    registry.number_of(b);
    marks.mark(first, 0);
    marks.mark(first, 64);
    EXPECT_TRUE(marks.contains(first, 64));
    EXPECT_FALSE(marks.contains(first, 63));
    const LivenessSummary summary = summarize(marks, registry);
    ASSERT_EQ(summary.packs.size(), 1U) << "a pack that nothing needs is left out";
    EXPECT_EQ(summary.packs[0].pack, a);
    EXPECT_EQ(summary.packs[0].blocks, (std::vector<std::uint64_t>{1, 1}));
}

TEST(Recipe, RunsThatTouchAreJoined) {
    Recipe recipe;
    append_run(recipe, {PackNumber{1}, 2, 0, 10});
    append_run(recipe, {PackNumber{1}, 2, 10, 5});
    append_run(recipe, {PackNumber{1}, 2, 16, 5});
    append_run(recipe, Run::hole(7));
    append_run(recipe, Run::hole(8));
    append_run(recipe, {PackNumber{1}, 3, 0, 0});
    EXPECT_EQ(recipe,
              (Recipe{{PackNumber{1}, 2, 0, 15}, {PackNumber{1}, 2, 16, 5}, Run::hole(15)}));
    EXPECT_EQ(length_of(recipe), 35U);
}

}  // namespace
}  // namespace perdure
