#include "repo/record.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

const RecordPlace kPlace{id_of<RepositoryId>(1), ObjectType::Index,
                         "index/00000001/0000000000000001"};

const RecordPlace kClearPlace{id_of<RepositoryId>(1), ObjectType::Epoch, "epochs/00000002"};

SealWith index_key(std::uint64_t seed = 10) { return {Sealing::IndexKey, key_of(seed), 1, 1}; }

Result<OpenedRecord> open_with(const RecordPlace& place, ByteView object, std::uint64_t seed = 10) {
    return open_record(place, object,
                       [&](const FrameHeader&) -> Result<Key256> { return key_of(seed); });
}

Buffer signed_record(const SigningKey& key) {
    const SignWith sign{{Role::Writer, WriterNumber{3}, EpochNumber{2}}, &key, nullptr};
    return seal_record(kPlace, as_bytes("the body"), sign, index_key());
}

TEST(Record, OpensToWhatWasSealed) {
    const SigningKey key(key_of(1));
    const auto opened = open_with(kPlace, signed_record(key));
    ASSERT_TRUE(opened);
    EXPECT_EQ(as_text(opened->body), "the body");
    EXPECT_EQ(opened->signer, (Signer{Role::Writer, WriterNumber{3}, EpochNumber{2}}));
    EXPECT_TRUE(verify_signature(kPlace, *opened, key.verify_key()));
    EXPECT_FALSE(verify_signature(kPlace, *opened, SigningKey(key_of(2)).verify_key()));
}

TEST(Record, MayBeEmptyInClear) {
    const Buffer object = seal_record(kClearPlace, {}, {}, {});
    EXPECT_EQ(object.size(), kFrameHeaderSize + kFrameTrailerSize);
    const auto opened = open_with(kClearPlace, object);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->body.empty());
}

TEST(Record, EqualInputGivesEqualBytes) {
    const SigningKey key(key_of(1));
    EXPECT_EQ(signed_record(key), signed_record(key));
}

TEST(Record, EveryFlippedByteIsRefused) {
    const SigningKey key(key_of(1));
    const SignWith sign{{Role::Owner, {}, EpochNumber{1}}, &key, nullptr};
    const std::pair<RecordPlace, Buffer> records[] = {
        {kPlace, signed_record(key)},
        {kClearPlace, seal_record(kClearPlace, as_bytes("the body"), sign, {})}};
    for (const auto& [place, good] : records) {
        ASSERT_TRUE(open_with(place, good));
        for (std::size_t i = 0; i < good.size(); ++i) {
            Buffer bad = good;
            bad[i] ^= std::byte{0x40};
            EXPECT_FALSE(open_with(place, bad)) << "byte " << i;
        }
    }
}

TEST(Record, EveryTruncationIsRefused) {
    const Buffer good = signed_record(SigningKey(key_of(1)));
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(open_with(kPlace, ByteView(good).first(length))) << length;
}

TEST(Record, MayNotBeRenamedRetypedOrRehomed) {
    const SigningKey key(key_of(1));
    const Buffer object = signed_record(key);
    RecordPlace other = kPlace;
    other.name = "index/00000001/0000000000000002";
    EXPECT_FALSE(open_with(other, object));
    other = kPlace;
    other.repository = id_of<RepositoryId>(2);
    EXPECT_FALSE(open_with(other, object));
    other = kPlace;
    other.type = ObjectType::Hints;
    EXPECT_FALSE(open_with(other, object));
    EXPECT_FALSE(open_with(kPlace, object, 11));
}

TEST(Record, SignatureOfAClearRecordIsBoundToItsPlace) {
    // Nothing hides a clear record's bytes, so its signature must tell where it belongs.
    const SigningKey key(key_of(1));
    const SignWith sign{{Role::Owner, {}, EpochNumber{2}}, &key, nullptr};
    const Buffer object = seal_record(kClearPlace, as_bytes("the body"), sign, {});
    RecordPlace renamed = kClearPlace;
    renamed.name = "epochs/00000003";
    const auto elsewhere = open_with(renamed, object);
    ASSERT_TRUE(elsewhere);
    EXPECT_FALSE(verify_signature(renamed, *elsewhere, key.verify_key()));
    RecordPlace other = kClearPlace;
    other.repository = id_of<RepositoryId>(2);
    const auto opened = open_with(other, object);
    ASSERT_TRUE(opened);
    EXPECT_FALSE(verify_signature(other, *opened, key.verify_key()));
}

TEST(Record, IsRefusedUnlessSealedAsItsTypeIs) {
    // A record in clear takes no key: were one believed in the place of a sealed one, whoever
    // controls the storage could write manifests.
    for (std::uint8_t type = 1; type <= 21; ++type) {
        const RecordPlace place{kPlace.repository, ObjectType{type}, kPlace.name};
        int opened = 0;
        for (const Sealing sealing : {Sealing::Clear, Sealing::IndexKey, Sealing::Session}) {
            const Buffer object =
                seal_record(place, as_bytes("x"), {}, {sealing, key_of(10), 1, 1});
            opened += open_with(place, object) ? 1 : 0;
        }
        EXPECT_EQ(opened, 1) << "type " << int{type};
    }
}

TEST(Record, UnsignedRecordVerifiesUnderNoKey) {
    const Buffer object = seal_record(kPlace, as_bytes("x"), {}, index_key());
    const auto opened = open_with(kPlace, object);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->signer.role, Role::None);
    EXPECT_FALSE(verify_signature(kPlace, *opened, SigningKey(key_of(1)).verify_key()));
}

TEST(Record, OnlyAPointHasSomethingBehindIt) {
    RecordPlace point = kPlace;
    point.type = ObjectType::Point;
    Buffer object = seal_record(point, as_bytes("header"), {}, index_key());
    const std::size_t framed = object.size();
    append(object, as_bytes("a body behind it"));
    const auto opened = open_with(point, object);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->framed_size, framed);
    Buffer other = signed_record(SigningKey(key_of(1)));
    other.push_back(std::byte{0});
    EXPECT_FALSE(open_with(kPlace, other));
}

TEST(Record, PreviousOwnerSignsToo) {
    const SigningKey now(key_of(1)), before(key_of(2));
    const SignWith sign{{Role::Owner, WriterNumber{0}, EpochNumber{2}}, &now, &before};
    const Buffer object = seal_record(kClearPlace, as_bytes("x"), sign, {});
    const auto opened = open_with(kClearPlace, object);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(verify_previous_owner_signature(kClearPlace, *opened, before.verify_key()));
    EXPECT_FALSE(verify_previous_owner_signature(kClearPlace, *opened, now.verify_key()));
}

TEST(Record, ImpossibleLengthIsRefusedBeforeAnyAllocation) {
    Buffer object = signed_record(SigningKey(key_of(1)));
    store_le<std::uint64_t>(object.data() + 16, ~std::uint64_t{0} - 8);
    const auto opened = open_with(kPlace, object);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), ErrorKind::Corrupt);
}

TEST(Record, NewerFormatVersionIsUnsupportedNotCorrupt) {
    Buffer object = signed_record(SigningKey(key_of(1)));
    object[4] = std::byte{2};
    const auto opened = open_with(kPlace, object);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind(), ErrorKind::Unsupported);
}

TEST(Record, TranscriptIsInjective) {
    EXPECT_FALSE(equal(Transcript("a").add("bc").view(), Transcript("ab").add("c").view()));
    EXPECT_FALSE(equal(Transcript("a").add("").add("b").view(), Transcript("a").add("b").view()));
}

}  // namespace
}  // namespace perdure
