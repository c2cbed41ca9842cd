#include "engine/pack_checker.h"

#include "base/try.h"
#include "engine/check_state.h"

namespace perdure {

namespace {

// Read at once: long enough for a disk, short enough that checksum, cipher and hash find it in
// cache. Over a network an answer takes its time whatever its length.
constexpr std::uint64_t kGroup = 2U << 20;
constexpr std::uint64_t kFarGroup = 8U << 20;
constexpr std::size_t kMostSecrets = 4096;

Error corrupt(std::string why) { return Error(ErrorKind::Corrupt, std::move(why)); }

bool same_slots(const std::vector<SlotEntry>& a, const std::vector<SlotEntry>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const SlotEntry& x, const SlotEntry& y) {
                          return x.offset == y.offset && x.sealed_length == y.sealed_length &&
                                 x.raw_length == y.raw_length && x.leaf_count == y.leaf_count &&
                                 x.birth == y.birth;
                      });
}

}  // namespace

PackChecker::PackChecker(const Repository& repository, CheckLevel level)
    : repository_(repository),
      level_(level),
      owner_(repository.is_owner()),
      group_(repository.store().properties().connections > 2 ? kFarGroup : kGroup),
      opener_(repository.id()) {}

Result<PackChecker::DomainTools*> PackChecker::tools_of(DomainName name) {
    if (const auto at = domains_.find(name); at != domains_.end()) return &at->second;
    const DomainKeys keys = PERDURE_TRY(repository_.keyring().domain(name));
    const DedupKeys dedup = expand(keys, repository_.id());
    DomainTools tools{
        dedup.leaf, dedup.page, std::make_unique<LeafTableHasher>(repository_.id(), keys),
        std::make_unique<KeyedHasher>(dedup.leaf), std::make_unique<KeyedHasher>(dedup.page)};
    return &domains_.emplace(name, std::move(tools)).first->second;
}

/// Of a session whose blocks were copied here: as its log entry says, else the pack's header.
Result<Buffer> PackChecker::sealed_secret_of(const PackRun& run, SessionName session) const {
    if (session == run.table.pack.session) return run.secrets.front().box;
    if (const auto log = repository_.load_log_entry(session, nullptr, {}))
        return log->sealed_secret;
    for (const SealedSecret& secret : run.secrets)
        if (secret.session == session) return secret.box;
    return corrupt("its session's secret is not at hand");
}

Result<Aead*> PackChecker::aead_of(const PackRun& run, const BirthPack& birth, Cipher cipher) {
    const std::pair key{birth, cipher};
    if (const auto at = aeads_.find(key); at != aeads_.end()) return &at->second;
    auto secret = secrets_.find(birth.session);
    if (secret == secrets_.end()) {
        const Buffer sealed = PERDURE_TRY(sealed_secret_of(run, birth.session));
        SessionSecret opened =
            PERDURE_TRY(repository_.keyring().open_secret(repository_.id(), birth.session, sealed));
        if (secrets_.size() >= kMostSecrets) secrets_.clear();
        secret = secrets_.emplace(birth.session, std::move(opened)).first;
    }
    const PackKeys keys = derive_pack_keys(repository_.id(), secret->second, birth);
    if (run.manifest) {
        const auto& births = run.manifest->births;
        const auto at = births.find(birth);
        const bool own = birth == run.table.pack;
        const Digest& expected = own                  ? run.manifest->key_commitment
                                 : at != births.end() ? at->second
                                                      : keys.commitment;
        if (keys.commitment != expected)
            return corrupt("its session's secret is not the one it was sealed with");
    }
    return &aeads_.emplace(key, Aead(cipher, keys.seal)).first->second;
}

// ------------------------------------------------------------------------------------ a pack

void PackChecker::read_header(PackRun& run, ByteView start) {
    const auto header = parse_pack_header(start);
    if (!header) {
        run.report.pack = header.error().describe();
        return;
    }
    if (header->pack != run.table.pack || header->repository != repository_.id() ||
        header->kind != run.table.kind)
        run.report.pack = "pack: its header is another pack's";
    for (const SealedSecret& secret : header->secrets)
        if (secret.session != run.table.pack.session) run.secrets.push_back(secret);
}

Result<void> PackChecker::read_tail(PackRun& run, std::stop_token stop) {
    const PackTable& table = run.table;
    const Buffer tail = PERDURE_TRY(
        repository_.store().load(run.name, {table.manifest_offset, ByteRange::kToEnd}, stop));
    run.report.bytes += tail.size();
    if (tail.size() < table.manifest_length) return corrupt("its manifest is cut short");
    const ByteView framed = ByteView(tail).first(table.manifest_length);
    const PackFooter footer =
        PERDURE_TRY(parse_pack_footer(tail, table.manifest_offset + tail.size()));
    if (footer.manifest_offset != table.manifest_offset ||
        footer.manifest_length != table.manifest_length)
        return corrupt("its footer points elsewhere than its index");
    if (digest_of(framed) != table.manifest_digest)
        return corrupt("its manifest is not the one its index names");
    PackManifest manifest = PERDURE_TRY(
        open_manifest(repository_.id(), run.name, table.pack, framed,
                      [&](DomainName domain) { return repository_.keyring().index_key(domain); }));
    if (!same_slots(manifest.slots, table.slots))
        return corrupt("its manifest and its index disagree");
    std::uint64_t leaf = 0;
    for (const SlotEntry& slot : manifest.slots) {
        run.first_leaf.push_back(leaf);
        leaf += slot.leaf_count;
    }
    run.manifest = std::move(manifest);
    return {};
}

