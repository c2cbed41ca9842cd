#include "chunk/gear.h"

namespace perdure {

void scan_scalar(const GearTables& tables, const std::byte* data, std::size_t begin,
                 std::size_t end, std::uint64_t* hits) {
    scan_rest(tables, data, begin, begin, end, hits);
}

void scan_rest(const GearTables& tables, const std::byte* data, std::size_t begin, std::size_t from,
               std::size_t end, std::uint64_t* hits) {
    if (from == end) return;
    const auto word = [&](std::size_t i) -> std::uint32_t {
        return tables.by_byte[std::to_integer<std::uint8_t>(data[i])];
    };
    // 32 bits wide: what leaves the low 16 never comes back.
    std::uint32_t h = 0;
    for (std::size_t i = from - 15; i < from; ++i) h = (h << 1) + word(i);
    for (std::size_t i = from; i < end; ++i) {
        h = (h << 1) + word(i);
        if ((h & kGearMask) == 0) [[unlikely]]
            hits[(i - begin) / 64] |= std::uint64_t{1} << ((i - begin) % 64);
    }
}

}  // namespace perdure
