#include "repo/ledger.h"

#include <algorithm>

#include "base/in_order.h"
#include "base/try.h"
#include "repo/owner_records.h"
#include "repo/proto_io.h"

namespace perdure {

namespace {

/// Who may say what (FORMAT.md §19).
bool may_say(Role role, LedgerKind kind) {
    const bool proof =
        kind == LedgerKind::Verified || kind == LedgerKind::Audit || kind == LedgerKind::Drill;
    return role == Role::Owner || role == (proof ? Role::Verifier : Role::Maintainer);
}

void learn(Ledger& ledger, const LedgerRecord& record) {
    const auto later = [&](std::int64_t& time) { time = std::max(time, record.time_ns); };
    if (record.kind == LedgerKind::Checked)
        for (const BirthPack& pack : record.packs) {
            Ledger::PackTimes& times = ledger.packs[pack];
            if (record.level == LedgerLevel::Deep) later(times.deep_ns);
            if (record.level == LedgerLevel::Aead) later(times.aead_ns);
        }
    if (record.kind == LedgerKind::Verified || record.kind == LedgerKind::Drill)
        for (const SessionDigest& point : record.sessions) later(ledger.verified[point]);
}

bool ends_reading(const Error& error) {
    return error.kind() == ErrorKind::Cancelled || error.kind() == ErrorKind::Unavailable ||
           error.kind() == ErrorKind::Timeout;
}

}  // namespace

Buffer encode_ledger_record(const LedgerRecord& in) {
    v1::LedgerRecord record;
    record.set_kind(static_cast<v1::LedgerRecord::Kind>(in.kind));
    record.set_time(static_cast<std::uint64_t>(in.time_ns));
    if (in.previous) record.set_previous_digest(to_proto(*in.previous));
    for (const SessionDigest& session : in.sessions) {
        auto* out = record.add_sessions();
        out->set_writer(number(session.session.writer));
        out->set_number(number(session.session.session));
        out->set_digest(to_proto(session.digest));
    }
    for (const BirthPack& pack : in.packs) to_proto(pack, record.add_packs());
    record.set_level(static_cast<std::uint32_t>(in.level));
    record.set_text(in.text);
    return encode(record);
}

Result<LedgerRecord> decode_ledger_record(ByteView bytes) {
    const auto in = PERDURE_TRY(decode<v1::LedgerRecord>(bytes, "ledger"));
    if (in.kind() < 1 || in.kind() > 6)
        return Error(ErrorKind::Corrupt, "ledger record is of an unknown kind");
    LedgerRecord record;
    record.kind = static_cast<LedgerKind>(in.kind());
    record.time_ns = static_cast<std::int64_t>(in.time());
    if (!in.previous_digest().empty())
        record.previous = PERDURE_TRY(id_from<Digest>(in.previous_digest(), "digest"));
    for (const auto& session : in.sessions())
        record.sessions.push_back(
            {{WriterNumber{session.writer()}, SessionNumber{session.number()}},
             PERDURE_TRY(id_from<Digest>(session.digest(), "digest"))});
    for (const auto& pack : in.packs()) record.packs.push_back(PERDURE_TRY(from_proto(pack)));
    if (in.level() > 3) return Error(ErrorKind::Corrupt, "ledger record has an unknown level");
    record.level = static_cast<LedgerLevel>(in.level());
    record.text = in.text();
    return record;
}

Result<LedgerRecord> open_ledger_record(const Repository& repository, const ObjectName& name,
                                        ByteView object) {
    const auto sealed = PERDURE_TRY(repository.open_sealed(ObjectType::Ledger, name, object));
    const Signer signer = sealed.signer;
    const auto opened = PERDURE_TRY(
        signer.role == Role::Owner
            ? repository.open_by_maintainer(ObjectType::Ledger, name, object)
            : repository.open_by_writer(ObjectType::Ledger, name, signer.enrolment, object));
    LedgerRecord record = PERDURE_TRY(decode_ledger_record(opened.body).context(name.text()));
    if (!may_say(signer.role, record.kind))
        return Error(ErrorKind::Corrupt,
                     name.text() + ": was signed by someone who may not say this");
    return record;
}

Result<Ledger> load_ledger(const Repository& repository, std::stop_token stop) {
    Ledger ledger;
    std::vector<std::pair<std::uint64_t, ListedObject>> found;
    for (ListedObject& object : PERDURE_TRY(list_objects(repository.store(), "ledger/", stop)))
        if (const auto n = names::parse_ledger(object.name.text()))
            found.emplace_back(*n, std::move(object));
    InOrder order;
    order.count = found.size();
    order.threads = record_threads(repository.store().properties(), found.size());
    PERDURE_TRY(make_in_order<Result<Buffer>>(
        order,
        [&](std::size_t i, std::stop_token by) -> Result<Result<Buffer>> {
            return repository.load_record(found[i].second, std::move(by));
        },
        [&](std::size_t i, const Result<Buffer>& object) -> Result<void> {
            const auto& [n, listed] = found[i];
            if (!object && ends_reading(object.error())) return object.error();
            if (!object) return {};
            ledger.next = n + 1;
            ledger.last = digest_of(*object);
            const auto record = open_ledger_record(repository, listed.name, *object);
            if (record)
                learn(ledger, *record);
            else if (!repository.lacks_key_of(*object))
                ledger.problems.push_back({listed.name.text(), record.error().describe()});
            return {};
        },
        stop));
    return ledger;
}

Result<void> append_to_ledger(const Repository& repository, LedgerRecord record,
                              std::stop_token stop) {
    if (!repository.is_owner()) return not_owner("writing to the ledger");
    PERDURE_TRY(repository.may_write());
    const DomainKeys domain = PERDURE_TRY(repository.domain_keys());
    const Ledger before = PERDURE_TRY(load_ledger(repository, stop));
    record.previous = before.last;
    record.time_ns = repository.clock().now().nanoseconds;
    for (std::uint64_t n = before.next;; ++n) {
        const ObjectName name = names::ledger(n);
        const Buffer object = seal_record(
            {repository.id(), ObjectType::Ledger, name.text()}, encode_ledger_record(record),
            sign_as_owner(repository.keyring().owner(), repository.epoch().number),
            {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
        auto created = repository.store().create(name, object, stop);
        if (created || created.error().kind() != ErrorKind::AlreadyExists) return created;
        // Another's: bound by this record, which takes the next number.
        record.previous =
            digest_of(PERDURE_TRY(repository.store().load(name, ByteRange::all(), stop)));
    }
}

}  // namespace perdure
