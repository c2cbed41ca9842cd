// Reads whole packs and tests their blocks. Holds the buffers and contexts of one worker.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/check.h"
#include "repo/block.h"
#include "repo/pack_catalog.h"

namespace perdure {

struct BlockFault {
    std::uint32_t slot = 0;  // its place in the pack
    std::string text;
    BirthAddress block;
};

struct PackReport {
    std::vector<BlockFault> blocks;
    std::string pack;  // what is wrong with header, manifest or footer; "" if nothing
    std::uint64_t bytes = 0, blocks_read = 0, leaves = 0, decoded = 0;

    bool is_whole() const { return blocks.empty() && pack.empty(); }
};

class PackChecker {
public:
    /// Without the owner's keys only checksums and what the index key opens are tested.
    PackChecker(const Repository&, CheckLevel);

    /// Errors only where ends_check() says so; all else is in the report.
    Result<PackReport> check(const PackAccess&, std::stop_token);

private:
    struct DomainTools {
        Key256 leaf, page;
        std::unique_ptr<LeafTableHasher> table;
        std::unique_ptr<KeyedHasher> leaf_hasher, page_hasher;
    };
    struct PackRun {  // the pack at hand
        const PackTable& table;
        ObjectName name;
        std::vector<SealedSecret> secrets;  // of sessions whose blocks lie here
        std::optional<PackManifest> manifest;
        std::vector<std::uint64_t> first_leaf;  // of each slot, in the manifest
        PackReport report;
    };

    Result<void> read_tail(PackRun&, std::stop_token);
    Result<void> read_group(PackRun&, std::uint32_t first, std::uint32_t end, std::stop_token);
    std::uint32_t end_of_group(const PackTable&, std::uint32_t first) const;
    void read_header(PackRun&, ByteView start);
    Result<void> test_block(PackRun&, std::uint32_t slot, ByteView block);
    Result<void> test_content(PackRun&, const BlockHeader&, const SlotEntry&, ByteView block,
                              std::span<const LeafRecord> leaves);
    Result<void> test_leaves(PackKind, DomainTools&, std::span<const LeafRecord>);
    Result<Buffer> sealed_secret_of(const PackRun&, SessionName) const;
    Result<Aead*> aead_of(const PackRun&, const BirthPack&, Cipher);
    Result<DomainTools*> tools_of(DomainName);

    const Repository& repository_;
    const CheckLevel level_;
    const bool owner_;
    const std::uint64_t group_;  // bytes of a read
    BlockOpener opener_;
    Buffer raw_;
    std::map<DomainName, DomainTools> domains_;
    std::map<SessionName, SessionSecret> secrets_;
    std::map<std::pair<BirthPack, Cipher>, Aead> aeads_;  // of the pack at hand
};

}  // namespace perdure
