#include "repo/collection_records.h"

#include "base/try.h"
#include "repo/proto_io.h"

namespace perdure {

namespace {

void put_packs(const std::vector<BirthPack>& packs, DomainName domain, v1::DomainSection* section) {
    section->set_domain(domain.domain);
    section->set_generation(domain.generation);
    for (const BirthPack& pack : packs) to_proto(pack, section->mutable_condemned()->add_packs());
}

Error not_whole(const char* what) {
    return Error(ErrorKind::Corrupt, std::string(what) + " drops parts of packs");
}

}  // namespace

Buffer encode_condemned_list(const CondemnedList& list, DomainName domain) {
    PERDURE_CHECK(list.part_packs.empty());
    v1::CondemnedList record;
    record.set_number(list.number);
    record.set_time(static_cast<std::uint64_t>(list.time_ns));
    put_packs(list.packs, domain, record.add_sections());
    for (const SessionDigest& end : list.counted) {
        auto* out = record.add_counted();
        out->set_writer(number(end.session.writer));
        out->set_number(number(end.session.session));
        out->set_digest(to_proto(end.digest));
    }
    return encode(record);
}

Result<CondemnedList> decode_condemned_list(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::CondemnedList>(bytes, "condemned list"));
    CondemnedList list;
    list.number = record.number();
    list.time_ns = static_cast<std::int64_t>(record.time());
    for (const auto& section : record.sections()) {
        auto& packs = section.condemned().slots().empty() ? list.packs : list.part_packs;
        for (const auto& pack : section.condemned().packs())
            packs.push_back(PERDURE_TRY(from_proto(pack)));
    }
    for (const auto& end : record.counted())
        list.counted.push_back({{WriterNumber{end.writer()}, SessionNumber{end.number()}},
                                PERDURE_TRY(id_from<Digest>(end.digest(), "digest"))});
    return list;
}

Buffer encode_verdict(const CollectionVerdict& verdict, DomainName domain) {
    v1::Verdict record;
    record.set_number(verdict.number);
    record.set_time(static_cast<std::uint64_t>(verdict.time_ns));
    record.set_list_digest(to_proto(verdict.list));
    put_packs(verdict.dropped, domain, record.add_dropped());
    for (const SessionName barrier : verdict.barriers) {
        auto* below = record.add_barriers()->mutable_below();
        below->set_writer(number(barrier.writer));
        below->set_number(number(barrier.session));
    }
    record.set_not_before(static_cast<std::uint64_t>(verdict.not_before_ns));
    return encode(record);
}

Result<CollectionVerdict> decode_verdict(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::Verdict>(bytes, "verdict"));
    CollectionVerdict verdict;
    verdict.number = record.number();
    verdict.time_ns = static_cast<std::int64_t>(record.time());
    verdict.list = PERDURE_TRY(id_from<Digest>(record.list_digest(), "list digest"));
    for (const auto& section : record.dropped()) {
        if (!section.condemned().slots().empty()) return not_whole("a verdict");
        for (const auto& pack : section.condemned().packs())
            verdict.dropped.push_back(PERDURE_TRY(from_proto(pack)));
    }
    for (const auto& barrier : record.barriers())
        verdict.barriers.push_back(
            {WriterNumber{barrier.below().writer()}, SessionNumber{barrier.below().number()}});
    verdict.not_before_ns = static_cast<std::int64_t>(record.not_before());
    return verdict;
}

}  // namespace perdure
