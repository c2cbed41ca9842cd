#include "repo/index.h"

#include "base/try.h"
#include "codec/compress.h"
#include "repo/proto_io.h"

namespace perdure {

namespace {

constexpr int kIndexLevel = 6;  // indexes are small and read often

// An index or hints body on disk: u8 codec, u64 raw length, then the message. FORMAT.md, compressed
// bodies.
Buffer compress_body(const Buffer& raw) {
    Buffer packed;
    const bool smaller = raw.size() >= 64 && Compressor().compress(raw, kIndexLevel, packed);
    Buffer body(9);
    body[0] = static_cast<std::byte>(smaller ? Codec::Zstd : Codec::Raw);
    store_le<std::uint64_t>(body.data() + 1, raw.size());
    append(body, smaller ? packed : raw);
    return body;
}

Result<Buffer> decompress_body(ByteView body) {
    if (body.size() < 9) return Error(ErrorKind::Corrupt, "index is cut short");
    const auto codec = static_cast<Codec>(body[0]);
    const auto length = load_le<std::uint64_t>(body.data() + 1);
    const ByteView rest = body.subspan(9);
    if (codec == Codec::Raw && length == rest.size()) return to_buffer(rest);
    // zstd cannot expand more than about 2^17-fold in frames of this size; refuse before
    // allocating.
    if (codec != Codec::Zstd || length > (1ULL << 31) || length / (1U << 17) > rest.size())
        return Error(ErrorKind::Corrupt, "index has an impossible length");
    Buffer raw(length);
    PERDURE_TRY(Decompressor().decompress(rest, raw));
    return raw;
}

Buffer encode_bitmap(const std::vector<std::uint64_t>& words) {
    Buffer bytes(words.size() * 8);
    for (std::size_t i = 0; i < words.size(); ++i) store_le(bytes.data() + 8 * i, words[i]);
    while (!bytes.empty() && bytes.back() == std::byte{0}) bytes.pop_back();
    return bytes;
}

std::vector<std::uint64_t> decode_bitmap(ByteView bytes) {
    std::vector<std::uint64_t> words((bytes.size() + 7) / 8);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        words[i / 8] |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * (i % 8));
    return words;
}

void encode_table(const PackTable& table, v1::PackTable* out) {
    out->set_id(to_proto(table.pack.pack));
    out->set_kind(static_cast<std::uint32_t>(table.kind));
    out->set_retention_class(table.retention_class);
    out->set_size(table.size);
    out->set_manifest_offset(table.manifest_offset);
    out->set_manifest_length(table.manifest_length);
    out->set_manifest_digest(to_proto(table.manifest_digest));
    std::vector<BirthPack> births;
    out->set_slots(to_proto(encode_slots(table.slots, table.pack, births)));
    for (const BirthPack& birth : births) to_proto(birth, out->add_births());
}

Result<PackTable> decode_table(const v1::PackTable& in, SessionName session) {
    PackTable table;
    table.pack = {session, PERDURE_TRY(id_from<PackId>(in.id(), "pack id"))};
    if (in.kind() != 1 && in.kind() != 2)
        return Error(ErrorKind::Corrupt, "pack is of an unknown kind");
    table.kind = static_cast<PackKind>(in.kind());
    table.retention_class = in.retention_class();
    if (!ObjectName::parse("packs/" + table.retention_class) ||
        table.retention_class.find('/') != std::string::npos)
        return Error(ErrorKind::Corrupt, "pack has an impossible retention class");
    table.size = in.size();
    table.manifest_offset = in.manifest_offset();
    table.manifest_length = in.manifest_length();
    table.manifest_digest = PERDURE_TRY(id_from<Digest>(in.manifest_digest(), "manifest digest"));
    std::vector<BirthPack> births;
    for (const auto& birth : in.births()) births.push_back(PERDURE_TRY(from_proto(birth)));
    table.slots = PERDURE_TRY(decode_slots(as_bytes(in.slots()), table.pack, births));
    return table;
}

Result<LivenessSummary> decode_liveness(ByteView bytes) {
    LivenessSummary summary;
    std::string rest;
    const auto on_field = [&](int field, ByteView whole, ByteView value) -> Result<void> {
        if (field != v1::Liveness::kPacksFieldNumber) {
            rest += as_text(whole);
            return {};
        }
        const auto pack = PERDURE_TRY(decode<v1::PackLiveness>(value, "liveness summary"));
        summary.packs.push_back(
            {PERDURE_TRY(from_proto(pack.pack())), decode_bitmap(as_bytes(pack.blocks()))});
        return {};
    };
    PERDURE_TRY(for_each_field(bytes, "liveness summary", on_field));
    const auto record = PERDURE_TRY(decode<v1::Liveness>(as_bytes(rest), "liveness summary"));
    if (record.has_base())
        summary.base = SessionDigest{
            {WriterNumber{record.base().writer()}, SessionNumber{record.base().number()}},
            PERDURE_TRY(id_from<Digest>(record.base().digest(), "digest"))};
    summary.depth = record.depth();
    if (summary.depth > kMaxLivenessDepth || (summary.depth > 0) != summary.base.has_value())
        return Error(ErrorKind::Corrupt, "a liveness summary has an impossible depth");
    return summary;
}

}  // namespace

