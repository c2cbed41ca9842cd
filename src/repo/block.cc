#include "repo/block.h"

#include "base/try.h"
#include "codec/crc32c.h"
#include "repo/record.h"

namespace perdure {

namespace {

constexpr std::string_view kMagic = "PBLK";
constexpr std::size_t kAuthenticated = 88;  // header bytes in the AAD: all but nonce and CRC
constexpr std::size_t kNonceAt = 88;
constexpr std::size_t kCrcAt = 100;

// On disk: FORMAT.md, block header.
void write_header(std::byte* at, const BlockHeader& h) {
    std::memcpy(at, kMagic.data(), 4);
    at[4] = static_cast<std::byte>(kFormatVersion);
    at[5] = static_cast<std::byte>(h.cipher);
    at[6] = static_cast<std::byte>(h.codec);
    at[7] = std::byte{0};
    store_le<std::uint32_t>(at + 8, number(h.birth.pack.session.writer));
    store_le<std::uint32_t>(at + 12, h.birth.slot);
    store_le<std::uint64_t>(at + 16, number(h.birth.pack.session.session));
    std::memcpy(at + 24, h.birth.pack.pack.view().data(), PackId::size);
    store_le<std::uint32_t>(at + 40, h.domain.domain);
    store_le<std::uint32_t>(at + 44, h.domain.generation);
    store_le<std::uint32_t>(at + 48, h.raw_length);
    store_le<std::uint32_t>(at + 52, h.sealed_length);
    std::memcpy(at + 56, h.leaves.view().data(), Digest::size);
}

Buffer aad_of(const RepositoryId& repository, ByteView header) {
    return to_buffer(Transcript("perdure block v1")
                         .add(repository.view())
                         .add(header.first(kAuthenticated))
                         .view());
}

Error corrupt(std::string why) { return Error(ErrorKind::Corrupt, "block " + std::move(why)); }

}  // namespace

Result<BlockHeader> parse_block_header(ByteView bytes, bool check_payload) {
    if (bytes.size() < kBlockHeaderSize) return corrupt("is cut short");
    if (as_text(bytes.first(4)) != kMagic) return corrupt("has no header (wrong magic)");
    if (std::to_integer<std::uint32_t>(bytes[4]) != kFormatVersion)
        return corrupt("has an unknown version");
    BlockHeader h;
    h.cipher = static_cast<Cipher>(bytes[5]);
    h.codec = static_cast<Codec>(bytes[6]);
    const std::byte* at = bytes.data();
    h.birth.pack.session.writer = WriterNumber{load_le<std::uint32_t>(at + 8)};
    h.birth.slot = load_le<std::uint32_t>(at + 12);
    h.birth.pack.session.session = SessionNumber{load_le<std::uint64_t>(at + 16)};
    h.birth.pack.pack = *PackId::from_bytes(bytes.subspan(24, PackId::size));
    h.domain = {load_le<std::uint32_t>(at + 40), load_le<std::uint32_t>(at + 44)};
    h.raw_length = load_le<std::uint32_t>(at + 48);
    h.sealed_length = load_le<std::uint32_t>(at + 52);
    h.leaves = *Digest::from_bytes(bytes.subspan(56, Digest::size));
    std::memcpy(h.nonce.data(), at + kNonceAt, h.nonce.size());
    if ((h.cipher != Cipher::Aes256Gcm && h.cipher != Cipher::ChaCha20Poly1305) ||
        (h.codec != Codec::Raw && h.codec != Codec::Zstd) || bytes[7] != std::byte{0})
        return corrupt("has an unknown cipher or codec");
    if (h.raw_length > kMaxBlockRaw || h.sealed_length > kMaxBlockRaw + kTagSize ||
        h.sealed_length < kTagSize)
        return corrupt("has impossible lengths");
    if (check_payload) {
        if (bytes.size() < kBlockHeaderSize + h.sealed_length) return corrupt("is cut short");
        const std::uint32_t crc =
            crc32c(crc32c(bytes.first(kCrcAt)), bytes.subspan(kBlockHeaderSize, h.sealed_length));
        if (crc != load_le<std::uint32_t>(at + kCrcAt)) return corrupt("fails its checksum");
    }
    return h;
}

LeafTableHasher::LeafTableHasher(const RepositoryId& repository, const DomainKeys& keys)
    : hasher_(derive_key(keys.index_key, repository.view(),
                         Transcript("perdure block leaves v1").view())) {}

Digest LeafTableHasher::hash(std::span<const LeafRecord> leaves) {
    hasher_.reset();
    for (const LeafRecord& leaf : leaves) hasher_.update(leaf.id.view()).update_u64(leaf.length);
    return hasher_.finish();
}

BlockSealer::BlockSealer(const RepositoryId& repository) : repository_(repository) {}

Result<SealedBlock> BlockSealer::seal(BlockHeader header, ByteView raw, Aead& aead,
                                      const Key256& nonce_key, const SealPolicy& policy,
                                      Buffer& out) {
    PERDURE_CHECK(!raw.empty() && raw.size() <= kMaxBlockRaw);
    header.raw_length = static_cast<std::uint32_t>(raw.size());
    SealedBlock result;
    const bool try_compress =
        policy.compress && !(policy.skip_incompressible && sampled_entropy(raw) >= kIncompressible);
    const bool compressed = try_compress && compressor_.compress(raw, policy.level, compressed_);
    header.codec = compressed ? Codec::Zstd : Codec::Raw;
    const std::size_t start = out.size();
    while (true) {
        const ByteView payload = header.codec == Codec::Zstd ? ByteView(compressed_) : raw;
        header.sealed_length = static_cast<std::uint32_t>(payload.size() + kTagSize);
        out.resize(start + kBlockHeaderSize + header.sealed_length);
        std::byte* at = out.data() + start;
        write_header(at, header);
        const Buffer aad = aad_of(repository_, {at, kBlockHeaderSize});
        header.nonce = synthetic_nonce(nonce_key, aad, payload);
        std::memcpy(at + kNonceAt, header.nonce.data(), header.nonce.size());
        const MutableByteView sealed(at + kBlockHeaderSize, header.sealed_length);
        aead.seal(header.nonce, aad, payload, sealed);
        store_le<std::uint32_t>(at + kCrcAt, crc32c(crc32c({at, kCrcAt}), sealed));
        result.sealed_length = header.sealed_length;
        result.codec = header.codec;
        if (!policy.verify) return result;

        opened_.resize(payload.size());
        bool same = static_cast<bool>(aead.open(header.nonce, aad, sealed, opened_));
        if (same && header.codec == Codec::Zstd) {
            decoded_.resize(raw.size());
            same = static_cast<bool>(decompressor_.decompress(opened_, decoded_)) &&
                   equal(decoded_, raw);
        } else if (same) {
            same = equal(opened_, raw);
        }
        if (same) return result;
        if (header.codec == Codec::Raw)
            return Error(ErrorKind::Internal,
                         "a sealed block did not open to what was sealed; memory or CPU are faulty")
                .with_hint("test this machine's memory before the next backup");
        result.compression_fault = true;
        header.codec = Codec::Raw;
    }
}

BlockOpener::BlockOpener(const RepositoryId& repository) : repository_(repository) {}

Result<BlockHeader> BlockOpener::check_header(const BirthAddress& expected, ByteView block) const {
    const BlockHeader h = PERDURE_TRY(parse_block_header(block, false));
    if (h.birth != expected) return corrupt("is another one than its index says");
    if (block.size() != kBlockHeaderSize + h.sealed_length)
        return corrupt("has another length than its index says");
    if (h.codec == Codec::Raw && h.raw_length + kTagSize != h.sealed_length)
        return corrupt("has impossible lengths");
    return h;
}

Result<void> BlockOpener::open(const BirthAddress& expected, ByteView block, Aead& aead,
                               Buffer& raw) {
    const BlockHeader h = PERDURE_TRY(check_header(expected, block));
    const Buffer aad = aad_of(repository_, block.first(kBlockHeaderSize));
    const ByteView sealed = block.subspan(kBlockHeaderSize);
    raw.resize(h.raw_length);
    if (h.codec == Codec::Raw) return aead.open(h.nonce, aad, sealed, raw);
    opened_.resize(h.sealed_length - kTagSize);
    PERDURE_TRY(aead.open(h.nonce, aad, sealed, opened_));
    return decompressor_.decompress(opened_, raw);
}

Result<void> BlockOpener::authenticate(const BirthAddress& expected, ByteView block, Aead& aead) {
    const BlockHeader h = PERDURE_TRY(check_header(expected, block));
    opened_.resize(h.sealed_length - kTagSize);
    return aead.open(h.nonce, aad_of(repository_, block.first(kBlockHeaderSize)),
                     block.subspan(kBlockHeaderSize), opened_);
}

}  // namespace perdure
