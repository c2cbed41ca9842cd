#include "repo/pack.h"

#include <algorithm>

#include "base/try.h"
#include "codec/byte_io.h"
#include "codec/crc32c.h"
#include "repo/proto_io.h"
#include "repo/record.h"

namespace perdure {

namespace {

constexpr std::string_view kHeaderMagic = "PPAK";
constexpr std::string_view kFooterMagic = "PEND";
constexpr std::size_t kFixedHeader = 64;
constexpr std::uint32_t kMaxSecrets = 1U << 20;
constexpr std::uint32_t kMaxSealedSecret = 4096;
constexpr std::size_t kManifestRoom = 1U << 20;

Error corrupt(std::string why) { return Error(ErrorKind::Corrupt, "pack: " + std::move(why)); }

Buffer encode_leaves(const std::vector<LeafRecord>& leaves) {
    ByteWriter w;
    w.varint(leaves.size());
    for (const auto& leaf : leaves) w.bytes(leaf.id.view());
    for (const auto& leaf : leaves) w.varint(leaf.length);
    return w.take();
}

Result<std::vector<LeafRecord>> decode_leaves(ByteView bytes) {
    ByteReader r(bytes);
    const std::uint64_t count = r.varint();
    if (!r.ok() || count > r.remaining() / LeafId::size) return corrupt("leaf table is cut short");
    std::vector<LeafRecord> leaves(count);
    for (auto& leaf : leaves) {
        const auto id = LeafId::from_bytes(r.bytes(LeafId::size));
        if (!id) return corrupt("leaf table is cut short");
        leaf.id = *id;
    }
    for (auto& leaf : leaves) {
        const std::uint64_t length = r.varint();
        if (length > kMaxBlockRaw) return corrupt("leaf table has an impossible length");
        leaf.length = static_cast<std::uint32_t>(length);
    }
    if (!r.done()) return corrupt("leaf table has a wrong length");
    return leaves;
}

}  // namespace

// On disk: FORMAT.md, pack header.
Buffer encode_pack_header(const PackContext& context, PackKind kind, const PackId& id,
                          std::span<const SealedSecret> secrets) {
    ByteWriter w;
    w.bytes(as_bytes(kHeaderMagic));
    w.u8(kFormatVersion);
    w.u8(static_cast<std::uint8_t>(kind));
    w.u8(0);
    w.u8(0);
    w.u32(number(context.session.writer));
    w.u32(context.domain.name.domain);
    w.u64(number(context.session.session));
    w.bytes(id.view());
    w.bytes(context.repository.view());
    w.u32(context.domain.name.generation);
    w.u32(static_cast<std::uint32_t>(secrets.size()));
    for (const SealedSecret& secret : secrets) {
        w.u32(number(secret.session.writer));
        w.u64(number(secret.session.session));
        w.u32(static_cast<std::uint32_t>(secret.box.size()));
        w.bytes(secret.box);
    }
    w.u32(crc32c(w.view()));
    return w.take();
}

Buffer encode_slots(const std::vector<SlotEntry>& slots, const BirthPack& own,
                    std::vector<BirthPack>& births) {
    ByteWriter w;
    w.varint(slots.size());
    std::uint64_t end = 0;
    for (const auto& slot : slots) {
        w.varint(slot.offset - end);
        w.varint(slot.sealed_length);
        w.varint(slot.raw_length);
        w.varint(slot.leaf_count);
        end = slot.offset + kBlockHeaderSize + slot.sealed_length;
        if (slot.birth.pack == own) {
            w.varint(0);
            continue;
        }
        auto at = std::find(births.begin(), births.end(), slot.birth.pack);
        if (at == births.end()) at = births.insert(births.end(), slot.birth.pack);
        w.varint(static_cast<std::uint64_t>(at - births.begin()) + 1);
        w.varint(slot.birth.slot);
    }
    return w.take();
}

Result<std::vector<SlotEntry>> decode_slots(ByteView bytes, const BirthPack& own,
                                            const std::vector<BirthPack>& births) {
    ByteReader r(bytes);
    const std::uint64_t count = r.varint();
    if (!r.ok() || count > r.remaining() / 5) return corrupt("slot table is cut short");
    std::vector<SlotEntry> slots;
    slots.reserve(count);
    std::uint64_t end = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        SlotEntry slot;
        slot.offset = end + r.varint();
        const std::uint64_t sealed = r.varint();
        const std::uint64_t raw = r.varint();
        const std::uint64_t leaves = r.varint();
        const std::uint64_t birth = r.varint();
        if (!r.ok() || sealed > kMaxBlockRaw + kTagSize || raw > kMaxBlockRaw ||
            leaves > kMaxBlockRaw || birth > births.size() || slot.offset < end ||
            slot.offset > (1ULL << 48))
            return corrupt("slot table is damaged");
        slot.sealed_length = static_cast<std::uint32_t>(sealed);
        slot.raw_length = static_cast<std::uint32_t>(raw);
        slot.leaf_count = static_cast<std::uint32_t>(leaves);
        slot.birth = {own, static_cast<std::uint32_t>(i)};
        if (birth > 0) {
            const std::uint64_t birth_slot = r.varint();
            if (birth_slot > 0xffffffff) return corrupt("slot table is damaged");
            slot.birth = {births[birth - 1], static_cast<std::uint32_t>(birth_slot)};
        }
        end = slot.offset + kBlockHeaderSize + slot.sealed_length;
        slots.push_back(slot);
    }
    if (!r.done()) return corrupt("slot table has a wrong length");
    return slots;
}

