// Uploads in parts: begun, filled, listed, aborted. Their completion: complete_upload.cc.
#include "base/hex.h"
#include "cloudsim/s3/conditions.h"
#include "cloudsim/s3/copy_source.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/object_headers.h"
#include "cloudsim/s3/object_lock.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

constexpr std::uint64_t kMostParts = 10'000;

ApiResult<void> set_checksum_kind(const S3Call& call, Upload& upload) {
    const std::string algorithm = call.header("x-amz-checksum-algorithm");
    const std::string type = call.header("x-amz-checksum-type");
    if (algorithm.empty()) {
        if (type.empty()) return {};
        return invalid_request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
            "header.");
    }
    const auto kind = checksum_named(algorithm);
    if (!kind)
        return invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    upload.checksum_algorithm = name_of(*kind);
    upload.checksum_type = !type.empty()             ? type
                           : can_be_composite(*kind) ? "COMPOSITE"
                                                     : "FULL_OBJECT";
    const bool fits = upload.checksum_type == "COMPOSITE"
                          ? can_be_composite(*kind)
                          : upload.checksum_type == "FULL_OBJECT" && can_be_of_full_object(*kind);
    if (!fits)
        return invalid_request("The " + type + " checksum type cannot be used with the " +
                               algorithm + " checksum algorithm.");
    return {};
}

ApiResult<unsigned> part_number(const S3Call& call) {
    const auto number = parse_number(call.parameter("partNumber"));
    if (!number || *number < 1 || *number > kMostParts)
        return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                                "partNumber", call.parameter("partNumber"));
    return static_cast<unsigned>(*number);
}

ApiResult<Upload*> find_upload(const S3Call& call, Bucket& bucket) {
    const auto found = bucket.uploads.find(call.parameter("uploadId"));
    if (found == bucket.uploads.end() || found->second.key != call.key)
        return no_such_upload(call.parameter("uploadId"));
    return &found->second;
}

/// The checksum that the upload asks of its parts.
ApiResult<StoredChecksum> part_checksum(const S3Call& call, const Upload& upload, ByteView bytes) {
    if (call.checksum) {
        const std::string given(name_of(call.checksum->kind));
        if (!upload.checksum_algorithm.empty() && given != upload.checksum_algorithm)
            return invalid_request("Checksum Type mismatch occurred, expected checksum Type: " +
                                   lower_case(upload.checksum_algorithm) +
                                   ", actual checksum Type: " + lower_case(given));
        return StoredChecksum{given, call.checksum->value, "FULL_OBJECT"};
    }
    if (upload.checksum_algorithm.empty()) return StoredChecksum();
    if (upload.checksum_type == "COMPOSITE" && !call.request.header("x-amz-copy-source"))
        return invalid_request("Checksum Type mismatch occurred, expected checksum Type: " +
                               lower_case(upload.checksum_algorithm) +
                               ", actual checksum Type: null");
    const Checksum kind = *checksum_named(upload.checksum_algorithm);
    return StoredChecksum{upload.checksum_algorithm, to_base64(checksum_of(kind, bytes)),
                          "FULL_OBJECT"};
}

/// The part's bytes outside the lock, then the part under it.
ApiResult<ObjectPart> store_part(S3& s3, S3Call& call, unsigned number, Buffer&& bytes,
                                 Answer& answer) {
    ObjectPart part;
    part.number = number;
    part.etag = to_hex(md5_of(bytes));
    part.modified = call.now;
    auto checked = s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutObject", call.key));
        const Upload* upload = PERDURE_TRY(find_upload(call, bucket));
        part.checksum = PERDURE_TRY(part_checksum(call, *upload, bytes));
        return Answer();
    });
    PERDURE_TRY(std::move(checked));
    auto blob = s3.world().blobs.put(std::move(bytes));
    if (!blob) return internal_error(blob.error());
    part.blob = *blob;
    auto added = s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        Upload* upload = PERDURE_TRY(find_upload(call, bucket));
        if (const auto old = upload->parts.find(number); old != upload->parts.end())
            old->second.blob->discard();
        upload->parts[number] = part;
        PERDURE_TRY(stored(s3.state().save_upload(bucket, *upload)));
        answer.set("x-amz-server-side-encryption", upload->draft.encryption);
        return Answer();
    });
    if (added) return part;
    part.blob->discard();
    return std::move(added).error();
}

void add_checksum(XmlWriter& xml, const StoredChecksum& checksum) {
    if (const auto kind = checksum_named(checksum.algorithm))
        xml.text(element_of(*kind), checksum.value);
}

}  // namespace

