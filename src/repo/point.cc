#include "repo/point.h"

#include "base/try.h"
#include "repo/proto_io.h"

namespace perdure {

namespace {

void to_proto(const SessionDigest& in, v1::SessionReference* out) {
    out->set_writer(number(in.session.writer));
    out->set_number(number(in.session.session));
    out->set_digest(perdure::to_proto(in.digest));
}

Result<SessionDigest> from_proto(const v1::SessionReference& in) {
    return SessionDigest{{WriterNumber{in.writer()}, SessionNumber{in.number()}},
                         PERDURE_TRY(id_from<Digest>(in.digest(), "digest"))};
}

Result<std::optional<Digest>> optional_digest(const std::string& field) {
    if (field.empty()) return std::optional<Digest>();
    return std::optional<Digest>(PERDURE_TRY(id_from<Digest>(field, "digest")));
}

void to_proto(const Statistics& in, v1::Statistics* out) {
    out->set_entries(in.entries);
    out->set_files(in.files);
    out->set_directories(in.directories);
    out->set_bytes(in.bytes);
    out->set_captured(in.captured);
    out->set_unchanged(in.unchanged);
    out->set_excluded(in.excluded);
    out->set_failed(in.failed);
    out->set_bytes_read(in.bytes_read);
    out->set_bytes_new(in.bytes_new);
    out->set_bytes_stored(in.bytes_stored);
}

Statistics from_proto(const v1::Statistics& in) {
    Statistics s;
    s.entries = in.entries();
    s.files = in.files();
    s.directories = in.directories();
    s.bytes = in.bytes();
    s.captured = in.captured();
    s.unchanged = in.unchanged();
    s.excluded = in.excluded();
    s.failed = in.failed();
    s.bytes_read = in.bytes_read();
    s.bytes_new = in.bytes_new();
    s.bytes_stored = in.bytes_stored();
    return s;
}

}  // namespace

std::string_view to_string(EndKind kind) {
    switch (kind) {
        case EndKind::Files: return "files";
        case EndKind::Volume: return "volume";
        case EndKind::Stream: return "stream";
        case EndKind::Instance: return "instance";
        case EndKind::Provider: return "provider";
        case EndKind::Checkpoint: return "checkpoint";
        case EndKind::Repaired: return "repaired";
        case EndKind::Copy: return "copy";
        case EndKind::EndRecord: return "end record";
        case EndKind::Fence: return "fence";
    }
    return "unknown";
}

std::string_view to_string(SessionPurpose purpose) {
    switch (purpose) {
        case SessionPurpose::Backup: return "backup";
        case SessionPurpose::Read: return "read";
        case SessionPurpose::Repack: return "repack";
        case SessionPurpose::Copy: return "copy";
        case SessionPurpose::Repair: return "repair";
    }
    return "unknown";
}

Buffer encode_point_header(const PointHeader& h) {
    v1::PointHeader record;
    record.set_kind(static_cast<v1::EndKind>(h.kind));
    record.set_writer(number(h.session.writer));
    record.set_number(number(h.session.session));
    record.set_log_digest(perdure::to_proto(h.log_entry));
    if (h.index) record.set_index_digest(perdure::to_proto(*h.index));
    if (h.body) record.set_body_digest(perdure::to_proto(*h.body));
    record.set_sealed_secret(perdure::to_proto(h.sealed_secret));
    record.set_host(h.host);
    for (const auto& source : h.sources) record.add_sources(source);
    record.set_started(static_cast<std::uint64_t>(h.started_ns));
    record.set_finished(static_cast<std::uint64_t>(h.finished_ns));
    record.set_outcome(static_cast<std::uint32_t>(h.outcome));
    record.set_issues(h.issues);
    to_proto(h.statistics, record.mutable_statistics());
    for (const auto& tag : h.tags) record.add_tags(tag);
    record.set_retention_class(h.retention_class);
    record.set_locked_until(h.locked_until_ns);
    record.set_new_locked_until(h.new_locked_until_ns);
    if (h.previous) to_proto(*h.previous, record.mutable_previous());
    for (const auto& s : h.supersedes) to_proto(s, record.add_supersedes());
    if (h.repaired) to_proto(*h.repaired, record.mutable_repaired());
    if (h.fenced_by) to_proto(*h.fenced_by, record.mutable_fenced_by());
    record.set_program(h.program);
    for (const auto& c : h.copied) to_proto(c, record.add_copied());
    record.set_source_key(perdure::to_proto(h.source_key));
    return encode(record);
}

Result<PointHeader> decode_point_header(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::PointHeader>(bytes, "point"));
    if (record.kind() < 1 || record.kind() > 10)
        return Error(ErrorKind::Corrupt, "point is of an unknown kind");
    PointHeader h;
    h.kind = static_cast<EndKind>(record.kind());
    h.session = {WriterNumber{record.writer()}, SessionNumber{record.number()}};
    h.log_entry = PERDURE_TRY(id_from<Digest>(record.log_digest(), "log digest"));
    h.index = PERDURE_TRY(optional_digest(record.index_digest()));
    h.body = PERDURE_TRY(optional_digest(record.body_digest()));
    h.sealed_secret = to_buffer(as_bytes(record.sealed_secret()));
    h.host = record.host();
    h.sources.assign(record.sources().begin(), record.sources().end());
    h.started_ns = static_cast<std::int64_t>(record.started());
    h.finished_ns = static_cast<std::int64_t>(record.finished());
    h.outcome = record.outcome() == 1 ? PointOutcome::Success : PointOutcome::Partial;
    h.issues = record.issues();
    h.statistics = from_proto(record.statistics());
    h.tags.assign(record.tags().begin(), record.tags().end());
    h.retention_class = record.retention_class();
    h.locked_until_ns = record.locked_until();
    h.new_locked_until_ns = record.new_locked_until();
    if (record.has_previous()) h.previous = PERDURE_TRY(from_proto(record.previous()));
    for (const auto& s : record.supersedes()) h.supersedes.push_back(PERDURE_TRY(from_proto(s)));
    if (record.has_repaired()) h.repaired = PERDURE_TRY(from_proto(record.repaired()));
    if (record.has_fenced_by()) h.fenced_by = PERDURE_TRY(from_proto(record.fenced_by()));
    h.program = record.program();
    for (const auto& c : record.copied()) h.copied.push_back(PERDURE_TRY(from_proto(c)));
    if (!record.source_key().empty())
        h.source_key = PERDURE_TRY(id_from<SourceKey>(record.source_key(), "source key"));
    return h;
}