PackBuilder::PackBuilder(const PackContext& context, PackKind kind, const PackId& id, Buffer reuse)
    : context_(context),
      kind_(kind),
      keys_(derive_pack_keys(context.repository, context.secret, {context.session, id})),
      aead_(preferred_cipher(), keys_.seal),
      bytes_(std::move(reuse)) {
    manifest_.pack = {context.session, id};
    manifest_.key_commitment = keys_.commitment;
    bytes_.clear();
    // Grown once: doubling would hold twice the pack. Metadata packs are mostly small and grow as
    // they need.
    if (kind == PackKind::Data) bytes_.reserve(context.target_size + kManifestRoom);
    const SealedSecret own{context.session, context.sealed_secret};
    append(bytes_, encode_pack_header(context, kind, id, {&own, 1}));
}

Result<SealedBlock> PackBuilder::add(ByteView raw, std::span<const LeafRecord> leaves,
                                     BlockSealer& sealer, LeafTableHasher& hasher,
                                     const SealPolicy& policy) {
    BlockHeader header;
    header.cipher = preferred_cipher();
    header.birth = {manifest_.pack, next_slot()};
    header.domain = context_.domain.name;
    header.leaves = hasher.hash(leaves);
    SlotEntry slot;
    slot.offset = bytes_.size();
    const SealedBlock sealed =
        PERDURE_TRY(sealer.seal(header, raw, aead_, keys_.nonce, policy, bytes_));
    slot.sealed_length = sealed.sealed_length;
    slot.raw_length = static_cast<std::uint32_t>(raw.size());
    slot.leaf_count = static_cast<std::uint32_t>(leaves.size());
    slot.birth = header.birth;
    manifest_.slots.push_back(slot);
    manifest_.leaves.insert(manifest_.leaves.end(), leaves.begin(), leaves.end());
    return sealed;
}

FinishedPack PackBuilder::finish() {
    return end_pack(context_, kind_, std::move(manifest_), std::move(bytes_));
}

FinishedPack end_pack(const PackContext& context, PackKind kind, PackManifest manifest,
                      Buffer bytes) {
    FinishedPack finished;
    PackTable& table = finished.table;
    table.pack = manifest.pack;
    table.kind = kind;
    table.retention_class = context.retention_class;
    table.manifest_offset = bytes.size();

    v1::Manifest record;
    record.set_pack(to_proto(manifest.pack.pack));
    record.set_writer(number(manifest.pack.session.writer));
    record.set_session(number(manifest.pack.session.session));
    std::vector<BirthPack> births;
    record.set_slots(to_proto(encode_slots(manifest.slots, manifest.pack, births)));
    record.set_leaves(to_proto(encode_leaves(manifest.leaves)));
    record.set_key_commitment(to_proto(manifest.key_commitment));
    for (const BirthPack& birth : births) {
        v1::BirthCommitment* out = record.add_births();
        to_proto(birth, out->mutable_pack());
        out->set_key_commitment(to_proto(manifest.births.at(birth)));
    }
    const RecordPlace place{context.repository, ObjectType::Manifest, table.name().text()};
    const SealWith seal{Sealing::IndexKey, context.domain.index_key, context.domain.name.domain,
                        context.domain.name.generation};
    const Buffer framed = seal_record(place, encode(record), {}, seal);
    append(bytes, framed);
    table.manifest_length = static_cast<std::uint32_t>(framed.size());
    table.manifest_digest = digest_of(framed);

    ByteWriter footer;  // On disk: FORMAT.md, pack footer
    footer.u64(table.manifest_offset);
    footer.u32(table.manifest_length);
    footer.u32(0);
    footer.u32(crc32c(footer.view()));
    footer.bytes(as_bytes(kFooterMagic));
    append(bytes, footer.view());
    table.size = bytes.size();
    table.slots = std::move(manifest.slots);
    finished.bytes = std::move(bytes);
    return finished;
}

