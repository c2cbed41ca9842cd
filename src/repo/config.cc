#include "repo/config.h"

#include <algorithm>

#include "base/try.h"
#include "repo/proto_io.h"

namespace perdure {

std::optional<EpochNumber> DomainRecord::seed_epoch_of(std::uint32_t wanted) const {
    if (wanted == generation) return seed_epoch;
    for (const Past& p : past)
        if (p.generation == wanted) return p.seed_epoch;
    return std::nullopt;
}

const DomainRecord* Epoch::domain(std::uint32_t id) const {
    for (const DomainRecord& d : domains)
        if (d.id == id) return &d;
    return nullptr;
}

const Revocation* Epoch::revocation_of(WriterNumber writer) const {
    for (const Revocation& r : revocations)
        if (r.enrolment == writer) return &r;
    return nullptr;
}

Buffer encode_config(const Config& config) {
    v1::Config record;
    record.set_format_version(config.format_version);
    record.set_repository(to_proto(config.repository));
    record.set_created(config.created_ns);
    record.mutable_chunker()->set_average_log2(config.chunker_average_log2);
    record.mutable_chunker()->set_algorithm(config.chunker_algorithm);
    record.mutable_chunker()->set_volume_leaf_size(config.volume_leaf_size);
    record.set_hash(config.hash);
    record.set_owner_verify_key(to_proto(config.owner_verify_key));
    record.set_first_epoch_digest(to_proto(config.first_epoch));
    return encode(record);
}

Result<Config> decode_config(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::Config>(bytes, "config"));
    Config config;
    config.format_version = record.format_version();
    config.repository = PERDURE_TRY(id_from<RepositoryId>(record.repository(), "repository id"));
    config.created_ns = record.created();
    config.chunker_average_log2 = record.chunker().average_log2();
    config.chunker_algorithm = record.chunker().algorithm();
    config.volume_leaf_size = record.chunker().volume_leaf_size();
    config.hash = record.hash();
    config.owner_verify_key =
        PERDURE_TRY(id_from<VerifyKey>(record.owner_verify_key(), "owner key"));
    config.first_epoch = PERDURE_TRY(id_from<Digest>(record.first_epoch_digest(), "epoch digest"));
    const auto unsupported = [](std::string what) {
        return Error(ErrorKind::Unsupported,
                     "the repository has " + std::move(what) + ", which this program does not know")
            .with_hint("use a newer perdure");
    };
    if (config.format_version != kFormatVersion)
        return unsupported("format version " + std::to_string(config.format_version));
    if (config.chunker_algorithm != 1 || config.chunker_average_log2 < 13 ||
        config.chunker_average_log2 > 16)
        return unsupported("another chunker");
    if (config.hash != 1) return unsupported("another hash");
    return config;
}

namespace {

void encode_domain(const DomainRecord& domain, v1::Domain* out) {
    out->set_id(domain.id);
    out->set_name(domain.name);
    out->set_generation(domain.generation);
    out->set_seed_epoch(number(domain.seed_epoch));
    for (const auto& sealed : domain.sealed_keys) {
        auto* s = out->add_sealed_keys();
        s->set_enrolment(number(sealed.enrolment));
        s->set_sealed(to_proto(sealed.sealed));
    }
    for (const auto& past : domain.past) {
        auto* p = out->add_past();
        p->set_generation(past.generation);
        p->set_seed_epoch(number(past.seed_epoch));
    }
}

DomainRecord decode_domain(const v1::Domain& in) {
    DomainRecord domain;
    domain.id = in.id();
    domain.name = in.name();
    domain.generation = in.generation();
    domain.seed_epoch = EpochNumber{in.seed_epoch()};
    for (const auto& s : in.sealed_keys())
        domain.sealed_keys.push_back(
            {WriterNumber{s.enrolment()}, to_buffer(as_bytes(s.sealed()))});
    for (const auto& p : in.past())
        domain.past.push_back({p.generation(), EpochNumber{p.seed_epoch()}});
    return domain;
}

}  // namespace

namespace {

/// Never refused: restores need none of it, and a feature keeps programs that do not know it from
/// writing.
RetentionClass decode_class(const v1::RetentionClass& in) {
    RetentionClass c;
    c.name = in.name();
    if (in.lock_mode() == 1 || in.lock_mode() == 2) c.lock = static_cast<LockMode>(in.lock_mode());
    c.lock_days = std::min(in.lock_days(), kMostLockDays);
    c.window_days = std::min(in.window_days(), kMostLockDays);
    return c;
}

}  // namespace

