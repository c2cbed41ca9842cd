// Replicas: points of another repository under the same keys, and what proves them (FORMAT.md §16).

#include <algorithm>
#include <set>

#include "base/try.h"
#include "repo/owner_records.h"
#include "repo/proto_io.h"
#include "repo/repository.h"

namespace perdure {

namespace {

bool is_missing(const Error& error) { return error.kind() == ErrorKind::NotFound; }

/// Copies an object as it is. Other bytes there are Corrupt: it is never overwritten.
Result<void> create_verbatim(Store& store, const ObjectName& name, ByteView bytes,
                             std::stop_token stop) {
    auto created = create_same(store, name, bytes, stop);
    if (!created && created.error().kind() == ErrorKind::AlreadyExists)
        return Error(ErrorKind::Corrupt, name.text() + ": the replica has another one")
            .with_hint("see what `perdure check` says of both");
    return created;
}

}  // namespace

// ------------------------------------------------------------------------------------ imports

Result<Buffer> Repository::load_import(const ObjectName& original, std::stop_token stop) const {
    const ObjectName name = names::proof_of(original);
    const Buffer object = PERDURE_TRY(store_.load(name, ByteRange::all(), stop));
    // Only by who is enrolled here: imports that vouch for each other's signers would be read for
    // ever.
    const auto opened =
        PERDURE_TRY(open_decided(ObjectType::Import, name, object, [&](WriterNumber signer) {
            return own_certificate_of(signer, stop);
        }));
    const auto record = PERDURE_TRY(decode<v1::Import>(opened.body, "import"));
    if (record.name() != original.text())
        return Error(ErrorKind::Corrupt, name.text() + ": is another object's proof");
    return to_buffer(as_bytes(record.object()));
}

Result<Buffer> Repository::load_original(const ObjectName& name, std::stop_token stop) const {
    auto own = store_.load(name, ByteRange::all(), stop);
    if (own || !is_missing(own.error())) return own;
    auto imported = load_import(name, stop);
    if (imported || !is_missing(imported.error())) return imported;
    return own;
}

Result<void> Repository::add_import(const ObjectName& original, ByteView object,
                                    std::stop_token stop) const {
    if (!is_owner()) return not_owner("copying into a replica");
    const ObjectName name = names::proof_of(original);
    if (const auto there = load_import(original, stop); there && equal(*there, object)) return {};
    v1::Import record;
    record.set_name(original.text());
    record.set_object(to_proto(object));
    const DomainKeys domain = PERDURE_TRY(domain_keys());
    const Buffer sealed = seal_record(
        {config_.repository, ObjectType::Import, name.text()}, encode(record),
        sign_as_owner(keyring_.owner(), epoch().number),
        {Sealing::IndexKey, domain.index_key, domain.name.domain, domain.name.generation});
    return create_verbatim(store_, name, sealed, stop);
}

Result<Certificate> Repository::imported_certificate_of(WriterNumber writer,
                                                        std::stop_token stop) const {
    const auto known = imported_.with([&](const auto& all) -> std::optional<Certificate> {
        const auto at = all.find(writer);
        return at == all.end() ? std::nullopt : std::optional(at->second);
    });
    if (known) return *known;
    const Buffer object = PERDURE_TRY(load_import(names::enrolment(writer), stop));
    const Enrolment enrolment = PERDURE_TRY(read_enrolment(writer, object, EnrolmentList()));
    if (enrolment.kind != EnrolmentKind::Certificate)
        return Error(ErrorKind::Corrupt, names::enrolment(writer).text() + ": is no certificate");
    imported_.with([&](auto& all) { all.emplace(writer, enrolment.certificate); });
    return enrolment.certificate;
}

Result<Certificate> Repository::certificate_of(WriterNumber writer, std::stop_token stop) const {
    auto own = own_certificate_of(writer, stop);
    if (own) return own;
    auto imported = imported_certificate_of(writer, stop);
    if (imported || !is_missing(imported.error())) return imported;
    return own;
}

Result<bool> Repository::is_imported(WriterNumber writer, std::stop_token stop) const {
    if (own_certificate_of(writer, stop)) return false;
    return imported_certificate_of(writer, stop).has_value();
}

Result<WriterNumber> Repository::read_first_enrolment(Store& store, std::stop_token stop) {
    const auto ordinary = store.stat(names::enrolment(WriterNumber{1}), stop);
    if (ordinary) return WriterNumber{1};
    if (!is_missing(ordinary.error())) return ordinary.error();
    std::optional<WriterNumber> lowest;
    PERDURE_TRY(store.list(
        "writers/",
        [&](std::string_view name, const ObjectStat&) {
            lowest = names::parse_enrolment(name);
            return !lowest;
        },
        stop));
    return lowest && number(*lowest) >= kFirstOfReplicas ? *lowest : WriterNumber{1};
}

Result<bool> Repository::is_replica(std::stop_token stop) const {
    return number(PERDURE_TRY(enrolments(stop)).first) >= kFirstOfReplicas;
}

/// A repaired point is listed in place of the one it stands for.
void Repository::settle_repairs(PointList& list) {
    std::set<SessionDigest> replaced;
    for (const Point& point : list.points)
        if (point.header.kind == EndKind::Repaired && point.header.repaired && !point.expired)
            replaced.insert(*point.header.repaired);
    std::erase_if(list.points, [&](const Point& point) {
        return replaced.contains({point.session(), point.digest});
    });
}

/// Of points from elsewhere those count that a copy lists; and a copy is not listed beside them.
Result<void> Repository::settle_imports(PointList& list, std::stop_token stop) const {
    if (!PERDURE_TRY(is_replica(stop))) return {};
    std::set<SessionDigest> bound;
    for (const Point& point : list.points)
        if (point.header.kind == EndKind::Copy && !point.expired)
            bound.insert(point.header.copied.begin(), point.header.copied.end());
    std::set<WriterNumber> elsewhere;
    for (const Point& point : list.points) {
        const WriterNumber writer = point.session().writer;
        const bool imported = PERDURE_TRY(is_imported(writer, stop));
        if (imported) elsewhere.insert(writer);
    }
    std::erase_if(list.points, [&](const Point& point) {
        if (elsewhere.contains(point.session().writer))
            return !bound.contains({point.session(), point.digest});
        return lists_points_only(point.header);
    });
    return {};
}

// ------------------------------------------------------------------------------------ keys

Result<void> Repository::replicate_slots(Store& store, std::stop_token stop) const {
    for (const SlotReference& slot : epoch().slots) {
        const ObjectName name = names::key_slot(slot.id);
        const auto object = store_.load(name, ByteRange::all(), stop);
        // One that is damaged here is not carried on; others, or the recovery key, open the
        // replica.
        if (!object || digest_of(*object) != slot.digest) continue;
        PERDURE_TRY(create_verbatim(store, name, *object, stop));
    }
    std::vector<ObjectName> former;
    PERDURE_TRY(store.list(
        "keys/",
        [&](std::string_view name, const ObjectStat&) {
            const auto id = names::parse_key_slot(name);
            const auto& slots = epoch().slots;
            if (id && std::none_of(slots.begin(), slots.end(),
                                   [&](const SlotReference& s) { return s.id == *id; }))
                former.push_back(names::key_slot(*id));
            return true;
        },
        stop));
    for (const ObjectName& name : former) PERDURE_TRY(store.remove(name, stop));
    return {};
}

Result<std::optional<WriterIdentity>> Repository::replicate_keys(Store& store,
                                                                 const std::string& host,
                                                                 std::stop_token stop) const {
    if (!is_owner()) return not_owner("making a replica");
    PERDURE_TRY(may_write());
    const Buffer config = PERDURE_TRY(store_.load(names::config(), ByteRange::all(), stop));
    const auto there = store.load(names::config(), ByteRange::all(), stop);
    if (!there && !is_missing(there.error())) return there.error();
    if (there && !equal(*there, config))
        return Error(ErrorKind::AlreadyExists,
                     "there is another repository already at " + store.properties().description)
            .with_hint("use another location");
    for (std::uint32_t e = 1; e <= number(epoch().number); ++e) {
        const ObjectName name = names::epoch(EpochNumber{e});
        const Buffer object = PERDURE_TRY(store_.load(name, ByteRange::all(), stop));
        PERDURE_TRY(create_verbatim(store, name, object, stop));
    }
    PERDURE_TRY(replicate_slots(store, stop));
    if (there) return std::optional<WriterIdentity>();
    // Before the config, without which there is no repository: nobody else may enrol first.
    Certificate certificate;
    certificate.role = Role::Maintainer;
    certificate.name = host;
    NewEnrolment made = PERDURE_TRY(enrol_first(store, std::move(certificate), stop));
    PERDURE_TRY(create_verbatim(store, names::config(), config, stop));
    return std::optional(std::move(made.identity));
}

/// Numbers of a range of its own; behind what an interrupted attempt left.
Result<Repository::NewEnrolment> Repository::enrol_first(Store& store, Certificate certificate,
                                                         std::stop_token stop) const {
    std::optional<WriterNumber> left;
    PERDURE_TRY(store.list(
        "writers/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto w = names::parse_enrolment(name)) left = w;
            return true;
        },
        stop));
    if (left) {
        const Buffer before =
            PERDURE_TRY(store.load(names::enrolment(*left), ByteRange::all(), stop));
        const WriterNumber next{number(*left) + 1};
        NewEnrolment made =
            PERDURE_TRY(make_enrolment(next, digest_of(before), std::move(certificate)));
        PERDURE_TRY(create_verbatim(store, names::enrolment(next), made.object, stop));
        return made;
    }
    Buffer drawn(2);
    random_.fill(drawn);
    const WriterNumber first{
        kFirstOfReplicas |
        static_cast<std::uint32_t>(load_le<std::uint16_t>(drawn.data()) & 0x7fffU) << 16 | 1U};
    if (number(first) >> 16 == number(PERDURE_TRY(enrolments(stop)).first) >> 16)
        return Error(ErrorKind::Unavailable, "drew the numbers of the repository itself")
            .with_hint("run the command again");
    NewEnrolment made = PERDURE_TRY(make_enrolment(first, std::nullopt, std::move(certificate)));
    PERDURE_TRY(create_verbatim(store, names::enrolment(first), made.object, stop));
    return made;
}

}  // namespace perdure
