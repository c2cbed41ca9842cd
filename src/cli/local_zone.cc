#include "cli/local_zone.h"

#include <ctime>

namespace perdure {

std::int64_t LocalZone::offset_at(std::int64_t seconds) const {
    const std::time_t instant = seconds;
    std::tm parts{};
    if (::localtime_r(&instant, &parts) == nullptr) return 0;
    return parts.tm_gmtoff;
}

}  // namespace perdure
