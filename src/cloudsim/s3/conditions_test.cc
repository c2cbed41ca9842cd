#include "cloudsim/s3/conditions.h"

#include <gtest/gtest.h>

#include "cloudsim/s3/lifecycle.h"
#include "cloudsim/s3/object_lock.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

TEST(Range, IsWhatHttpSays) {
    struct Case {
        const char* text;
        std::uint64_t size;
        RangeKind kind;
        std::uint64_t first, last;
    };
    constexpr Case kCases[] = {{"bytes=0-0", 10, RangeKind::Range, 0, 0},
                               {"bytes=2-4", 10, RangeKind::Range, 2, 4},
                               {"bytes=2-", 10, RangeKind::Range, 2, 9},
                               {"bytes=-3", 10, RangeKind::Range, 7, 9},
                               {"bytes=-99", 10, RangeKind::Range, 0, 9},
                               {"bytes=5-99", 10, RangeKind::Range, 5, 9},
                               {"bytes=10-", 10, RangeKind::Unsatisfiable, 0, 0},
                               {"bytes=0-", 0, RangeKind::Unsatisfiable, 0, 0},
                               {"bytes=-0", 10, RangeKind::Unsatisfiable, 0, 0},
                               {"bytes=4-2", 10, RangeKind::None, 0, 0},
                               {"bytes=a-b", 10, RangeKind::None, 0, 0},
                               {"bytes=", 10, RangeKind::None, 0, 0},
                               {"bytes=-", 10, RangeKind::None, 0, 0},
                               {"items=0-1", 10, RangeKind::None, 0, 0},
                               {"bytes=0-1,3-4", 10, RangeKind::None, 0, 0},
                               {"bytes=0-18446744073709551616", 10, RangeKind::None, 0, 0}};
    for (const Case& c : kCases) {
        ByteRange range;
        EXPECT_EQ(parse_range(c.text, c.size, range), c.kind) << c.text;
        EXPECT_EQ(range.first, c.first) << c.text;
        EXPECT_EQ(range.last, c.last) << c.text;
    }
}

TEST(Lifecycle, IsDueAtTheMidnightAfterItsDays) {
    const Time noon{100 * kDay + kDay / 2};
    EXPECT_EQ(lifecycle_time(noon, 3).nanoseconds, 104 * kDay);
    EXPECT_EQ(lifecycle_time(Time{100 * kDay}, 3).nanoseconds, 103 * kDay);
}

ObjectVersion locked(const std::string& mode, std::int64_t days) {
    ObjectVersion version;
    version.lock_mode = mode;
    version.lock_until = Time{days * kDay};
    return version;
}

TEST(ObjectLock, HoldsUntilItsTime) {
    const Time now{10 * kDay};
    EXPECT_FALSE(is_locked(ObjectVersion(), now, false));
    EXPECT_TRUE(is_locked(locked("COMPLIANCE", 11), now, true));
    EXPECT_TRUE(is_locked(locked("GOVERNANCE", 11), now, false));
    EXPECT_FALSE(is_locked(locked("GOVERNANCE", 11), now, true));
    EXPECT_FALSE(is_locked(locked("COMPLIANCE", 10), now, false));
    ObjectVersion held;
    held.legal_hold = true;
    EXPECT_TRUE(is_locked(held, now, true));
}

TEST(ObjectLock, ComplianceOnlyGrows) {
    const Time now{10 * kDay};
    const auto may = [&](const ObjectVersion& version, const char* mode, std::int64_t days,
                         bool bypasses) {
        return bool(check_retention_change(version, mode, Time{days * kDay}, now, bypasses));
    };
    const ObjectVersion compliance = locked("COMPLIANCE", 20),
                        governance = locked("GOVERNANCE", 20);
    EXPECT_TRUE(may(compliance, "COMPLIANCE", 21, false));
    EXPECT_FALSE(may(compliance, "COMPLIANCE", 19, true));
    EXPECT_FALSE(may(compliance, "GOVERNANCE", 30, true));
    EXPECT_FALSE(may(compliance, "", 0, true));
    EXPECT_FALSE(may(governance, "GOVERNANCE", 19, false));
    EXPECT_TRUE(may(governance, "GOVERNANCE", 19, true));
    EXPECT_TRUE(may(governance, "COMPLIANCE", 20, false));
    EXPECT_TRUE(may(locked("COMPLIANCE", 9), "", 0, false));
}

}  // namespace
}  // namespace perdure::cloudsim
