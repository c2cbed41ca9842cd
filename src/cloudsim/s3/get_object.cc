// GetObject, HeadObject, GetObjectAttributes.
#include "cloudsim/s3/conditions.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/find_version.h"
#include "cloudsim/s3/object_headers.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {

ApiResult<ObjectVersion*> find_version(S3& s3, const S3Call& call, Bucket& bucket) {
    const auto wanted = call.request.parameter("versionId");
    ObjectVersion* version =
        wanted ? bucket.version(call.key, std::string(*wanted)) : bucket.current(call.key);
    if (version != nullptr && !version->is_marker) return version;
    // Who may not list is not told what is there.
    if (!s3.is_allowed(call, bucket, "s3:ListBucket", "")) return access_denied("Access Denied");
    const auto found = bucket.objects.find(call.key);
    if (version != nullptr)
        return s3_error(405, "MethodNotAllowed",
                        "The specified method is not allowed against this resource.")
            .with("Method", call.request.method)
            .with("ResourceType", "DeleteMarker")
            .with_header("x-amz-delete-marker", "true")
            .with_header("x-amz-version-id", version->id);
    if (wanted) return no_such_version(call.key, std::string(*wanted));
    ApiError missing = no_such_key(call.key);
    if (found == bucket.objects.end()) return missing;
    return std::move(missing)
        .with_header("x-amz-delete-marker", "true")
        .with_header("x-amz-version-id", found->second.back().id);
}

namespace {

/// Which bytes of the parts a range is.
void add_slices(const ObjectVersion& version, ByteRange range, Answer& answer) {
    std::uint64_t begin = 0;
    for (const ObjectPart& part : version.parts) {
        const std::uint64_t size = part.blob->size(), end = begin + size;
        const std::uint64_t from = std::max(begin, range.first), to = std::min(end, range.last + 1);
        if (from < to) answer.slices.push_back({part.blob, from - begin, to - from});
        begin = end;
    }
}

/// `partNumber=` of an object in parts.
ApiResult<std::optional<ByteRange>> part_range(const S3Call& call, const ObjectVersion& version,
                                               Answer& answer) {
    const auto number = call.request.parameter("partNumber");
    if (!number) return std::optional<ByteRange>();
    if (version.is_multipart())
        answer.set("x-amz-mp-parts-count", std::to_string(version.parts.size()));
    std::uint64_t begin = 0;
    const auto wanted = parse_number(*number);
    for (std::size_t i = 0; i < version.parts.size(); begin += version.parts[i++].blob->size())
        if (wanted == i + 1 && version.parts[i].blob->size() > 0)
            return std::optional(ByteRange{begin, begin + version.parts[i].blob->size() - 1});
    if (wanted == 1u && version.size == 0) return std::optional<ByteRange>();
    return s3_error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
        .with("ActualPartCount", std::to_string(version.parts.size()))
        .with("PartNumberRequested", std::string(*number));
}

ApiResult<void> add_body(const S3Call& call, const ObjectVersion& version, Answer& answer) {
    std::optional<ByteRange> range = PERDURE_TRY(part_range(call, version, answer));
    if (!range && call.request.header("Range")) {
        ByteRange parsed;
        const RangeKind kind = parse_range(call.header("Range"), version.size, parsed);
        if (kind == RangeKind::Unsatisfiable)
            return s3_error(416, "InvalidRange", "The requested range is not satisfiable")
                .with("RangeRequested", call.header("Range"))
                .with("ActualObjectSize", std::to_string(version.size))
                .with_header("Content-Range", "bytes */" + std::to_string(version.size));
        if (kind == RangeKind::Range) range = parsed;
    }
    if (range) {
        answer.status = 206;
        answer.set("Content-Range", "bytes " + std::to_string(range->first) + "-" +
                                        std::to_string(range->last) + "/" +
                                        std::to_string(version.size));
        add_slices(version, *range, answer);
    } else if (version.size > 0) {
        add_slices(version, {0, version.size - 1}, answer);
    }
    const bool is_whole = !range || range->length() == version.size;
    if (is_whole && same_header_name(call.header("x-amz-checksum-mode"), "ENABLED"))
        add_checksum_header(version.checksum, answer);
    return {};
}

}  // namespace

