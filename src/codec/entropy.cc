#include <algorithm>
#include <array>
#include <cmath>

#include "codec/compress.h"

namespace perdure {
namespace {

constexpr std::size_t kSample = 4096;
constexpr std::size_t kSamples = 4;

using Counts = std::array<std::uint32_t, 256>;

// Four tables, so that a run of one byte value does not wait for its own last increment.
void count(ByteView bytes, std::array<Counts, 4>& tables) {
    while (bytes.size() >= 4) {
        for (std::size_t i = 0; i < 4; ++i) ++tables[i][std::to_integer<std::uint8_t>(bytes[i])];
        bytes = bytes.subspan(4);
    }
    for (const std::byte byte : bytes) ++tables[0][std::to_integer<std::uint8_t>(byte)];
}

}  // namespace

double sampled_entropy(ByteView raw) {
    std::array<Counts, 4> tables{};
    std::size_t total = raw.size();
    if (raw.size() <= kSamples * kSample) {
        count(raw, tables);
    } else {
        total = kSamples * kSample;
        for (std::size_t i = 0; i < kSamples; ++i)  // the first at the start, the last at the end
            count(raw.subspan(i * (raw.size() - kSample) / (kSamples - 1), kSample), tables);
    }
    if (total == 0) return 0;
    // -sum (c/n) log2 (c/n) = log2 n - (sum c log2 c) / n
    float sum = 0;
    for (std::size_t value = 0; value < 256; ++value) {
        const auto c = static_cast<float>(tables[0][value] + tables[1][value] + tables[2][value] +
                                          tables[3][value]);
        if (c > 0) sum += c * std::log2(c);
    }
    const auto n = static_cast<double>(total);
    return std::max(0.0, std::log2(n) - static_cast<double>(sum) / n);
}

}  // namespace perdure