Result<PackHeader> parse_pack_header(ByteView bytes) {
    if (bytes.size() < kFixedHeader || as_text(bytes.first(4)) != kHeaderMagic)
        return corrupt("has no header");
    ByteReader r(bytes.subspan(4));
    PackHeader header;
    if (r.u8() != kFormatVersion) return corrupt("has an unknown version");
    const auto kind = r.u8();
    if (kind != 1 && kind != 2) return corrupt("is of an unknown kind");
    header.kind = static_cast<PackKind>(kind);
    r.u8();
    r.u8();
    header.pack.session.writer = WriterNumber{r.u32()};
    header.domain.domain = r.u32();
    header.pack.session.session = SessionNumber{r.u64()};
    header.pack.pack = *PackId::from_bytes(r.bytes(PackId::size));
    header.repository = *RepositoryId::from_bytes(r.bytes(RepositoryId::size));
    header.domain.generation = r.u32();
    const std::uint32_t count = r.u32();
    if (count > kMaxSecrets) return corrupt("header is damaged");
    for (std::uint32_t i = 0; i < count && r.ok(); ++i) {
        SealedSecret secret;
        secret.session.writer = WriterNumber{r.u32()};
        secret.session.session = SessionNumber{r.u64()};
        const std::uint32_t length = r.u32();
        if (length > kMaxSealedSecret) return corrupt("header is damaged");
        secret.box = to_buffer(r.bytes(length));
        header.secrets.push_back(std::move(secret));
    }
    const std::size_t covered = bytes.size() - r.remaining();
    const std::uint32_t crc = r.u32();
    if (!r.ok()) return corrupt("header is cut short");
    if (crc32c(bytes.first(covered)) != crc) return corrupt("header fails its checksum");
    header.size = covered + 4;
    return header;
}

Result<PackFooter> parse_pack_footer(ByteView last_bytes, std::uint64_t pack_size) {
    if (last_bytes.size() < kPackFooterSize) return corrupt("is cut short");
    const ByteView footer = last_bytes.last(kPackFooterSize);
    if (as_text(footer.last(4)) != kFooterMagic) return corrupt("has no footer");
    ByteReader r(footer);
    PackFooter parsed{r.u64(), r.u32()};
    r.u32();
    if (r.u32() != crc32c(footer.first(16))) return corrupt("footer fails its checksum");
    if (parsed.manifest_length > pack_size ||
        parsed.manifest_offset > pack_size - parsed.manifest_length)
        return corrupt("footer points outside the pack");
    return parsed;
}

Result<PackManifest> open_manifest(const RepositoryId& repository, const ObjectName& name,
                                   const BirthPack& pack, ByteView framed,
                                   const std::function<Result<Key256>(DomainName)>& index_key) {
    const RecordPlace place{repository, ObjectType::Manifest, name.text()};
    const auto opened =
        PERDURE_TRY(open_record(place, framed, [&](const FrameHeader& header) -> Result<Key256> {
            return index_key({header.domain, header.generation});
        }));
    return decode_manifest(opened.body, pack);
}

Result<PackManifest> decode_manifest(ByteView body, const BirthPack& pack) {
    const auto record = PERDURE_TRY(decode<v1::Manifest>(body, "manifest"));
    PackManifest manifest;
    manifest.pack = {{WriterNumber{record.writer()}, SessionNumber{record.session()}},
                     PERDURE_TRY(id_from<PackId>(record.pack(), "pack id"))};
    if (manifest.pack != pack) return corrupt("manifest is another pack's");
    std::vector<BirthPack> births;
    for (const auto& birth : record.births()) {
        births.push_back(PERDURE_TRY(from_proto(birth.pack())));
        manifest.births[births.back()] =
            PERDURE_TRY(id_from<Digest>(birth.key_commitment(), "key commitment"));
    }
    manifest.slots = PERDURE_TRY(decode_slots(as_bytes(record.slots()), pack, births));
    manifest.leaves = PERDURE_TRY(decode_leaves(as_bytes(record.leaves())));
    manifest.key_commitment =
        PERDURE_TRY(id_from<Digest>(record.key_commitment(), "key commitment"));
    std::uint64_t leaves = 0;
    for (const auto& slot : manifest.slots) leaves += slot.leaf_count;
    if (leaves != manifest.leaves.size()) return corrupt("manifest does not add up");
    return manifest;
}

}  // namespace perdure
