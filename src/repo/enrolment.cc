#include "repo/enrolment.h"

#include "base/try.h"
#include "codec/crc32c.h"
#include "repo/proto_io.h"

namespace perdure {

Buffer encode_enrolment(const Enrolment& enrolment) {
    v1::Enrolment record;
    record.set_kind(static_cast<v1::Enrolment::Kind>(enrolment.kind));
    record.set_number(number(enrolment.number));
    if (enrolment.previous) record.set_previous_digest(to_proto(*enrolment.previous));
    record.set_time(enrolment.time_ns);
    if (enrolment.kind == EnrolmentKind::Certificate) {
        const Certificate& c = enrolment.certificate;
        auto* out = record.mutable_certificate();
        out->set_role(static_cast<v1::Role>(c.role));
        out->set_name(c.name);
        out->set_verify_key(to_proto(c.verify_key));
        out->set_sealing_key(to_proto(c.sealing_key));
        for (const auto& host : c.hosts) out->add_hosts(host);
        for (const auto kind : c.kinds) out->add_kinds(kind);
        for (const auto& retention_class : c.classes) out->add_classes(retention_class);
        for (const auto domain : c.domains) out->add_domains(domain);
        out->set_obeys(c.obeys);
    }
    record.set_list(enrolment.list);
    if (enrolment.kind == EnrolmentKind::Retirement) {
        auto* out = record.mutable_retirement();
        out->set_enrolment(number(enrolment.retirement.enrolment));
        out->set_last_number(number(enrolment.retirement.last_number));
        out->set_time(enrolment.retirement.time_ns);
        out->set_reason(enrolment.retirement.reason);
    }
    return encode(record);
}

Result<Enrolment> decode_enrolment(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::Enrolment>(bytes, "enrolment"));
    Enrolment enrolment;
    if (record.kind() < 1 || record.kind() > 3)
        return Error(ErrorKind::Corrupt, "enrolment is of an unknown kind");
    enrolment.kind = static_cast<EnrolmentKind>(record.kind());
    enrolment.number = WriterNumber{record.number()};
    if (!record.previous_digest().empty())
        enrolment.previous = PERDURE_TRY(id_from<Digest>(record.previous_digest(), "digest"));
    enrolment.time_ns = record.time();
    enrolment.list = record.list();
    if (enrolment.kind == EnrolmentKind::Certificate) {
        const auto& in = record.certificate();
        Certificate& c = enrolment.certificate;
        if (in.role() < 2 || in.role() > 4)
            return Error(ErrorKind::Corrupt, "certificate has an unknown role");
        c.role = static_cast<Role>(in.role());
        c.name = in.name();
        c.verify_key = PERDURE_TRY(id_from<VerifyKey>(in.verify_key(), "certificate key"));
        c.sealing_key = PERDURE_TRY(id_from<SealingKey>(in.sealing_key(), "certificate key"));
        c.hosts.assign(in.hosts().begin(), in.hosts().end());
        c.kinds.assign(in.kinds().begin(), in.kinds().end());
        c.classes.assign(in.classes().begin(), in.classes().end());
        c.domains.assign(in.domains().begin(), in.domains().end());
        c.obeys = in.obeys();
    }
    if (enrolment.kind == EnrolmentKind::Retirement)
        enrolment.retirement = {WriterNumber{record.retirement().enrolment()},
                                SessionNumber{record.retirement().last_number()},
                                record.retirement().time(), record.retirement().reason()};
    return enrolment;
}

// ---- key files

namespace {

constexpr std::string_view kHeaderLine = "PERDURE WRITER KEY 1";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kLineLength = 64;

std::string to_base64_lines(ByteView bytes) {
    std::string text;
    std::size_t column = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t word = 0;
        for (std::size_t j = 0; j < 3; ++j)
            word = word << 8 |
                   (i + j < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
        for (std::size_t j = 0; j < 4; ++j)
            text.push_back(i + j > bytes.size() ? '=' : kBase64[word >> (18 - 6 * j) & 63]);
        if ((column += 4) == kLineLength) {
            text.push_back('\n');
            column = 0;
        }
    }
    if (column != 0) text.push_back('\n');
    return text;
}

std::optional<Buffer> from_base64(std::string_view text) {
    Buffer bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
        if (c == '\n' || c == '\r' || c == ' ' || c == '=') continue;
        const auto value = kBase64.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if ((count += 6) >= 8) {
            count -= 8;
            bytes.push_back(static_cast<std::byte>(bits >> count));
        }
    }
    return bytes;
}

}  // namespace

