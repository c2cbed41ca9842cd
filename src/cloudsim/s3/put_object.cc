// PutObject and CopyObject.
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

ApiResult<void> allow_put(S3& s3, const S3Call& call, const Bucket& bucket,
                          const ObjectVersion& version) {
    PERDURE_TRY(s3.allow(call, bucket, "s3:PutObject", call.key));
    if (!version.tags.empty()) PERDURE_TRY(s3.allow(call, bucket, "s3:PutObjectTagging", call.key));
    return {};
}

/// The last steps of every way to make an object, under the lock.
ApiResult<void> publish(S3& s3, const S3Call& call, Bucket& bucket, ObjectVersion& version) {
    PERDURE_TRY(check_write_conditions(s3, call, bucket));
    PERDURE_TRY(set_lock(s3, call, bucket, version));
    add_bucket_defaults(bucket, version);
    version.owner = bucket.account;
    version.modified = s3.world().clock.now();
    return stored(s3.state().add(bucket, call.key, version));
}

ApiResult<ObjectPart> store_bytes(S3& s3, Buffer&& bytes) {
    ObjectPart part;
    auto blob = s3.world().blobs.put(std::move(bytes));
    if (!blob) return internal_error(blob.error());
    part.blob = *blob;
    return part;
}

StoredChecksum checksum_to_keep(const S3Call& call, ByteView bytes) {
    if (call.checksum)
        return {std::string(name_of(call.checksum->kind)), call.checksum->value, "FULL_OBJECT"};
    // What S3 keeps where a client says nothing.
    return {"CRC64NVME", to_base64(checksum_of(Checksum::Crc64Nvme, bytes)), "FULL_OBJECT"};
}

void discard_parts(const ObjectVersion& version) {
    for (const ObjectPart& part : version.parts) part.blob->discard();
}

}  // namespace

ApiResult<Answer> put_object(S3& s3, S3Call& call) {
    ObjectVersion version = PERDURE_TRY(draft_of(call));
    if (has_lock_headers(call) && !call.checksum && !call.request.header("Content-MD5") &&
        !s3.settings().ignore_checksums)
        return invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with "
            "Object Lock parameters");
    // Before anything is stored, so that a refusal costs nothing; what decides is asked again
    // below.
    auto checked = s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(allow_put(s3, call, bucket, version));
        PERDURE_TRY(check_write_conditions(s3, call, bucket));
        return Answer();
    });
    PERDURE_TRY(std::move(checked));
    version.size = call.body.bytes.size();
    version.etag = to_hex(md5_of(call.body.bytes));
    version.checksum = checksum_to_keep(call, call.body.bytes);
    ObjectPart whole = PERDURE_TRY(store_bytes(s3, std::move(call.body.bytes)));
    version.parts.push_back(std::move(whole));
    auto answer = s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(publish(s3, call, bucket, version));
        Answer done;
        done.set("ETag", "\"" + version.etag + "\"");
        add_write_headers(bucket, version, done);
        add_checksum_header(version.checksum, done);
        return done;
    });
    if (!answer) discard_parts(version);
    return answer;
}

namespace {

/// What is taken over from the source, as the directives say.
void take_over(const S3Call& call, const ObjectVersion& source, ObjectVersion& copy) {
    if (call.header("x-amz-metadata-directive") != "REPLACE") copy.headers = source.headers;
    if (call.header("x-amz-tagging-directive") != "REPLACE") copy.tags = source.tags;
    copy.size = source.size;
    copy.etag = source.etag;
    copy.checksum = source.checksum;
}

ApiResult<void> check_self_copy(const S3Call& call, const CopySource& source) {
    const bool changes = call.header("x-amz-metadata-directive") == "REPLACE" ||
                         call.request.header("x-amz-storage-class") ||
                         call.request.header("x-amz-server-side-encryption") ||
                         !source.version_id.empty();
    if (source.bucket == call.bucket && source.key == call.key && !changes)
        return invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.");
    return {};
}

}  // namespace

ApiResult<Answer> copy_object(S3& s3, S3Call& call) {
    const CopySource source = PERDURE_TRY(parse_copy_source(call));
    PERDURE_TRY(check_self_copy(call, source));
    ObjectVersion version = PERDURE_TRY(draft_of(call));
    const ObjectVersion original = PERDURE_TRY(find_copy_source(s3, call, source));
    if (original.size > (5ull << 30))
        return invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy "
            "source: 5368709120");
    take_over(call, original, version);
    Buffer whole;
    Digest md5 = Digest::md5();
    for (const ObjectPart& part : original.parts) {
        auto bytes = part.blob->read_all();
        if (!bytes) return internal_error(bytes.error());
        md5.update(*bytes);
        ObjectPart copied = PERDURE_TRY(store_bytes(s3, std::move(*bytes)));
        copied.number = part.number;
        version.parts.push_back(copied);
    }
    // A copy is one object, however many parts the source was made of.
    version.etag = to_hex(md5.finish());
    auto answer = s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(allow_put(s3, call, bucket, version));
        PERDURE_TRY(publish(s3, call, bucket, version));
        XmlWriter xml("CopyObjectResult", kS3Namespace);
        xml.text("LastModified", iso_time(version.modified))
            .text("ETag", "\"" + version.etag + "\"");
        if (const auto kind = checksum_named(version.checksum.algorithm))
            xml.text("ChecksumType", version.checksum.type)
                .text(element_of(*kind), version.checksum.value);
        Answer done = xml_answer(std::move(xml));
        add_write_headers(bucket, version, done);
        if (original.id != "null") done.set("x-amz-copy-source-version-id", original.id);
        return done;
    });
    if (!answer) discard_parts(version);
    return answer;
}

}  // namespace perdure::cloudsim
