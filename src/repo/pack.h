// Packs: stored objects of many blocks (FORMAT.md, Packs).
//
//   pack header (clear: whose it is, and the sealed secrets of every session whose blocks it holds)
//   block, block, …   each behind its clear header
//   manifest          leaf ids and lengths, sealed under the index key
//   footer            where the manifest lies
//
// A pack describes itself: with the owner key alone it can be read, without any index.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "repo/block.h"
#include "repo/ids.h"
#include "repo/keys.h"
#include "repo/names.h"

namespace perdure {

/// Where one block lies in a pack.
struct SlotEntry {
    std::uint64_t offset = 0;         // of the block's header
    std::uint32_t sealed_length = 0;  // the block takes kBlockHeaderSize + sealed_length
    std::uint32_t raw_length = 0;
    std::uint32_t leaf_count = 0;
    BirthAddress birth;  // what lies there; its pack is this one unless it was copied
};

/// What an index says of a pack.
struct PackTable {
    BirthPack pack;
    PackKind kind = PackKind::Data;
    std::string retention_class{kDefaultRetentionClass};
    std::uint64_t size = 0;
    std::uint64_t manifest_offset = 0;
    std::uint32_t manifest_length = 0;
    Digest manifest_digest;
    std::vector<SlotEntry> slots;

    ObjectName name() const { return names::pack(retention_class, kind, pack.session, pack.pack); }
};

/// Packed slot tables (FORMAT.md): with the birth packs that copied blocks refer to.
Buffer encode_slots(const std::vector<SlotEntry>&, const BirthPack& own,
                    std::vector<BirthPack>& births);
Result<std::vector<SlotEntry>> decode_slots(ByteView, const BirthPack& own,
                                            const std::vector<BirthPack>& births);

struct PackManifest {
    BirthPack pack;
    std::vector<SlotEntry> slots;
    std::vector<LeafRecord> leaves;  // slot by slot
    Digest key_commitment;
    std::map<BirthPack, Digest> births;  // of copied blocks: the key commitments of their packs
};

struct SealedSecret {
    SessionName session;
    Buffer box;
};

/// What every builder of one session shares.
struct PackContext {
    RepositoryId repository;
    SessionName session;
    SessionSecret secret;
    Buffer sealed_secret;
    DomainKeys domain;
    std::string retention_class{kDefaultRetentionClass};
    std::uint64_t target_size = 32U << 20;
};

struct FinishedPack {
    PackTable table;
    Buffer bytes;
};

/// Builds one pack in memory. Not thread-safe.
class PackBuilder {
public:
    PackBuilder(const PackContext&, PackKind, const PackId&, Buffer reuse);

    const BirthPack& pack() const { return manifest_.pack; }
    /// The birth address the next added block will have.
    std::uint32_t next_slot() const { return static_cast<std::uint32_t>(manifest_.slots.size()); }
    bool empty() const { return manifest_.slots.empty(); }
    bool full() const {
        return bytes_.size() + kMaxBlockRaw + kBlockHeaderSize > context_.target_size;
    }
    std::uint64_t size() const { return bytes_.size(); }

    Result<SealedBlock> add(ByteView raw, std::span<const LeafRecord> leaves, BlockSealer&,
                            LeafTableHasher&, const SealPolicy&);
    FinishedPack finish();

private:
    const PackContext& context_;
    PackKind kind_;
    PackKeys keys_;
    Aead aead_;
    PackManifest manifest_;
    Buffer bytes_;
};

/// What every pack begins with: whose it is, and the sealed secrets of all whose blocks it holds.
Buffer encode_pack_header(const PackContext&, PackKind, const PackId&,
                          std::span<const SealedSecret>);
/// Ends a pack: manifest and footer go behind `bytes`, which are its header and blocks.
FinishedPack end_pack(const PackContext&, PackKind, PackManifest, Buffer bytes);

struct PackHeader {
    PackKind kind = PackKind::Data;
    BirthPack pack;
    RepositoryId repository;
    DomainName domain;
    std::vector<SealedSecret> secrets;
    std::size_t size = 0;
};
constexpr std::size_t kPackFooterSize = 24;
struct PackFooter {
    std::uint64_t manifest_offset = 0;
    std::uint32_t manifest_length = 0;
};

/// Parsers of the clear parts; Corrupt if damaged. `bytes` of the header may be longer than it.
Result<PackHeader> parse_pack_header(ByteView bytes);
Result<PackFooter> parse_pack_footer(ByteView last_bytes, std::uint64_t pack_size);

/// The body of a manifest; Corrupt if it is not that pack's, or does not add up.
Result<PackManifest> decode_manifest(ByteView body, const BirthPack&);

/// `name` is the pack's object name; Corrupt if the manifest is not that pack's.
Result<PackManifest> open_manifest(const RepositoryId&, const ObjectName& name, const BirthPack&,
                                   ByteView framed,
                                   const std::function<Result<Key256>(DomainName)>& index_key);

}  // namespace perdure
