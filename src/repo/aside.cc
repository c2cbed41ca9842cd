#include "repo/aside.h"

#include "base/try.h"
#include "repo/owner_records.h"
#include "repo/proto_io.h"

namespace perdure {

Buffer encode_aside(const AsideRecord& in) {
    v1::Aside record;
    record.set_name(in.name);
    record.set_was_there(in.damaged.has_value());
    if (in.damaged) record.set_damaged(to_proto(*in.damaged));
    if (in.put_back) record.set_put_back_digest(to_proto(*in.put_back));
    record.set_time(static_cast<std::uint64_t>(in.time_ns));
    record.set_reason(in.reason);
    return encode(record);
}

Result<AsideRecord> decode_aside(ByteView bytes) {
    const auto in = PERDURE_TRY(decode<v1::Aside>(bytes, "repair"));
    AsideRecord record;
    record.name = in.name();
    if (in.was_there()) record.damaged = to_buffer(as_bytes(in.damaged()));
    if (!in.put_back_digest().empty())
        record.put_back = PERDURE_TRY(id_from<Digest>(in.put_back_digest(), "digest"));
    record.time_ns = static_cast<std::int64_t>(in.time());
    record.reason = in.reason();
    return record;
}

namespace {

Result<void> add_aside(Store& store, const Repository& signer, AsideRecord record,
                       std::stop_token stop) {
    record.time_ns = signer.clock().now().nanoseconds;
    const DomainKeys domain = PERDURE_TRY(signer.domain_keys());
    PackId drawn;  // no two repairs draw one name
    signer.random().fill(drawn.raw());
    const ObjectName name = names::aside(drawn);
    const Buffer sealed = seal_record(
        {signer.id(), ObjectType::Aside, name.text()}, encode_aside(record),
        sign_as_owner(signer.keyring().owner(), signer.epoch().number),
        {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
    return store.create(name, sealed, stop);
}

}  // namespace

Result<void> cover_again(Store& store, const Repository& signer, const ObjectName& object,
                         ByteView good, const std::string& reason, std::stop_token stop) {
    if (!signer.is_owner()) return not_owner("repairing");
    AsideRecord record;
    record.name = object.text();
    record.put_back = digest_of(good);
    record.reason = reason;
    PERDURE_TRY(add_aside(store, signer, std::move(record), stop));
    return store.put_back(object, good, stop);
}

Result<void> set_aside(Store& store, const Repository& signer, const ObjectName& object,
                       std::optional<ByteView> good, const std::string& reason,
                       std::stop_token stop) {
    if (!signer.is_owner()) return not_owner("repairing");
    auto there = store.load(object, ByteRange::all(), stop);
    const bool missing = !there && there.error().kind() == ErrorKind::NotFound;
    if (!there && !missing) return std::move(there).error();
    if (there && good && equal(*there, *good)) return {};
    AsideRecord record;
    record.name = object.text();
    if (there) record.damaged = std::move(*there);
    if (good) record.put_back = digest_of(*good);
    record.reason = reason;
    PERDURE_TRY(add_aside(store, signer, std::move(record), stop));
    if (!good) return store.remove(object, stop);
    return store.put_back(object, *good, stop);
}

}  // namespace perdure
