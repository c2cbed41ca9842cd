#include "repo/ledger.h"

#include <algorithm>
#include <functional>

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

/// A horizon's sessions have no digests, and its level is the mode of the locks.
void put_horizon(const LedgerRecord& in, v1::LedgerRecord& record) {
    for (const SessionName session : in.locked) {
        auto* out = record.add_sessions();
        out->set_writer(number(session.writer));
        out->set_number(number(session.session));
    }
    record.set_level(static_cast<std::uint32_t>(in.lock_mode));
    record.set_retention_class(in.retention_class);
    record.set_locked_until(static_cast<std::uint64_t>(in.locked_until_ns));
}

Result<LedgerRecord> take_horizon(const v1::LedgerRecord& in, LedgerRecord record) {
    if (in.level() < 1 || in.level() > 2)
        return Error(ErrorKind::Corrupt, "lock horizon has an unknown mode");
    record.lock_mode = static_cast<LockMode>(in.level());
    record.retention_class = in.retention_class();
    record.locked_until_ns = static_cast<std::int64_t>(in.locked_until());
    record.locked.reserve(static_cast<std::size_t>(in.sessions_size()));
    for (const auto& session : in.sessions())
        record.locked.push_back({WriterNumber{session.writer()}, SessionNumber{session.number()}});
    return record;
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
    if (in.kind == LedgerKind::LockHorizon) put_horizon(in, record);
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
    if (record.kind == LedgerKind::LockHorizon) return take_horizon(in, std::move(record));
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
    const InOrder order = order_records(repository.store(), found.size());
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

namespace {

using Seal = std::function<Buffer(const ObjectName&, ByteView body)>;

Result<void> append(const Repository& repository, LedgerRecord record, const Seal& seal,
                    std::stop_token stop) {
    const Ledger before = PERDURE_TRY(load_ledger(repository, stop));
    record.previous = before.last;
    record.time_ns = repository.clock().now().nanoseconds;
    for (std::uint64_t n = before.next;; ++n) {
        const ObjectName name = names::ledger(n);
        const Buffer object = seal(name, encode_ledger_record(record));
        auto created = repository.store().create(name, object, stop);
        if (created || created.error().kind() != ErrorKind::AlreadyExists) return created;
        // Another's: bound by this record, which takes the next number.
        record.previous =
            digest_of(PERDURE_TRY(repository.store().load(name, ByteRange::all(), stop)));
    }
}

}  // namespace

Result<void> append_to_ledger(const Repository& repository, LedgerRecord record,
                              std::stop_token stop) {
    if (!repository.is_owner()) return not_owner("writing to the ledger");
    PERDURE_TRY(repository.may_write());
    const DomainKeys domain = PERDURE_TRY(repository.domain_keys());
    const Seal seal = [&](const ObjectName& name, ByteView body) {
        return seal_record(
            {repository.id(), ObjectType::Ledger, name.text()}, body,
            sign_as_owner(repository.keyring().owner(), repository.epoch().number),
            {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
    };
    return append(repository, std::move(record), seal, std::move(stop));
}

Result<void> append_to_ledger(const Maintainer& maintainer, LedgerRecord record,
                              std::stop_token stop) {
    const Seal seal = [&](const ObjectName& name, ByteView body) {
        return maintainer.seal(ObjectType::Ledger, name, body);
    };
    return append(maintainer.repository(), std::move(record), seal, std::move(stop));
}

}  // namespace perdure
