// Content-defined chunking of streams into leaves: the two-stage keyed chunker G16.
//
// Stage 1 is a 16-bit gear filter over every byte that vectorises; stage 2 is an AES-128 CBC-MAC
// over the last 64 bytes, asked only at candidates. Cuts depend on content and key alone, and every
// kernel gives identical cuts. Format-defining: docs/FORMAT.md, chunker, has the definition and the
// frozen vectors (chunker_test.cc).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"

namespace perdure {

struct ChunkerProfile {
    /// 13 to 16; 14, 16 KiB, is the one in use. min = average / 4, max = average * 4.
    std::uint32_t average_log2 = 14;
    std::uint32_t min_size() const { return (1U << average_log2) / 4; }
    std::uint32_t average_size() const { return 1U << average_log2; }
    std::uint32_t max_size() const { return (1U << average_log2) * 4; }
};

/// What a dedup domain's chunker key expands to.
struct ChunkerTables {
    std::array<std::uint16_t, 16> a;  // by low nibble
    std::array<std::uint16_t, 16> b;  // by high nibble
    Secret<16> confirm_key;           // AES-128, stage 2

    /// 64 bytes: a then b, little-endian words; and 16 bytes of key. Derivation: repo/keys.h.
    static ChunkerTables from_bytes(ByteView tables64, ByteView key16);
};

enum class ChunkKernel { Scalar, Ssse3, Avx2, Avx512 };
/// Those this CPU can run, slowest first; Scalar always.
std::vector<ChunkKernel> available_kernels();

/// Thread-safe and immutable after construction; one for all workers.
class Chunker {
public:
    Chunker(ChunkerProfile profile, const ChunkerTables& tables);  // this CPU's preferred kernel
    Chunker(ChunkerProfile profile, const ChunkerTables& tables, ChunkKernel kernel);
    ~Chunker();

    const ChunkerProfile& profile() const { return profile_; }

    /// Cuts `data`, which begins at a leaf boundary and is shorter than 4 GiB. Appends the end
    /// offset of each leaf to `cuts`, ascending. With `last` the final cut is data.size() (no cut
    /// if that is 0); without, it stops before the first leaf that has less than max_size() bytes
    /// here, and the caller passes the rest again with more behind it. Such a rest is not looked
    /// at, so coming back often costs nothing. Cutting a stream in any split of calls gives the
    /// cuts of the whole. Scratch space is the caller's, reused between calls.
    struct Scratch {
        std::vector<std::uint32_t> candidates;
    };
    void cut(ByteView data, bool last, std::vector<std::uint32_t>& cuts, Scratch& scratch) const;

private:
    struct State;
    ChunkerProfile profile_;
    std::unique_ptr<State> state_;
};

}  // namespace perdure
