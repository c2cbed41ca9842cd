// CompleteMultipartUpload: the parts that the client names become one object.
#include <pugixml.hpp>

#include "base/hex.h"
#include "cloudsim/s3/conditions.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/object_headers.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

constexpr std::uint64_t kLeastPart = 5u << 20;

struct NamedPart {
    unsigned number = 0;
    std::string etag, checksum;
    std::optional<Checksum> kind;
};

std::string unquoted(std::string text) {
    std::erase(text, '"');
    return text;
}

ApiResult<std::vector<NamedPart>> parse_parts(const S3Call& call) {
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "CompleteMultipartUpload", document));
    std::vector<NamedPart> parts;
    for (const pugi::xml_node node : document.document_element().children("Part")) {
        NamedPart part;
        part.number =
            static_cast<unsigned>(parse_number(child_text(node, "PartNumber")).value_or(0));
        part.etag = unquoted(child_text(node, "ETag"));
        for (const Checksum kind : kChecksums) {
            if (!node.child(element_of(kind).c_str())) continue;
            part.kind = kind;
            part.checksum = child_text(node, element_of(kind).c_str());
        }
        if (!parts.empty() && part.number <= parts.back().number)
            return s3_error(400, "InvalidPartOrder",
                            "The list of parts was not in ascending order. The parts list must be "
                            "specified in order by part number.");
        parts.push_back(std::move(part));
    }
    if (parts.empty()) return malformed_xml();
    return parts;
}

ApiError invalid_part(const Upload& upload, const NamedPart& named) {
    return s3_error(
               400, "InvalidPart",
               "One or more of the specified parts could not be found. The part may not have been "
               "uploaded, or the specified entity tag may not match the part's entity tag.")
        .with("UploadId", upload.id)
        .with("PartNumber", std::to_string(named.number))
        .with("ETag", named.etag);
}

ApiResult<std::vector<ObjectPart>> chosen_parts(const Upload& upload,
                                                const std::vector<NamedPart>& named) {
    std::vector<ObjectPart> parts;
    for (const NamedPart& one : named) {
        const auto found = upload.parts.find(one.number);
        if (found == upload.parts.end() || found->second.etag != one.etag)
            return invalid_part(upload, one);
        const ObjectPart& part = found->second;
        if (one.kind &&
            (name_of(*one.kind) != part.checksum.algorithm || one.checksum != part.checksum.value))
            return invalid_part(upload, one);
        if (!one.kind && upload.checksum_type == "COMPOSITE")
            return invalid_request("The upload was created using a " +
                                   lower_case(upload.checksum_algorithm) +
                                   " checksum. The complete request must include the checksum for "
                                   "each part. It was missing for part " +
                                   std::to_string(one.number) + " in the request.");
        if (one.number != named.back().number && part.blob->size() < kLeastPart)
            return s3_error(400, "EntityTooSmall",
                            "Your proposed upload is smaller than the minimum allowed size")
                .with("ProposedSize", std::to_string(part.blob->size()))
                .with("MinSizeAllowed", std::to_string(kLeastPart))
                .with("PartNumber", std::to_string(one.number))
                .with("ETag", one.etag);
        parts.push_back(part);
    }
    return parts;
}

std::string combined_etag(const std::vector<ObjectPart>& parts) {
    Digest digest = Digest::md5();
    for (const ObjectPart& part : parts) {
        Buffer raw(part.etag.size() / 2);
        from_hex(part.etag, raw);
        digest.update(raw);
    }
    return to_hex(digest.finish()) + "-" + std::to_string(parts.size());
}

/// Of the whole object, or of its parts' checksums.
ApiResult<StoredChecksum> combined_checksum(const Upload& upload,
                                            const std::vector<ObjectPart>& parts) {
    const bool is_composite = upload.checksum_type == "COMPOSITE";
    const Checksum kind = checksum_named(upload.checksum_algorithm).value_or(Checksum::Crc64Nvme);
    Digest digest = Digest::of(kind);
    for (const ObjectPart& part : parts) {
        if (is_composite) {
            digest.update(from_base64(part.checksum.value).value_or(Buffer()));
            continue;
        }
        auto bytes = part.blob->read_all();
        if (!bytes) return internal_error(bytes.error());
        digest.update(*bytes);
    }
    std::string value = to_base64(digest.finish());
    if (is_composite) value += "-" + std::to_string(parts.size());
    return StoredChecksum{std::string(name_of(kind)), value,
                          is_composite ? "COMPOSITE" : "FULL_OBJECT"};
}