ApiResult<Answer> get_object(S3& s3, S3Call& call) {
    const bool has_version = call.request.parameter("versionId").has_value();
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(
            s3.allow(call, bucket, has_version ? "s3:GetObjectVersion" : "s3:GetObject", call.key));
        const ObjectVersion* found = PERDURE_TRY(find_version(s3, call, bucket));
        const ObjectVersion& version = *found;
        Answer answer;
        const ReadVerdict verdict =
            check_read_conditions(call.request, version.etag, version.modified);
        if (verdict == ReadVerdict::Failed)
            return precondition_failed(call.request.header("If-Match") ? "If-Match"
                                                                       : "If-Unmodified-Since");
        if (verdict == ReadVerdict::NotModified) {
            answer.status = 304;
            answer.set("ETag", "\"" + version.etag + "\"");
            return answer;
        }
        if (call.request.method == "GET" && is_frozen(version, call.now))
            return invalid_object_state(version);
        add_object_headers(call, bucket, version, answer);
        PERDURE_TRY(add_body(call, version, answer));
        return answer;
    });
}

namespace {

void add_checksum(XmlWriter& xml, const StoredChecksum& checksum) {
    if (const auto kind = checksum_named(checksum.algorithm))
        xml.text(element_of(*kind), checksum.value);
}

void add_parts(XmlWriter& xml, const S3Call& call, const ObjectVersion& version) {
    const std::uint64_t most =
        std::min<std::uint64_t>(parse_number(call.header("x-amz-max-parts")).value_or(1000), 1000);
    const std::uint64_t after = parse_number(call.header("x-amz-part-number-marker")).value_or(0);
    xml.open("ObjectParts")
        .number("PartsCount", version.parts.size())
        .number("PartNumberMarker", after)
        .number("MaxParts", most);
    std::uint64_t last = after, count = 0;
    bool is_truncated = false;
    // Parts are shown where they have checksums of their own.
    for (const ObjectPart& part : version.parts) {
        if (part.number <= after || part.checksum.algorithm.empty()) continue;
        is_truncated = count == most;
        if (is_truncated) break;
        ++count;
        last = part.number;
        xml.open("Part").number("PartNumber", part.number).number("Size", part.blob->size());
        add_checksum(xml, part.checksum);
        xml.close();
    }
    if (is_truncated) xml.number("NextPartNumberMarker", last);
    xml.flag("IsTruncated", is_truncated).close();
}

}  // namespace

ApiResult<Answer> get_object_attributes(S3& s3, S3Call& call) {
    const std::string wanted = call.header("x-amz-object-attributes");
    if (wanted.empty())
        return invalid_argument(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is "
            "either missing or empty");
    const auto wants = [&](std::string_view name) {
        for (const std::string& one : split(wanted, ','))
            if (trimmed(one) == name) return true;
        return false;
    };
    const bool has_version = call.request.parameter("versionId").has_value();
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(
            s3.allow(call, bucket, has_version ? "s3:GetObjectVersion" : "s3:GetObject", call.key));
        const ObjectVersion* found = PERDURE_TRY(find_version(s3, call, bucket));
        const ObjectVersion& version = *found;
        XmlWriter xml("GetObjectAttributesResponse", kS3Namespace);
        if (wants("ETag")) xml.text("ETag", version.etag);
        if (wants("Checksum") && !version.checksum.algorithm.empty()) {
            xml.open("Checksum");
            add_checksum(xml, version.checksum);
            xml.text("ChecksumType", version.checksum.type).close();
        }
        if (wants("ObjectParts") && version.is_multipart()) add_parts(xml, call, version);
        if (wants("StorageClass")) xml.text("StorageClass", version.storage_class);
        if (wants("ObjectSize")) xml.number("ObjectSize", version.size);
        Answer answer = xml_answer(std::move(xml));
        answer.set("Last-Modified", http_time(version.modified));
        if (!bucket.versioning.empty()) answer.set("x-amz-version-id", version.id);
        return answer;
    });
}

}  // namespace perdure::cloudsim