Buffer encode_index(const Index& index) {
    v1::Index record;
    record.set_writer(number(index.session.writer));
    record.set_number(number(index.session.session));
    record.set_sealed_secret(to_proto(index.sealed_secret));
    for (const PackTable& table : index.packs) encode_table(table, record.add_packs());
    if (index.liveness) {
        auto* out = record.mutable_liveness();
        if (index.liveness->base) {
            out->mutable_base()->set_writer(number(index.liveness->base->session.writer));
            out->mutable_base()->set_number(number(index.liveness->base->session.session));
            out->mutable_base()->set_digest(to_proto(index.liveness->base->digest));
        }
        out->set_depth(index.liveness->depth);
        for (const auto& pack : index.liveness->packs) {
            auto* p = out->add_packs();
            to_proto(pack.pack, p->mutable_pack());
            p->set_blocks(to_proto(encode_bitmap(pack.blocks)));
        }
    }
    return compress_body(encode(record));
}

Result<Index> decode_index(ByteView body, IndexParts parts) {
    const Buffer raw = PERDURE_TRY(decompress_body(body));
    constexpr int kPacks = v1::Index::kPacksFieldNumber;
    constexpr int kLiveness = v1::Index::kLivenessFieldNumber;
    // The large fields are decoded one element at a time: as a message they would take several
    // times the memory of what they say.
    Index index;
    std::string rest;
    std::optional<ByteView> liveness;
    PERDURE_TRY(for_each_field(raw, "index", [&](int field, ByteView whole, ByteView value) {
        if (field == kLiveness && liveness)
            return Result<void>(Error(ErrorKind::Corrupt, "index has two liveness summaries"));
        if (field == kLiveness)
            liveness = value;
        else if (field != kPacks)
            rest += as_text(whole);
        return Result<void>();
    }));
    const auto record = PERDURE_TRY(decode<v1::Index>(as_bytes(rest), "index"));
    index.session = {WriterNumber{record.writer()}, SessionNumber{record.number()}};
    index.sealed_secret = to_buffer(as_bytes(record.sealed_secret()));
    const auto on_table = [&](int field, ByteView, ByteView value) -> Result<void> {
        if (field != kPacks) return {};
        const auto table = PERDURE_TRY(decode<v1::PackTable>(value, "pack table"));
        index.packs.push_back(PERDURE_TRY(decode_table(table, index.session)));
        return {};
    };
    PERDURE_TRY(for_each_field(raw, "index", on_table));
    if (liveness && parts == IndexParts::All)
        index.liveness = PERDURE_TRY(decode_liveness(*liveness));
    return index;
}

Buffer encode_hints(const std::vector<PackHints>& hints) {
    v1::Hints record;
    for (const PackHints& pack : hints) {
        auto* out = record.add_packs();
        out->set_id(to_proto(pack.pack));
        Buffer bytes(pack.fingerprints.size() * 8);
        for (std::size_t i = 0; i < pack.fingerprints.size(); ++i)
            store_le(bytes.data() + 8 * i, pack.fingerprints[i]);
        out->set_fingerprints(to_proto(bytes));
    }
    return compress_body(encode(record));
}

Result<std::vector<PackHints>> decode_hints(ByteView body) {
    const Buffer raw = PERDURE_TRY(decompress_body(body));
    const auto record = PERDURE_TRY(decode<v1::Hints>(raw, "hints"));
    std::vector<PackHints> hints;
    for (const auto& in : record.packs()) {
        PackHints pack{PERDURE_TRY(id_from<PackId>(in.id(), "pack id")), {}};
        const ByteView bytes = as_bytes(in.fingerprints());
        if (bytes.size() % 8 != 0) return Error(ErrorKind::Corrupt, "hints have a wrong length");
        pack.fingerprints.resize(bytes.size() / 8);
        for (std::size_t i = 0; i < pack.fingerprints.size(); ++i)
            pack.fingerprints[i] = load_le<std::uint64_t>(bytes.data() + 8 * i);
        hints.push_back(std::move(pack));
    }
    return hints;
}

LivenessSummary summarize(const LivenessMarks& marks, const PackRegistry& registry) {
    LivenessSummary summary;
    for (std::size_t i = 0; i < marks.bitmaps().size(); ++i)
        if (!marks.bitmaps()[i].empty())
            summary.packs.push_back(
                {registry.pack_of(PackNumber{static_cast<std::uint32_t>(i)}), marks.bitmaps()[i]});
    return summary;
}

}  // namespace perdure