std::string encode_writer_key_file(const WriterIdentity& identity) {
    v1::WriterKeyFile record;
    record.set_repository(to_proto(identity.repository));
    record.set_config_digest(to_proto(identity.config));
    record.set_epoch(number(identity.epoch));
    record.set_epoch_digest(to_proto(identity.epoch_digest));
    record.set_owner_verify_key(to_proto(identity.owner_verify_key));
    record.set_owner_sealing_key(to_proto(identity.owner_sealing_key));
    record.set_enrolment(number(identity.enrolment));
    record.set_name(identity.name);
    record.set_signing_seed(to_proto(identity.signing_seed.reveal()));
    record.set_opening_secret(to_proto(identity.opening_secret.reveal()));
    record.set_role(static_cast<v1::Role>(identity.role));
    record.set_obeys(identity.obeys);
    for (const DomainKeys& keys : identity.domains) {
        auto* d = record.add_domains();
        d->set_domain(keys.name.domain);
        d->set_generation(keys.name.generation);
        d->set_index_key(to_proto(keys.index_key.reveal()));
        d->set_dedup_secret(to_proto(keys.dedup_secret.reveal()));
    }
    const Buffer bytes = encode(record);
    return std::string(kHeaderLine) + "\n" + to_base64_lines(bytes) + "crc32c " +
           to_hex(crc32c(bytes), 8) + "\n";
}

Result<WriterIdentity> decode_writer_key_file(std::string_view text) {
    const auto bad = [](std::string why) {
        return Error(ErrorKind::InvalidInput, "writer key file: " + std::move(why));
    };
    if (!text.starts_with(kHeaderLine))
        return bad("it does not begin with \"PERDURE WRITER KEY 1\"");
    const auto start = text.find('\n');
    const auto end = text.rfind("crc32c ");
    if (start == std::string_view::npos || end == std::string_view::npos || end < start)
        return bad("it is cut short");
    const auto bytes = from_base64(text.substr(start, end - start));
    if (!bytes) return bad("it holds a character that is not base64");
    const auto crc = number_from_hex(text.substr(end + 7, 8), 8);
    if (!crc || *crc != crc32c(*bytes)) return bad("its checksum is wrong");
    const auto record = PERDURE_TRY(decode<v1::WriterKeyFile>(*bytes, "writer key file"));
    WriterIdentity identity;
    identity.repository = PERDURE_TRY(id_from<RepositoryId>(record.repository(), "repository id"));
    identity.config = PERDURE_TRY(id_from<Digest>(record.config_digest(), "config digest"));
    identity.epoch = EpochNumber{record.epoch()};
    identity.epoch_digest = PERDURE_TRY(id_from<Digest>(record.epoch_digest(), "epoch digest"));
    identity.owner_verify_key =
        PERDURE_TRY(id_from<VerifyKey>(record.owner_verify_key(), "owner key"));
    identity.owner_sealing_key =
        PERDURE_TRY(id_from<SealingKey>(record.owner_sealing_key(), "owner key"));
    identity.enrolment = WriterNumber{record.enrolment()};
    identity.name = record.name();
    identity.role = static_cast<Role>(record.role());
    identity.obeys = record.obeys();
    if (record.signing_seed().size() != 32 || record.opening_secret().size() != 32)
        return bad("a key has a wrong length");
    identity.signing_seed = Key256::copy_of(as_bytes(record.signing_seed()));
    identity.opening_secret = Key256::copy_of(as_bytes(record.opening_secret()));
    for (const auto& d : record.domains()) {
        if (d.index_key().size() != 32 || d.dedup_secret().size() != 32)
            return bad("a key has a wrong length");
        identity.domains.push_back(DomainKeys{{d.domain(), d.generation()},
                                              Key256::copy_of(as_bytes(d.index_key())),
                                              Key256::copy_of(as_bytes(d.dedup_secret()))});
    }
    return identity;
}

}  // namespace perdure
