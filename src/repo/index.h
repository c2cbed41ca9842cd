// The index of a session: where the blocks of its packs lie, and which blocks its point needs
// (FORMAT.md, Indexes).
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "repo/pack.h"
#include "repo/point.h"
#include "repo/recipe.h"

namespace perdure {

/// The blocks a point needs: complete (depth 0), or what it adds to the summary in the index of
/// `base`. It may exceed the truth, never fall short.
struct LivenessSummary {
    struct Pack {
        BirthPack pack;
        std::vector<std::uint64_t> blocks;  // bit i of word i/64: slot i
    };
    std::optional<SessionDigest> base;  // digest of index/<base>
    std::uint32_t depth = 0;
    std::vector<Pack> packs;
};
constexpr std::uint32_t kMaxLivenessDepth = 16;

struct Index {
    SessionName session;
    Buffer sealed_secret;
    std::vector<PackTable> packs;
    std::optional<LivenessSummary> liveness;
};

Buffer encode_index(const Index&);
/// Who only looks for blocks leaves out the summary, which may be the largest part.
enum class IndexParts { All, WithoutLiveness };
Result<Index> decode_index(ByteView, IndexParts = IndexParts::All);

/// Fingerprints of a session's leaves, pack by pack in manifest order.
struct PackHints {
    PackId pack;
    std::vector<std::uint64_t> fingerprints;
};
Buffer encode_hints(const std::vector<PackHints>&);
Result<std::vector<PackHints>> decode_hints(ByteView);

LivenessSummary summarize(const LivenessMarks&, const PackRegistry&);

}  // namespace perdure