Buffer encode_epoch(const Epoch& epoch) {
    v1::Epoch record;
    record.set_number(number(epoch.number));
    if (epoch.previous) record.set_previous_digest(to_proto(*epoch.previous));
    record.set_repository(to_proto(epoch.repository));
    record.set_seed_epoch(number(epoch.seed_epoch));
    record.set_owner_sealing_key(to_proto(epoch.owner_sealing_key));
    record.set_owner_verify_key(to_proto(epoch.owner_verify_key));
    for (const auto& f : epoch.features.read) record.mutable_features()->add_read(f);
    for (const auto& f : epoch.features.write) record.mutable_features()->add_write(f);
    for (const auto& f : epoch.features.collect) record.mutable_features()->add_collect(f);
    for (const auto& domain : epoch.domains) encode_domain(domain, record.add_domains());
    for (const auto& slot : epoch.slots) {
        auto* s = record.add_slots();
        s->set_id(to_proto(slot.id));
        s->set_digest(to_proto(slot.digest));
        s->set_label(slot.label);
    }
    for (const auto& former : epoch.former_seeds) {
        auto* f = record.add_former_seeds();
        f->set_epoch(number(former.epoch));
        f->set_sealed(to_proto(former.sealed));
    }
    for (const auto& revocation : epoch.revocations) {
        auto* r = record.add_revocations();
        r->set_enrolment(number(revocation.enrolment));
        r->set_last_number(number(revocation.last_number));
        r->set_time(revocation.time_ns);
        r->set_reason(revocation.reason);
    }
    record.set_time(epoch.time_ns);
    record.set_enrolments_below(epoch.enrolments_below);
    for (const RetentionClass& c : epoch.retention_classes) {
        auto* out = record.add_retention_classes();
        out->set_name(c.name);
        out->set_lock_mode(c.lock ? static_cast<std::uint32_t>(*c.lock) : 0);
        out->set_lock_days(c.lock_days);
        out->set_window_days(c.window_days);
    }
    record.set_longest_lock_days(epoch.longest_lock_days);
    return encode(record);
}

Result<Epoch> decode_epoch(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::Epoch>(bytes, "epoch"));
    Epoch epoch;
    epoch.number = EpochNumber{record.number()};
    if (!record.previous_digest().empty())
        epoch.previous = PERDURE_TRY(id_from<Digest>(record.previous_digest(), "epoch digest"));
    epoch.repository = PERDURE_TRY(id_from<RepositoryId>(record.repository(), "repository id"));
    epoch.seed_epoch = EpochNumber{record.seed_epoch()};
    epoch.owner_sealing_key =
        PERDURE_TRY(id_from<SealingKey>(record.owner_sealing_key(), "owner key"));
    epoch.owner_verify_key =
        PERDURE_TRY(id_from<VerifyKey>(record.owner_verify_key(), "owner key"));
    for (const auto& f : record.features().read()) epoch.features.read.push_back(f);
    for (const auto& f : record.features().write()) epoch.features.write.push_back(f);
    for (const auto& f : record.features().collect()) epoch.features.collect.push_back(f);
    for (const auto& domain : record.domains()) epoch.domains.push_back(decode_domain(domain));
    for (const auto& s : record.slots())
        epoch.slots.push_back({PERDURE_TRY(id_from<SlotId>(s.id(), "slot id")),
                               PERDURE_TRY(id_from<Digest>(s.digest(), "slot digest")), s.label()});
    for (const auto& f : record.former_seeds())
        epoch.former_seeds.push_back({EpochNumber{f.epoch()}, to_buffer(as_bytes(f.sealed()))});
    for (const auto& r : record.revocations())
        epoch.revocations.push_back(
            {WriterNumber{r.enrolment()}, SessionNumber{r.last_number()}, r.time(), r.reason()});
    epoch.time_ns = record.time();
    epoch.enrolments_below = record.enrolments_below();
    epoch.longest_lock_days = record.longest_lock_days();
    for (const auto& in : record.retention_classes())
        epoch.retention_classes.push_back(decode_class(in));
    return epoch;
}

Buffer encode_domain_keys(const DomainKeys& keys, bool with_dedup_secret) {
    v1::DomainSecrets record;
    record.set_domain(keys.name.domain);
    record.set_generation(keys.name.generation);
    record.set_index_key(to_proto(keys.index_key.reveal()));
    if (with_dedup_secret) record.set_dedup_secret(to_proto(keys.dedup_secret.reveal()));
    return encode(record);
}

Result<DomainKeys> decode_domain_keys(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::DomainSecrets>(bytes, "domain keys"));
    if (record.index_key().size() != 32 ||
        (record.dedup_secret().size() != 32 && !record.dedup_secret().empty()))
        return Error(ErrorKind::Corrupt, "domain keys have a wrong length");
    return DomainKeys{{record.domain(), record.generation()},
                      Key256::copy_of(as_bytes(record.index_key())),
                      Key256::copy_of(as_bytes(record.dedup_secret()))};
}

}  // namespace perdure
