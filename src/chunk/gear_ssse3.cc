// One lane of 16 bytes. Windows are built by doubling: over 2, 4, 8 and 16 bytes.
#if defined(__x86_64__)
#include <immintrin.h>

#include "chunk/gear.h"

namespace perdure {

namespace {

#define PERDURE_SSSE3 __attribute__((target("ssse3"), always_inline)) inline

struct Tables {
    __m128i a_low, a_high, b_low, b_high;
};

/// The windows of the eight positions before, level by level.
struct Before {
    __m128i w1, w2, w4, w8;
};

struct Hashes {
    __m128i first, second;  // positions 0-7 and 8-15
};

PERDURE_SSSE3 __m128i load(const void* place) {
    return _mm_loadu_si128(static_cast<const __m128i*>(place));
}

PERDURE_SSSE3 __m128i hash(__m128i w1, Before& before) {
    const __m128i w2 = _mm_add_epi16(w1, _mm_slli_epi16(_mm_alignr_epi8(w1, before.w1, 14), 1));
    const __m128i w4 = _mm_add_epi16(w2, _mm_slli_epi16(_mm_alignr_epi8(w2, before.w2, 12), 2));
    const __m128i w8 = _mm_add_epi16(w4, _mm_slli_epi16(_mm_alignr_epi8(w4, before.w4, 8), 4));
    const __m128i w16 = _mm_add_epi16(w8, _mm_slli_epi16(before.w8, 8));
    before = {w1, w2, w4, w8};
    return w16;
}

PERDURE_SSSE3 Hashes step(__m128i bytes, const Tables& tables, Before& before) {
    const __m128i nibble = _mm_set1_epi8(0x0f);
    const __m128i l = _mm_and_si128(bytes, nibble);
    const __m128i g = _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble);
    const __m128i low =
        _mm_xor_si128(_mm_shuffle_epi8(tables.a_low, l), _mm_shuffle_epi8(tables.b_low, g));
    const __m128i high =
        _mm_xor_si128(_mm_shuffle_epi8(tables.a_high, l), _mm_shuffle_epi8(tables.b_high, g));
    Hashes hashes;
    hashes.first = hash(_mm_unpacklo_epi8(low, high), before);
    hashes.second = hash(_mm_unpackhi_epi8(low, high), before);
    return hashes;
}

}  // namespace

__attribute__((target("ssse3"))) void scan_ssse3(const GearTables& tables, const std::byte* data,
                                                 std::size_t begin, std::size_t end,
                                                 std::uint64_t* hits) {
    const Tables t{load(tables.a_low.data()), load(tables.a_high.data()), load(tables.b_low.data()),
                   load(tables.b_high.data())};
    const __m128i zero = _mm_setzero_si128();
    const __m128i mask = _mm_set1_epi16(static_cast<short>(kGearMask));
    const std::byte* place = data + begin;
    const std::size_t part = (end - begin) / 16 * 16;
    Before before{zero, zero, zero, zero};
    step(load(place - 16), t, before);
    for (std::size_t i = 0; i < part; i += 16) {
        const Hashes h = step(load(place + i), t, before);
        const __m128i first = _mm_cmpeq_epi16(_mm_and_si128(h.first, mask), zero);
        const __m128i second = _mm_cmpeq_epi16(_mm_and_si128(h.second, mask), zero);
        const int found = _mm_movemask_epi8(_mm_packs_epi16(first, second));
        if (found != 0) [[unlikely]]
            store_le(reinterpret_cast<std::byte*>(hits) + i / 8, static_cast<std::uint16_t>(found));
    }
    scan_rest(tables, data, begin, begin + part, end, hits);
}

}  // namespace perdure
#endif
