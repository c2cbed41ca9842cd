// Speed of the chunker: each stage 1 kernel, stage 2, and whole cuts. In cache, one thread.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "chunk/chunker.h"
#include "chunk/confirm.h"
#include "chunk/gear.h"
#include "chunk/reference_vectors.h"
#include "chunk/select_cuts.h"

namespace perdure {
namespace {

constexpr std::size_t kSpan = 1 << 20;

std::string name_of(ChunkKernel kernel) {
    switch (kernel) {
        case ChunkKernel::Scalar: return "scalar";
        case ChunkKernel::Ssse3: return "ssse3";
        case ChunkKernel::Avx2: return "avx2";
        case ChunkKernel::Avx512: return "avx512";
    }
    return "";
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void scan(benchmark::State& state, ChunkKernel kernel) {
    const Buffer data = reference_input(kSpan);
    const GearTables tables(kReferenceA, kReferenceB);
    const auto step = static_cast<std::size_t>(state.range(0));
    std::vector<std::uint32_t> candidates;
    for (auto _ : state) {
        candidates.clear();
        for (std::size_t at = 64; at < kSpan; at += step) {
            append_candidates(gear_kernel(kernel), tables, data, at, std::min(kSpan, at + step),
                              candidates);
        }
        benchmark::DoNotOptimize(candidates.data());
    }
    count_bytes(state, kSpan);
}

void confirm(benchmark::State& state, AesKind kind) {
    const Buffer data = reference_input(kSpan);
    const ConfirmKey key(reference_tables().confirm_key, kind);
    Confirm value(key);
    std::size_t at = 0;
    std::uint64_t sum = 0;
    for (auto _ : state) {
        at = (at + 4099 + (sum & 1)) % (kSpan - kConfirmWindow);  // waits for the last answer
        sum += value(data.data() + at);
    }
    benchmark::DoNotOptimize(sum);
}

/// Tables under which every position of a run of zeros is a candidate: the worst case.
ChunkerTables unlucky_tables() {
    ChunkerTables tables = reference_tables();
    tables.b[0] = tables.a[0];
    return tables;
}

void cut(benchmark::State& state, ChunkKernel kernel, const Buffer& data,
         const ChunkerTables& tables) {
    const Chunker chunker(ChunkerProfile{}, tables, kernel);
    Chunker::Scratch scratch;
    std::vector<std::uint32_t> cuts;
    for (auto _ : state) {
        cuts.clear();
        chunker.cut(data, true, cuts, scratch);
        benchmark::DoNotOptimize(cuts.data());
    }
    count_bytes(state, data.size());
    state.counters["mean_leaf"] =
        static_cast<double>(data.size()) / static_cast<double>(cuts.size());
}

/// Cut selection with a stage 2 that costs nothing: the difference to cut/ is the price of AES.
void cut_free_confirm(benchmark::State& state, ChunkKernel kernel, const Buffer& data) {
    const GearTables tables(kReferenceA, kReferenceB);
    const CutRule rule{ChunkerProfile{}};
    const auto cheap = [](const std::byte* window) {
        return load_le<std::uint64_t>(window) * 0x9e3779b97f4a7c15 >> 32;
    };
    std::vector<std::uint32_t> candidates;
    std::vector<std::uint32_t> cuts;
    for (auto _ : state) {
        cuts.clear();
        CutSelection(rule, gear_kernel(kernel), tables, data, cheap, candidates).run(true, cuts);
        benchmark::DoNotOptimize(cuts.data());
    }
    count_bytes(state, data.size());
}

const bool kRegistered = [] {
    static const Buffer random = reference_input(kSpan);
    static const Buffer zeros(kSpan, std::byte{0});
    for (const auto kernel : available_kernels()) {
        const std::string name = name_of(kernel);
        benchmark::RegisterBenchmark(("scan/" + name).c_str(), scan, kernel)
            ->Arg(2048)
            ->Arg(4096)
            ->Arg(8192)
            ->Arg(16384)
            ->Arg(kSpan);
        benchmark::RegisterBenchmark(("cut/" + name).c_str(), cut, kernel, random,
                                     reference_tables());
        benchmark::RegisterBenchmark(("cut_free_confirm/" + name).c_str(), cut_free_confirm, kernel,
                                     random);
        benchmark::RegisterBenchmark(("cut_zeros/" + name).c_str(), cut, kernel, zeros,
                                     reference_tables());
        benchmark::RegisterBenchmark(("cut_zeros_unlucky/" + name).c_str(), cut, kernel, zeros,
                                     unlucky_tables());
    }
    for (const auto kind : available_aes()) {
        benchmark::RegisterBenchmark(kind == AesKind::AesNi ? "confirm/aesni" : "confirm/openssl",
                                     confirm, kind);
    }
    return true;
}();

}  // namespace
}  // namespace perdure
