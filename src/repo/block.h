// Blocks: the unit of compression, encryption, addressing and collection (FORMAT.md, Blocks).
//
// A block is sealed once, under a key that grows from its birth address, and never rewritten;
// whoever moves it moves these bytes. The invariant: bytes that open as block B of the repository
// are the bytes that were sealed as B, whatever pack they lie in.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/compress.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "repo/ids.h"
#include "repo/keys.h"

namespace perdure {

constexpr std::size_t kBlockHeaderSize = 104;
constexpr std::uint32_t kMaxBlockRaw = 1U << 20;

/// A leaf's place in a manifest: its id and length, in the order of content.
struct LeafRecord {
    LeafId id;
    std::uint32_t length = 0;
};

/// The clear header in front of every block.
struct BlockHeader {
    Cipher cipher = Cipher::Aes256Gcm;
    Codec codec = Codec::Raw;
    BirthAddress birth;
    DomainName domain;
    std::uint32_t raw_length = 0;
    std::uint32_t sealed_length = 0;  // payload with tag
    Digest leaves;                    // keyed hash of leaf ids and lengths
    Nonce nonce{};
};

/// The header at the start of `bytes`; Corrupt if it is none. With `check_payload` (all bytes of
/// the block are there) the CRC is checked too.
Result<BlockHeader> parse_block_header(ByteView bytes, bool check_payload);

/// Keyed hash over (leaf id, length) pairs, under a key derived from the index key: lets who holds
/// no data key tell what a block should hold.
class LeafTableHasher {
public:
    LeafTableHasher(const RepositoryId&, const DomainKeys&);
    Digest hash(std::span<const LeafRecord> leaves);

private:
    KeyedHasher hasher_;
};

struct SealPolicy {
    int level = 1;                    // zstd level
    bool compress = true;             // off: stored raw
    bool skip_incompressible = true;  // ask the entropy test first
    bool verify = true;               // open, decode and compare before the block leaves memory
};

struct SealedBlock {
    std::uint32_t sealed_length = 0;
    Codec codec = Codec::Raw;
    bool compression_fault =
        false;  // the compressed form did not decode to the input; stored raw instead
};

/// Seals blocks; holds the contexts of one worker. Not thread-safe.
class BlockSealer {
public:
    explicit BlockSealer(const RepositoryId& repository);

    /// Appends header and payload of a block to `out`. `aead` holds the birth pack's seal key.
    /// Internal if even the raw form does not open again: memory or CPU are broken, and the run
    /// must stop.
    Result<SealedBlock> seal(BlockHeader header, ByteView raw, Aead& aead, const Key256& nonce_key,
                             const SealPolicy& policy, Buffer& out);

private:
    RepositoryId repository_;
    Compressor compressor_;
    Decompressor decompressor_;
    Buffer compressed_;
    Buffer opened_;
    Buffer decoded_;
};

/// Opens blocks. Not thread-safe.
class BlockOpener {
public:
    explicit BlockOpener(const RepositoryId& repository);
    /// `block` is header and payload; `raw` becomes its content. Corrupt if the header names
    /// another birth address than `expected` or anything fails to authenticate.
    Result<void> open(const BirthAddress& expected, ByteView block, Aead& aead, Buffer& raw);
    /// Only that it opens; what it decodes to is not looked at.
    Result<void> authenticate(const BirthAddress& expected, ByteView block, Aead& aead);

private:
    Result<BlockHeader> check_header(const BirthAddress& expected, ByteView block) const;

    RepositoryId repository_;
    Decompressor decompressor_;
    Buffer opened_;
};

}  // namespace perdure