/// What the client says of the whole object.
ApiResult<void> check_whole(const S3Call& call, const ObjectVersion& version) {
    const auto kind = checksum_named(version.checksum.algorithm);
    const auto given = kind ? call.request.header(header_of(*kind)) : std::nullopt;
    const std::string plain = version.checksum.value.substr(0, version.checksum.value.find('-'));
    if (given && *given != version.checksum.value && *given != plain)
        return s3_error(400, "BadDigest",
                        "The " + version.checksum.algorithm +
                            " you specified did not match the calculated checksum.");
    const auto size = call.request.header("x-amz-mp-object-size");
    if (size && parse_number(*size) != version.size)
        return invalid_request(
            "The provided 'x-amz-mp-object-size' header value does not match what was computed: " +
            std::to_string(version.size));
    return {};
}

Answer completed(const S3Call& call, const Bucket& bucket, const ObjectVersion& version) {
    XmlWriter xml("CompleteMultipartUploadResult", kS3Namespace);
    xml.text("Location", "http://" + call.header("Host") + "/" + call.bucket + "/" +
                             percent_encode_path(call.key));
    xml.text("Bucket", call.bucket).text("Key", call.key).text("ETag", "\"" + version.etag + "\"");
    if (const auto kind = checksum_named(version.checksum.algorithm))
        xml.text(element_of(*kind), version.checksum.value)
            .text("ChecksumType", version.checksum.type);
    Answer answer = xml_answer(std::move(xml));
    add_write_headers(bucket, version, answer);
    return answer;
}

/// The version that this upload became, if its completion is asked for again.
const ObjectVersion* completed_before(Bucket& bucket, const S3Call& call) {
    const auto found = bucket.objects.find(call.key);
    if (found == bucket.objects.end()) return nullptr;
    for (const ObjectVersion& version : found->second)
        if (version.upload_id == call.parameter("uploadId")) return &version;
    return nullptr;
}

ApiResult<Answer> publish(S3& s3, S3Call& call, Bucket& bucket, Upload& upload,
                          ObjectVersion& version) {
    PERDURE_TRY(check_whole(call, version));
    PERDURE_TRY(check_write_conditions(s3, call, bucket));
    version.owner = bucket.account;
    version.modified = s3.world().clock.now();
    std::set<unsigned> used;
    for (const ObjectPart& part : version.parts) used.insert(part.number);
    for (const auto& [number, part] : upload.parts)
        if (!used.contains(number)) part.blob->discard();
    PERDURE_TRY(stored(s3.state().add(bucket, call.key, version)));
    s3.state().erase_upload(bucket, std::string(upload.id), true);
    return completed(call, bucket, version);
}

}  // namespace

ApiResult<Answer> complete_multipart_upload(S3& s3, S3Call& call) {
    const std::vector<NamedPart> named = PERDURE_TRY(parse_parts(call));
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutObject", call.key));
        const std::string id = call.parameter("uploadId");
        const auto found = bucket.uploads.find(id);
        if (found == bucket.uploads.end() || found->second.key != call.key) {
            if (const ObjectVersion* before = completed_before(bucket, call))
                return completed(call, bucket, *before);
            return no_such_upload(id);
        }
        Upload& upload = found->second;
        ObjectVersion version = upload.draft;
        version.parts = PERDURE_TRY(chosen_parts(upload, named));
        version.upload_id = id;
        version.etag = combined_etag(version.parts);
        version.checksum = PERDURE_TRY(combined_checksum(upload, version.parts));
        for (const ObjectPart& part : version.parts) version.size += part.blob->size();
        return publish(s3, call, bucket, upload, version);
    });
}

}  // namespace perdure::cloudsim