std::uint32_t PackChecker::end_of_group(const PackTable& table, std::uint32_t first) const {
    std::uint32_t end = first;
    const std::uint64_t from = table.slots[first].offset;
    while (end < table.slots.size() &&
           (end == first ||
            table.slots[end].offset + kBlockHeaderSize + table.slots[end].sealed_length - from <=
                group_))
        ++end;
    return end;
}

Result<void> PackChecker::read_group(PackRun& run, std::uint32_t first, std::uint32_t end,
                                     std::stop_token stop) {
    const std::vector<SlotEntry>& slots = run.table.slots;
    const std::uint64_t from = first == 0 ? 0 : slots[first].offset;
    const std::uint64_t to =
        slots[end - 1].offset + kBlockHeaderSize + slots[end - 1].sealed_length;
    auto bytes = repository_.store().load(run.name, {from, to - from}, stop);
    // A store that breaks its word (G10) is a finding, not the end of the check.
    if (bytes && bytes->size() != to - from)
        bytes = Error(ErrorKind::Corrupt, run.name.text() + ": the store gave " +
                                              std::to_string(bytes->size()) + " bytes instead of " +
                                              std::to_string(to - from));
    if (!bytes && ends_check(bytes.error())) return bytes.error();
    if (!bytes && end - first > 1) {
        // One bad sector must not hide the blocks beside it.
        for (std::uint32_t slot = first; slot < end; ++slot)
            PERDURE_TRY(read_group(run, slot, slot + 1, stop));
        return {};
    }
    if (!bytes) {
        run.report.blocks.push_back({first, bytes.error().describe(), slots[first].birth});
        return {};
    }
    run.report.bytes += bytes->size();
    if (first == 0) read_header(run, ByteView(*bytes).first(slots[0].offset));
    for (std::uint32_t slot = first; slot < end; ++slot) {
        const ByteView block = ByteView(*bytes).subspan(
            slots[slot].offset - from, kBlockHeaderSize + slots[slot].sealed_length);
        const auto good = test_block(run, slot, block);
        if (!good) run.report.blocks.push_back({slot, good.error().describe(), slots[slot].birth});
        ++run.report.blocks_read;
    }
    return {};
}

Result<PackReport> PackChecker::check(const PackAccess& access, std::stop_token stop) {
    const PackTable& table = access.table;
    PackRun run{table, table.name(), {{table.pack.session, access.sealed_secret}}, {}, {}, {}};
    aeads_.clear();
    const auto tail = read_tail(run, stop);
    if (!tail && ends_check(tail.error())) return tail.error();
    if (!tail) run.report.pack = tail.error().describe();
    for (std::uint32_t first = 0; first < table.slots.size();) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const std::uint32_t end = end_of_group(table, first);
        PERDURE_TRY(read_group(run, first, end, stop));
        first = end;
    }
    return std::move(run.report);
}

// ------------------------------------------------------------------------------------ a block

Result<void> PackChecker::test_block(PackRun& run, std::uint32_t slot, ByteView block) {
    const SlotEntry& entry = run.table.slots[slot];
    const BlockHeader header = PERDURE_TRY(parse_block_header(block, true));
    if (header.birth != entry.birth) return corrupt("block is another one than its index says");
    if (header.sealed_length != entry.sealed_length || header.raw_length != entry.raw_length)
        return corrupt("block has other lengths than its index says");
    std::span<const LeafRecord> leaves;
    if (run.manifest) {
        leaves = std::span(run.manifest->leaves).subspan(run.first_leaf[slot], entry.leaf_count);
        DomainTools* tools = PERDURE_TRY(tools_of(header.domain));
        if (tools->table->hash(leaves) != header.leaves)
            return corrupt("block holds other leaves than its manifest says");
    }
    return owner_ ? test_content(run, header, entry, block, leaves) : Result<void>();
}

Result<void> PackChecker::test_content(PackRun& run, const BlockHeader& header,
                                       const SlotEntry& entry, ByteView block,
                                       std::span<const LeafRecord> leaves) {
    Aead* aead = PERDURE_TRY(aead_of(run, entry.birth.pack, header.cipher));
    if (level_ != CheckLevel::Deep) return opener_.authenticate(entry.birth, block, *aead);
    PERDURE_TRY(opener_.open(entry.birth, block, *aead, raw_));
    run.report.decoded += raw_.size();
    if (!run.manifest) return {};  // the manifest has a fault of its own
    run.report.leaves += leaves.size();
    return test_leaves(run.table.kind, *PERDURE_TRY(tools_of(header.domain)), leaves);
}

Result<void> PackChecker::test_leaves(PackKind kind, DomainTools& tools,
                                      std::span<const LeafRecord> leaves) {
    KeyedHasher& hasher = kind == PackKind::Data ? *tools.leaf_hasher : *tools.page_hasher;
    std::size_t at = 0;
    for (const LeafRecord& leaf : leaves) {
        if (leaf.length > raw_.size() - at) return corrupt("block is shorter than its leaves");
        hasher.reset();
        const Digest digest = hasher.update(ByteView(raw_).subspan(at, leaf.length)).finish();
        if (!equal(digest.view(), leaf.id.view()))
            return corrupt("block holds a leaf that is not what its id says");
        at += leaf.length;
    }
    return at == raw_.size() ? Result<void>() : corrupt("block is longer than its leaves");
}

}  // namespace perdure