ApiResult<Answer> create_multipart_upload(S3& s3, S3Call& call) {
    Upload upload;
    upload.draft = PERDURE_TRY(draft_of(call));
    PERDURE_TRY(set_checksum_kind(call, upload));
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutObject", call.key));
        if (!upload.draft.tags.empty())
            PERDURE_TRY(s3.allow(call, bucket, "s3:PutObjectTagging", call.key));
        PERDURE_TRY(set_lock(s3, call, bucket, upload.draft));
        add_bucket_defaults(bucket, upload.draft);
        upload.id = random_hex(24);
        upload.key = call.key;
        upload.initiator = call.caller.is_anonymous ? "anonymous" : call.caller.arn;
        upload.initiated = call.now;
        PERDURE_TRY(stored(s3.state().save_upload(bucket, upload)));
        bucket.uploads[upload.id] = upload;
        XmlWriter xml("InitiateMultipartUploadResult", kS3Namespace);
        xml.text("Bucket", call.bucket).text("Key", call.key).text("UploadId", upload.id);
        Answer answer = xml_answer(std::move(xml));
        answer.set("x-amz-server-side-encryption", upload.draft.encryption);
        if (!upload.checksum_algorithm.empty()) {
            answer.set("x-amz-checksum-algorithm", upload.checksum_algorithm);
            answer.set("x-amz-checksum-type", upload.checksum_type);
        }
        return answer;
    });
}

ApiResult<Answer> upload_part(S3& s3, S3Call& call) {
    const unsigned number = PERDURE_TRY(part_number(call));
    Answer answer;
    const ObjectPart part =
        PERDURE_TRY(store_part(s3, call, number, std::move(call.body.bytes), answer));
    answer.set("ETag", "\"" + part.etag + "\"");
    if (const auto kind = checksum_named(part.checksum.algorithm))
        answer.set(header_of(*kind), part.checksum.value);
    return answer;
}

ApiResult<Answer> upload_part_copy(S3& s3, S3Call& call) {
    const unsigned number = PERDURE_TRY(part_number(call));
    const CopySource source = PERDURE_TRY(parse_copy_source(call));
    const ObjectVersion original = PERDURE_TRY(find_copy_source(s3, call, source));
    ByteRange range{0, original.size == 0 ? 0 : original.size - 1};
    const std::string wanted = call.header("x-amz-copy-source-range");
    if (!wanted.empty() && parse_range(wanted, original.size, range) != RangeKind::Range)
        return invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range", wanted);
    Buffer bytes;
    std::uint64_t begin = 0;
    for (const ObjectPart& part : original.parts) {
        const std::uint64_t end = begin + part.blob->size();
        const std::uint64_t from = std::max(begin, range.first), to = std::min(end, range.last + 1);
        if (from < to) {
            const std::size_t at = bytes.size();
            bytes.resize(at + (to - from));
            auto read = part.blob->read(from - begin, MutableByteView(bytes).subspan(at));
            if (!read) return internal_error(read.error());
        }
        begin = end;
    }
    Answer answer;
    const ObjectPart part = PERDURE_TRY(store_part(s3, call, number, std::move(bytes), answer));
    XmlWriter xml("CopyPartResult", kS3Namespace);
    xml.text("LastModified", iso_time(part.modified)).text("ETag", "\"" + part.etag + "\"");
    add_checksum(xml, part.checksum);
    answer.set("Content-Type", "application/xml");
    if (original.id != "null") answer.set("x-amz-copy-source-version-id", original.id);
    answer.text = xml.take();
    return answer;
}

ApiResult<Answer> abort_multipart_upload(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:AbortMultipartUpload", call.key));
        const Upload* upload = PERDURE_TRY(find_upload(call, bucket));
        s3.state().erase_upload(bucket, std::string(upload->id), false);
        return empty_answer(204);
    });
}

ApiResult<Answer> list_parts(S3& s3, S3Call& call) {
    const std::uint64_t most =
        std::min<std::uint64_t>(parse_number(call.parameter("max-parts")).value_or(1000), 1000);
    const std::uint64_t after = parse_number(call.parameter("part-number-marker")).value_or(0);
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:ListMultipartUploadParts", call.key));
        const Upload* upload = PERDURE_TRY(find_upload(call, bucket));
        XmlWriter xml("ListPartsResult", kS3Namespace);
        xml.text("Bucket", call.bucket).text("Key", call.key).text("UploadId", upload->id);
        xml.open("Initiator")
            .text("ID", upload->initiator)
            .close()
            .open("Owner")
            .text("ID", bucket.account)
            .close();
        xml.text("StorageClass", upload->draft.storage_class)
            .number("PartNumberMarker", after)
            .number("MaxParts", most);
        if (!upload->checksum_algorithm.empty())
            xml.text("ChecksumAlgorithm", upload->checksum_algorithm)
                .text("ChecksumType", upload->checksum_type);
        std::uint64_t count = 0, last = 0;
        bool is_truncated = false;
        for (const auto& [number, part] : upload->parts) {
            if (number <= after) continue;
            is_truncated = count == most;
            if (is_truncated) break;
            ++count;
            last = number;
            xml.open("Part")
                .number("PartNumber", number)
                .text("LastModified", iso_time(part.modified))
                .text("ETag", "\"" + part.etag + "\"")
                .number("Size", part.blob->size());
            add_checksum(xml, part.checksum);
            xml.close();
        }
        if (is_truncated) xml.number("NextPartNumberMarker", last);
        xml.flag("IsTruncated", is_truncated);
        return xml_answer(std::move(xml));
    });
}

}  // namespace perdure::cloudsim
