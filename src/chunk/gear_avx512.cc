// Four lanes of 16 bytes, each on its own quarter of the span, so nothing crosses a lane.
#if defined(__x86_64__)
#include <immintrin.h>

#include "chunk/gear.h"

namespace perdure {

namespace {

#define PERDURE_AVX512 __attribute__((target("avx512f,avx512bw"), always_inline)) inline

struct Tables {
    __m512i a_low, a_high, b_low, b_high;
};

/// The windows of the eight positions before, level by level.
struct Before {
    __m512i w1, w2, w4, w8;
};

struct Hashes {
    __m512i first, second;  // positions 0-7 and 8-15 of each lane
};

PERDURE_AVX512 __m128i load(const void* place) {
    return _mm_loadu_si128(static_cast<const __m128i*>(place));
}

/// Masked in name only: the plain form starts from an undefined value, which g++ 12 warns about.
PERDURE_AVX512 __m512i broadcast(const void* place) {
    return _mm512_maskz_broadcast_i32x4(0xffff, load(place));
}

PERDURE_AVX512 __m512i load_lanes(const std::byte* place, std::size_t lane) {
    __m512i all = _mm512_castsi128_si512(load(place));
    all = _mm512_inserti32x4(all, load(place + lane), 1);
    all = _mm512_inserti32x4(all, load(place + 2 * lane), 2);
    return _mm512_inserti32x4(all, load(place + 3 * lane), 3);
}

PERDURE_AVX512 __m512i hash(__m512i w1, Before& before) {
    const __m512i w2 =
        _mm512_add_epi16(w1, _mm512_slli_epi16(_mm512_alignr_epi8(w1, before.w1, 14), 1));
    const __m512i w4 =
        _mm512_add_epi16(w2, _mm512_slli_epi16(_mm512_alignr_epi8(w2, before.w2, 12), 2));
    const __m512i w8 =
        _mm512_add_epi16(w4, _mm512_slli_epi16(_mm512_alignr_epi8(w4, before.w4, 8), 4));
    const __m512i w16 = _mm512_add_epi16(w8, _mm512_slli_epi16(before.w8, 8));
    before = {w1, w2, w4, w8};
    return w16;
}

PERDURE_AVX512 Hashes step(__m512i bytes, const Tables& tables, Before& before) {
    const __m512i nibble = _mm512_set1_epi8(0x0f);
    const __m512i l = _mm512_and_si512(bytes, nibble);
    const __m512i g = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
    const __m512i low = _mm512_xor_si512(_mm512_shuffle_epi8(tables.a_low, l),
                                         _mm512_shuffle_epi8(tables.b_low, g));
    const __m512i high = _mm512_xor_si512(_mm512_shuffle_epi8(tables.a_high, l),
                                          _mm512_shuffle_epi8(tables.b_high, g));
    Hashes hashes;
    hashes.first = hash(_mm512_unpacklo_epi8(low, high), before);
    hashes.second = hash(_mm512_unpackhi_epi8(low, high), before);
    return hashes;
}

/// The mask of eight words a lane is a byte of the result as it stands.
PERDURE_AVX512 void store_hits(const Hashes& h, std::size_t lane, std::size_t i, std::byte* out) {
    const __m512i mask = _mm512_set1_epi16(static_cast<short>(kGearMask));
    const std::uint32_t first = _mm512_testn_epi16_mask(h.first, mask);
    const std::uint32_t second = _mm512_testn_epi16_mask(h.second, mask);
    for (unsigned n = 0; n < 4; ++n) {
        out[(n * lane + i) / 8] = static_cast<std::byte>(first >> (8 * n));
        out[(n * lane + i) / 8 + 1] = static_cast<std::byte>(second >> (8 * n));
    }
}

}  // namespace

__attribute__((target("avx512f,avx512bw"))) void scan_avx512(const GearTables& tables,
                                                             const std::byte* data,
                                                             std::size_t begin, std::size_t end,
                                                             std::uint64_t* hits) {
    const Tables t{broadcast(tables.a_low.data()), broadcast(tables.a_high.data()),
                   broadcast(tables.b_low.data()), broadcast(tables.b_high.data())};
    const __m512i mask = _mm512_set1_epi16(static_cast<short>(kGearMask));
    const std::byte* place = data + begin;
    const std::size_t lane = (end - begin) / 64 * 16;
    const __m512i zero = _mm512_setzero_si512();
    Before before{zero, zero, zero, zero};
    step(load_lanes(place - 16, lane), t, before);
    for (std::size_t i = 0; i < lane; i += 16) {
        const Hashes h = step(load_lanes(place + i, lane), t, before);
        // Both at once first: the mask is of top bits, so the smaller word has them clear if one
        // has.
        if (_mm512_testn_epi16_mask(_mm512_min_epu16(h.first, h.second), mask) != 0) [[unlikely]]
            store_hits(h, lane, i, reinterpret_cast<std::byte*>(hits));
    }
    scan_rest(tables, data, begin, begin + 4 * lane, end, hits);
}

}  // namespace perdure
#endif
