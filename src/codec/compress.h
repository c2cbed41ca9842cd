// Compression of blocks and records: zstd frames, levels 1-12 only (zstd 1.5.4 of Debian 12 can
// corrupt data at higher levels: facebook/zstd#3517).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace perdure {

enum class Codec : std::uint8_t {  // on disk: FORMAT.md
    Raw = 0,
    Zstd = 1,
};

constexpr int kMinLevel = 1;
constexpr int kMaxLevel = 12;
/// A compressed form that saves less than this share of the raw size is not kept.
constexpr double kMinGain = 0.03;

/// Holds a zstd context, reused between calls. Not thread-safe.
class Compressor {
public:
    Compressor();
    ~Compressor();
    Compressor(Compressor&&) noexcept;

    /// Replaces `out` by a zstd frame of `raw` (content size in the frame, no checksum). False,
    /// with `out` unspecified, when it would gain less than kMinGain.
    bool compress(ByteView raw, int level, Buffer& out);

private:
    struct State;
    std::unique_ptr<State> state_;
};

class Decompressor {
public:
    Decompressor();
    ~Decompressor();
    Decompressor(Decompressor&&) noexcept;

    /// Fills `out` exactly. Corrupt if the frame is damaged or its content has another size than
    /// out.size(): memory is bounded by the caller's buffer, never by what the frame claims.
    Result<void> decompress(ByteView frame, MutableByteView out);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Order-0 entropy of four 4 KiB samples, bits a byte (0-8). At or above kIncompressible a block is
/// stored raw. Measured: classifies text, code, dumps and random data right where short LZ probes
/// misjudge text.
double sampled_entropy(ByteView raw);
constexpr double kIncompressible = 7.92;

}  // namespace perdure
