// Two lanes of 16 bytes, each on its own half of the span, so nothing crosses a lane.
#if defined(__x86_64__)
#include <immintrin.h>

#include "chunk/gear.h"

namespace perdure {

namespace {

#define PERDURE_AVX2 __attribute__((target("avx2"), always_inline)) inline

struct Tables {
    __m256i a_low, a_high, b_low, b_high;
};

/// The windows of the eight positions before, level by level.
struct Before {
    __m256i w1, w2, w4, w8;
};

struct Hashes {
    __m256i first, second;  // positions 0-7 and 8-15 of each lane
};

PERDURE_AVX2 __m128i load(const void* place) {
    return _mm_loadu_si128(static_cast<const __m128i*>(place));
}

PERDURE_AVX2 __m256i load_lanes(const std::byte* place, std::size_t lane) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load(place)), load(place + lane), 1);
}

PERDURE_AVX2 __m256i hash(__m256i w1, Before& before) {
    const __m256i w2 =
        _mm256_add_epi16(w1, _mm256_slli_epi16(_mm256_alignr_epi8(w1, before.w1, 14), 1));
    const __m256i w4 =
        _mm256_add_epi16(w2, _mm256_slli_epi16(_mm256_alignr_epi8(w2, before.w2, 12), 2));
    const __m256i w8 =
        _mm256_add_epi16(w4, _mm256_slli_epi16(_mm256_alignr_epi8(w4, before.w4, 8), 4));
    const __m256i w16 = _mm256_add_epi16(w8, _mm256_slli_epi16(before.w8, 8));
    before = {w1, w2, w4, w8};
    return w16;
}

PERDURE_AVX2 Hashes step(__m256i bytes, const Tables& tables, Before& before) {
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    const __m256i l = _mm256_and_si256(bytes, nibble);
    const __m256i g = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble);
    const __m256i low = _mm256_xor_si256(_mm256_shuffle_epi8(tables.a_low, l),
                                         _mm256_shuffle_epi8(tables.b_low, g));
    const __m256i high = _mm256_xor_si256(_mm256_shuffle_epi8(tables.a_high, l),
                                          _mm256_shuffle_epi8(tables.b_high, g));
    Hashes hashes;
    hashes.first = hash(_mm256_unpacklo_epi8(low, high), before);
    hashes.second = hash(_mm256_unpackhi_epi8(low, high), before);
    return hashes;
}

/// Bit i of the low half: position i of lane 0; of the high half: of lane 1.
PERDURE_AVX2 std::uint32_t found(const Hashes& h) {
    const __m256i mask = _mm256_set1_epi16(static_cast<short>(kGearMask));
    const __m256i zero = _mm256_setzero_si256();
    const __m256i first = _mm256_cmpeq_epi16(_mm256_and_si256(h.first, mask), zero);
    const __m256i second = _mm256_cmpeq_epi16(_mm256_and_si256(h.second, mask), zero);
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(first, second)));
}

}  // namespace

__attribute__((target("avx2"))) void scan_avx2(const GearTables& tables, const std::byte* data,
                                               std::size_t begin, std::size_t end,
                                               std::uint64_t* hits) {
    const Tables t{_mm256_broadcastsi128_si256(load(tables.a_low.data())),
                   _mm256_broadcastsi128_si256(load(tables.a_high.data())),
                   _mm256_broadcastsi128_si256(load(tables.b_low.data())),
                   _mm256_broadcastsi128_si256(load(tables.b_high.data()))};
    const std::byte* place = data + begin;
    const std::size_t lane = (end - begin) / 32 * 16;
    auto* const out = reinterpret_cast<std::byte*>(hits);
    const __m256i zero = _mm256_setzero_si256();
    Before before{zero, zero, zero, zero};
    step(load_lanes(place - 16, lane), t, before);
    for (std::size_t i = 0; i < lane; i += 16) {
        const Hashes h = step(load_lanes(place + i, lane), t, before);
        // Both at once first: the mask is of top bits, so the smaller word has them clear if one
        // has.
        const __m256i least = _mm256_min_epu16(h.first, h.second);
        const __m256i above =
            _mm256_subs_epu16(least, _mm256_set1_epi16(static_cast<short>(0xffff & ~kGearMask)));
        if (_mm256_movemask_epi8(_mm256_cmpeq_epi16(above, zero)) != 0) [[unlikely]] {
            const std::uint32_t bits = found(h);
            store_le(out + i / 8, static_cast<std::uint16_t>(bits & 0xffff));
            store_le(out + (lane + i) / 8, static_cast<std::uint16_t>(bits >> 16));
        }
    }
    scan_rest(tables, data, begin, begin + 2 * lane, end, hits);
}

}  // namespace perdure
#endif