Buffer encode_point_body(const PointBody& body) {
    v1::PointBody record;
    for (const Root& root : body.roots) {
        auto* out = record.add_roots();
        out->set_name(root.name);
        out->set_kind(static_cast<v1::EndKind>(root.kind));
        out->set_page(perdure::to_proto(encode_address(root.page)));
        to_proto(root.statistics, out->mutable_statistics());
        out->set_consistency(root.consistency);
        out->set_size(root.size);
    }
    for (const RecordedIssue& issue : body.issues) {
        auto* out = record.add_issues();
        out->set_kind(issue.kind);
        out->set_root(issue.root);
        out->set_path(issue.path);
        out->set_text(issue.text);
    }
    for (const auto& word : body.command) record.add_command(word);
    record.set_host_description(body.host_description);
    if (body.origin) {
        record.mutable_origin()->set_repository(perdure::to_proto(body.origin->repository));
        to_proto(body.origin->point, record.mutable_origin()->mutable_point());
    }
    return encode(record);
}

Result<PointBody> decode_point_body(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::PointBody>(bytes, "point body"));
    PointBody body;
    for (const auto& in : record.roots()) {
        Root root;
        root.name = in.name();
        root.kind = static_cast<EndKind>(in.kind());
        root.page = PERDURE_TRY(decode_address(as_bytes(in.page())));
        root.statistics = from_proto(in.statistics());
        root.consistency = in.consistency();
        root.size = in.size();
        body.roots.push_back(std::move(root));
    }
    for (const auto& in : record.issues())
        body.issues.push_back(
            {static_cast<std::uint8_t>(in.kind()), in.root(), in.path(), in.text()});
    body.command.assign(record.command().begin(), record.command().end());
    body.host_description = record.host_description();
    // One without its point is of a kind that this program does not know.
    if (record.has_origin() && record.origin().has_point())
        body.origin = Origin{
            PERDURE_TRY(id_from<RepositoryId>(record.origin().repository(), "repository id")),
            PERDURE_TRY(from_proto(record.origin().point()))};
    return body;
}

Buffer encode_log_record(const LogRecord& log) {
    v1::LogEntry record;
    record.set_kind(static_cast<v1::LogEntry::Kind>(log.kind));
    record.set_writer(number(log.session.writer));
    record.set_number(number(log.session.session));
    if (log.previous) record.set_previous_digest(perdure::to_proto(*log.previous));
    record.set_time(static_cast<std::uint64_t>(log.time_ns));
    record.set_purpose(static_cast<v1::LogEntry::Purpose>(log.purpose));
    record.set_sealed_secret(perdure::to_proto(log.sealed_secret));
    record.set_list(log.list);
    record.set_program(log.program);
    record.set_host(log.host);
    return encode(record);
}

Result<LogRecord> decode_log_record(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::LogEntry>(bytes, "log entry"));
    if (record.kind() != 1 && record.kind() != 2)
        return Error(ErrorKind::Corrupt, "log entry is of an unknown kind");
    LogRecord log;
    log.kind = static_cast<LogKind>(record.kind());
    log.session = {WriterNumber{record.writer()}, SessionNumber{record.number()}};
    log.previous = PERDURE_TRY(optional_digest(record.previous_digest()));
    log.time_ns = static_cast<std::int64_t>(record.time());
    log.purpose = static_cast<SessionPurpose>(record.purpose());
    log.sealed_secret = to_buffer(as_bytes(record.sealed_secret()));
    log.list = record.list();
    log.program = record.program();
    log.host = record.host();
    return log;
}

Buffer encode_fate(const Fate& fate) {
    v1::Fate record;
    record.set_kind(static_cast<v1::Fate::Kind>(fate.kind));
    to_proto(fate.point, record.mutable_point());
    record.set_number(fate.number);
    record.set_time(static_cast<std::uint64_t>(fate.time_ns));
    record.set_reason(fate.reason);
    for (const auto& tag : fate.tags) record.add_tags(tag);
    return encode(record);
}

Result<Fate> decode_fate(ByteView bytes) {
    const auto record = PERDURE_TRY(decode<v1::Fate>(bytes, "fate"));
    if (record.kind() < 1 || record.kind() > 4)
        return Error(ErrorKind::Corrupt, "fate is of an unknown kind");
    Fate fate;
    fate.kind = static_cast<FateKind>(record.kind());
    fate.point = PERDURE_TRY(from_proto(record.point()));
    fate.number = record.number();
    fate.time_ns = static_cast<std::int64_t>(record.time());
    fate.reason = record.reason();
    fate.tags.assign(record.tags().begin(), record.tags().end());
    return fate;
}

}  // namespace perdure
