#include "repo/names.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

const SessionName kSession = session_name(0x2a, 0x123456789abc);

TEST(Names, AreWhatFormatSays) {
    EXPECT_EQ(names::config().text(), "perdure");
    EXPECT_EQ(names::epoch(EpochNumber{18}).text(), "epochs/00000012");
    EXPECT_EQ(names::enrolment(WriterNumber{18}).text(), "writers/00000012");
    EXPECT_EQ(names::log_entry(kSession).text(), "log/0000002a/0000123456789abc");
    EXPECT_EQ(names::point(kSession).text(), "points/0000002a/0000123456789abc");
    EXPECT_EQ(names::index(kSession).text(), "index/0000002a/0000123456789abc");
    EXPECT_EQ(names::hints(kSession).text(), "hints/0000002a/0000123456789abc");
    EXPECT_EQ(names::fate(kSession, 3).text(), "fate/0000002a/0000123456789abc/00000003");
    EXPECT_EQ(names::condemned_list(5).text(), "gc/0000000000000005");
    EXPECT_EQ(names::verdict(5).text(), "gc/0000000000000005.verdict");
    const PackId id = *PackId::from_hex("00112233445566778899aabbccddeeff");
    EXPECT_EQ(names::pack("std", PackKind::Data, kSession, id).text(),
              "packs/std/d/00/0000002a-0000123456789abc-00112233445566778899aabbccddeeff");
}

TEST(Names, ParseBack) {
    EXPECT_EQ(names::parse_epoch(names::epoch(EpochNumber{7}).text()), EpochNumber{7});
    EXPECT_EQ(names::parse_enrolment(names::enrolment(WriterNumber{7}).text()), WriterNumber{7});
    EXPECT_EQ(names::parse_log_entry(names::log_entry(kSession).text()), kSession);
    EXPECT_EQ(names::parse_point(names::point(kSession).text()), kSession);
    EXPECT_EQ(names::parse_index(names::index(kSession).text()), kSession);
    EXPECT_EQ(names::parse_hints(names::hints(kSession).text()), kSession);
    const auto fate = names::parse_fate(names::fate(kSession, 9).text());
    ASSERT_TRUE(fate);
    EXPECT_EQ(fate->point, kSession);
    EXPECT_EQ(fate->number, 9U);
    const SlotId slot = id_of<SlotId>(1);
    EXPECT_EQ(names::parse_key_slot(names::key_slot(slot).text()), slot);
    for (const PackKind kind : {PackKind::Data, PackKind::Metadata}) {
        const PackId id = id_of<PackId>(4);
        const auto pack = names::parse_pack(names::pack("cold", kind, kSession, id).text());
        ASSERT_TRUE(pack);
        EXPECT_EQ(pack->retention_class, "cold");
        EXPECT_EQ(pack->kind, kind);
        EXPECT_EQ(pack->pack, (BirthPack{kSession, id}));
    }
}

TEST(Names, OneFormOnly) {
    for (const char* bad :
         {"points/2a/0000123456789abc", "points/0000002A/0000123456789abc",
          "points/0000002a/0000123456789abc/", "points/0000002a/0000123456789abc.tmp",
          "points/0000002a-0000123456789abc", "points/0000002a/0000123456789ab", "points/",
          "points", "point/0000002a/0000123456789abc", ""})
        EXPECT_FALSE(names::parse_point(bad)) << bad;
    const PackId id = *PackId::from_hex("00112233445566778899aabbccddeeff");
    const std::string good = names::pack("std", PackKind::Data, kSession, id).text();
    ASSERT_TRUE(names::parse_pack(good));
    std::string fan_out = good;
    fan_out.replace(fan_out.find("/00/"), 4, "/01/");
    EXPECT_FALSE(names::parse_pack(fan_out)) << "a pack has one place only";
    EXPECT_FALSE(names::parse_pack("packs//d/00/" + good.substr(good.rfind('/') + 1)));
}

TEST(Names, AnotherKindsNameIsNoName) {
    const std::string point = names::point(kSession).text();
    EXPECT_FALSE(names::parse_index(point));
    EXPECT_FALSE(names::parse_log_entry(point));
    EXPECT_FALSE(names::parse_pack(point));
    EXPECT_FALSE(names::parse_epoch(names::enrolment(WriterNumber{1}).text()));
    EXPECT_FALSE(names::parse_fate(point));
}

TEST(Names, SortByNumber) {
    std::string last;
    for (std::uint64_t n = 1; n < 70'000; n += 257) {
        const std::string name = names::point(session_name(1, n)).text();
        EXPECT_LT(last, name);
        last = name;
    }
}

TEST(Names, ShortTextIsHexWithoutZeros) {
    EXPECT_EQ(short_text(session_name(1, 5)), "1-5");
    EXPECT_EQ(short_text(session_name(16, 255)), "10-ff");
}

}  // namespace
}  // namespace perdure
