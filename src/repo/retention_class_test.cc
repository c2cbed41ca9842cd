#include "repo/retention_class.h"

#include <gtest/gtest.h>

#include "repo/config.h"
#include "repo/names.h"

namespace perdure {
namespace {

RetentionClass locked(const char* name, const char* text) {
    return parse_retention_class(name, text).value();
}

TEST(RetentionClass, TextSaysModeDaysAndWindow) {
    const RetentionClass plain = locked("std", "governance:30");
    EXPECT_EQ(plain.lock, LockMode::Governance);
    EXPECT_EQ(plain.lock_days, 30U);
    EXPECT_EQ(plain.window_days, 7U) << "a quarter";
    EXPECT_EQ(locked("a", "compliance:365d:14"),
              (RetentionClass{"a", LockMode::Compliance, 365, 14}));
    EXPECT_EQ(locked("a", "governance:1").window_days, 1U);
    EXPECT_EQ(locked("a", "governance:3650").window_days, 30U);
    EXPECT_EQ(locked("a", "none").lock, std::nullopt);
    for (const char* bad :
         {"", "governance", "governance:", "governance:0", "governance:30:0", "none:3", "worm:30",
          "governance:-1", "governance:30:7:1", "compliance:99999999999", "governance:30h"}) {
        const auto parsed = parse_retention_class("a", bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().kind(), ErrorKind::InvalidInput) << bad;
    }
}

TEST(RetentionClass, AbsurdPeriodsAndNamesAreRefused) {
    EXPECT_TRUE(check_retention_class(locked("std", "governance:30:7"), 37));
    EXPECT_FALSE(check_retention_class(locked("std", "governance:30:7"), 36));
    EXPECT_TRUE(check_retention_class(locked("std", "compliance:36000:500"), 0));
    EXPECT_FALSE(check_retention_class(locked("std", "compliance:36000:501"), 0));
    EXPECT_TRUE(check_retention_class(locked("std", "none"), 1));
    for (const char* bad :
         {"", "a/b", "..", "A", "a b", "an-absurdly-long-name-of-forty-characters"})
        EXPECT_FALSE(check_retention_class(locked(bad, "none"), 0)) << bad;
}

TEST(RetentionClass, PacksAreLockedByTheirClassAndTheRestByTheStrongest) {
    const std::vector<RetentionClass> classes = {locked("std", "none"),
                                                 locked("month", "governance:30:10"),
                                                 locked("week", "compliance:7:1")};
    const auto days = [&](std::string_view name) {
        const auto period = lock_period_of(classes, name);
        return period ? period->ns / kDayNs : 0;
    };
    const SessionName session{WriterNumber{1}, SessionNumber{2}};
    const auto pack = [&](const char* of) {
        return names::pack(of, PackKind::Data, session, PackId()).text();
    };
    EXPECT_EQ(days(pack("std")), 0);
    EXPECT_EQ(days(pack("month")), 40);
    EXPECT_EQ(days(pack("week")), 8);
    EXPECT_EQ(days(pack("unknown")), 0);
    EXPECT_EQ(lock_period_of(classes, pack("week"))->mode, LockMode::Compliance);
    for (const std::string& name : {std::string("perdure"), names::epoch(EpochNumber{1}).text(),
                                    names::enrolment(WriterNumber{1}).text(),
                                    names::log_entry(session).text(), names::point(session).text(),
                                    names::index(session).text(), names::condemned_list(1).text(),
                                    names::ledger(1).text(), names::key_slot(SlotId()).text()}) {
        EXPECT_EQ(days(name), 40) << name;
        EXPECT_EQ(lock_period_of(classes, name)->mode, LockMode::Compliance) << name;
    }
    EXPECT_EQ(days(names::hints(session).text()), 0);
    EXPECT_EQ(days("probe/1"), 0);
    EXPECT_EQ(days("perdure-else"), 0);
    EXPECT_EQ(lock_period_of({locked("std", "none")}, "perdure"), std::nullopt);
}

TEST(RetentionClass, SurvivesTheEpoch) {
    Epoch epoch;
    epoch.retention_classes = {locked("std", "none"), locked("year", "compliance:365:30")};
    epoch.longest_lock_days = 400;
    const auto back = decode_epoch(encode_epoch(epoch));
    ASSERT_TRUE(back) << back.error().describe();
    EXPECT_EQ(back->retention_classes, epoch.retention_classes);
    EXPECT_EQ(back->longest_lock_days, 400U);
}

}  // namespace
}  // namespace perdure
