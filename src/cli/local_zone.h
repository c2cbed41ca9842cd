// The time zone that people here live in: TZ, or the system's.
#pragma once

#include "policy/calendar.h"

namespace perdure {

/// What local_time() shows times in.
class LocalZone final : public TimeZone {
public:
    std::int64_t offset_at(std::int64_t seconds) const override;
};

}  // namespace perdure
