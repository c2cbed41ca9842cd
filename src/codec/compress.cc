#include "codec/compress.h"

#include <zstd.h>

#include "base/check.h"

namespace perdure {
namespace {

struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
    PERDURE_CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) == 0);
}

std::size_t largest_worth_keeping(std::size_t raw_size) {
    return static_cast<std::size_t>(static_cast<double>(raw_size) * (1 - kMinGain));
}

// One zstd frame from end to end: no skippable or legacy frame, nothing before or after it.
bool is_one_frame(ByteView bytes) {
    return bytes.size() >= 4 && load_le<std::uint32_t>(bytes.data()) == ZSTD_MAGICNUMBER &&
           ZSTD_findFrameCompressedSize(bytes.data(), bytes.size()) == bytes.size();
}

Error damaged(std::string what) {
    return Error(ErrorKind::Corrupt, "zstd frame: " + std::move(what));
}

}  // namespace

struct Compressor::State {
    std::unique_ptr<ZSTD_CCtx, FreeContext> context{ZSTD_createCCtx()};
};

Compressor::Compressor() : state_(new State) {
    PERDURE_CHECK(state_->context != nullptr);
    set(state_->context.get(), ZSTD_c_contentSizeFlag, 1);
    set(state_->context.get(), ZSTD_c_checksumFlag, 0);  // what is stored is authenticated
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;

bool Compressor::compress(ByteView raw, int level, Buffer& out) {
    PERDURE_CHECK(level >= kMinLevel && level <= kMaxLevel);
    set(state_->context.get(), ZSTD_c_compressionLevel, level);
    // With room for the worst case zstd skips bounds checks; only the part written is ever touched.
    out.resize(ZSTD_compressBound(raw.size()));
    const std::size_t size =
        ZSTD_compress2(state_->context.get(), out.data(), out.size(), raw.data(), raw.size());
    // An error can only be want of memory; the block is stored raw then, which loses nothing.
    if (ZSTD_isError(size) != 0 || size > largest_worth_keeping(raw.size())) return false;
    out.resize(size);
    return true;
}

struct Decompressor::State {
    std::unique_ptr<ZSTD_DCtx, FreeContext> context{ZSTD_createDCtx()};
};

Decompressor::Decompressor() : state_(new State) { PERDURE_CHECK(state_->context != nullptr); }
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;

Result<void> Decompressor::decompress(ByteView frame, MutableByteView out) {
    if (!is_one_frame(frame)) return damaged("not exactly one");
    if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != out.size())
        return damaged("does not state " + std::to_string(out.size()) + " bytes of content");
    const std::size_t size = ZSTD_decompressDCtx(state_->context.get(), out.data(), out.size(),
                                                 frame.data(), frame.size());
    if (ZSTD_isError(size) != 0) return damaged(ZSTD_getErrorName(size));
    if (size != out.size()) return damaged("content shorter than stated");
    return {};
}

}  // namespace perdure
