#include "chunk/gear.h"

#include <algorithm>
#include <bit>
#include <span>

#include "base/check.h"
#include "base/secret.h"

namespace perdure {

namespace {

std::uint8_t low_byte(std::uint16_t word) { return static_cast<std::uint8_t>(word & 0xff); }
std::uint8_t high_byte(std::uint16_t word) { return static_cast<std::uint8_t>(word >> 8); }

template <class T, std::size_t kSize>
void wipe_array(std::array<T, kSize>& array) {
    wipe(std::as_writable_bytes(std::span(array)));
}

bool cpu_runs(ChunkKernel kernel) {
#if defined(__x86_64__)
    switch (kernel) {
        case ChunkKernel::Scalar: return true;
        case ChunkKernel::Ssse3: return __builtin_cpu_supports("ssse3");
        case ChunkKernel::Avx2: return __builtin_cpu_supports("avx2");
        case ChunkKernel::Avx512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    }
    return false;
#else
    return kernel == ChunkKernel::Scalar;
#endif
}

}  // namespace

GearTables::GearTables(const std::array<std::uint16_t, 16>& a,
                       const std::array<std::uint16_t, 16>& b) {
    for (std::size_t i = 0; i < 16; ++i) {
        a_low[i] = low_byte(a[i]);
        a_high[i] = high_byte(a[i]);
        b_low[i] = low_byte(b[i]);
        b_high[i] = high_byte(b[i]);
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
        by_byte[byte] = static_cast<std::uint16_t>(a[byte & 15] ^ b[byte >> 4]);
}

GearTables::~GearTables() {
    wipe_array(a_low);
    wipe_array(a_high);
    wipe_array(b_low);
    wipe_array(b_high);
    wipe_array(by_byte);
}

std::vector<ChunkKernel> available_kernels() {
    std::vector<ChunkKernel> kernels;
    for (const auto kernel :
         {ChunkKernel::Scalar, ChunkKernel::Ssse3, ChunkKernel::Avx2, ChunkKernel::Avx512}) {
        if (cpu_runs(kernel)) kernels.push_back(kernel);
    }
    return kernels;
}

ChunkKernel preferred_kernel() {
    const auto kernels = available_kernels();
#if defined(__x86_64__)
    if (kernels.back() == ChunkKernel::Avx512 && !__builtin_cpu_supports("avx512vbmi2"))
        return kernels[kernels.size() - 2];
#endif
    return kernels.back();
}

GearKernel gear_kernel(ChunkKernel kernel) {
    PERDURE_CHECK(cpu_runs(kernel));
#if defined(__x86_64__)
    switch (kernel) {
        case ChunkKernel::Scalar: return scan_scalar;
        case ChunkKernel::Ssse3: return scan_ssse3;
        case ChunkKernel::Avx2: return scan_avx2;
        case ChunkKernel::Avx512: return scan_avx512;
    }
#endif
    return scan_scalar;
}

void append_candidates(GearKernel kernel, const GearTables& tables, ByteView data,
                       std::size_t begin, std::size_t end, std::vector<std::uint32_t>& candidates) {
    PERDURE_CHECK(begin >= kGearLead && begin <= end && end <= data.size());
    constexpr std::size_t kWords = 512;  // 32 KiB of positions: 4 KiB of stack
    while (begin < end) {
        const std::size_t stop = std::min(end, begin + kWords * 64);
        const std::size_t words = (stop - begin + 63) / 64;
        std::array<std::uint64_t, kWords> hits;
        std::fill_n(hits.begin(), words, 0);
        kernel(tables, data.data(), begin, stop, hits.data());
        for (std::size_t w = 0; w < words; ++w) {
            for (std::uint64_t bits = hits[w]; bits != 0; bits &= bits - 1) {
                const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
                candidates.push_back(static_cast<std::uint32_t>(begin + w * 64 + bit));
            }
        }
        begin = stop;
    }
}

}  // namespace perdure
