// DeleteObject and DeleteObjects: a delete marker where versions are kept, the end of the bytes
// where they are not or a version is named.
#include <pugixml.hpp>

#include "cloudsim/s3/conditions.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/object_lock.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

struct Deleted {
    std::string version_id;  // that was removed, or of the marker that was made
    bool is_marker = false;
};

/// A named version, for good.
ApiResult<Deleted> erase(S3& s3, S3Call& call, Bucket& bucket, const std::string& key,
                         const std::string& id) {
    PERDURE_TRY(s3.allow(call, bucket, "s3:DeleteObjectVersion", key));
    const ObjectVersion* version = bucket.version(key, id);
    Deleted deleted{id, version != nullptr && version->is_marker};
    if (version == nullptr) return deleted;
    const bool bypasses = PERDURE_TRY(bypasses_governance(s3, call, bucket, key));
    if (is_locked(*version, call.now, bypasses))
        return access_denied("Access Denied because object protected by object lock.");
    PERDURE_TRY(stored(s3.state().erase_version(bucket, key, id)));
    return deleted;
}

ApiResult<Deleted> remove(S3& s3, S3Call& call, Bucket& bucket, const std::string& key) {
    PERDURE_TRY(s3.allow(call, bucket, "s3:DeleteObject", key));
    if (bucket.versioning.empty()) {
        PERDURE_TRY(stored(s3.state().erase_version(bucket, key, "null")));
        return Deleted();
    }
    ObjectVersion marker;
    marker.is_marker = true;
    marker.modified = call.now;
    marker.owner = bucket.account;
    PERDURE_TRY(stored(s3.state().add(bucket, key, marker)));
    return Deleted{marker.id, true};
}

ApiResult<Deleted> delete_one(S3& s3, S3Call& call, Bucket& bucket, const std::string& key,
                              const std::string& id) {
    auto result = id.empty() ? remove(s3, call, bucket, key) : erase(s3, call, bucket, key, id);
    const Deleted deleted = PERDURE_TRY(std::move(result));
    bucket.deleted[key] = call.next_event();
    call.deleted_keys.push_back(key);
    return deleted;
}

struct Named {
    std::string key, version_id, etag;
};

ApiResult<std::vector<Named>> parse_names(const S3Call& call, bool& is_quiet) {
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "Delete", document));
    const pugi::xml_node root = document.document_element();
    is_quiet = child_text(root, "Quiet") == "true";
    std::vector<Named> names;
    for (const pugi::xml_node object : root.children("Object"))
        names.push_back({child_text(object, "Key"), child_text(object, "VersionId"),
                         child_text(object, "ETag")});
    if (names.empty() || names.size() > 1000) return malformed_xml();
    return names;
}

void add_error(XmlWriter& xml, const Named& named, const ApiError& error) {
    xml.open("Error").text("Key", named.key);
    if (!named.version_id.empty()) xml.text("VersionId", named.version_id);
    xml.text("Code", error.code).text("Message", error.message).close();
}

void add_deleted(XmlWriter& xml, const Named& named, const Deleted& deleted) {
    xml.open("Deleted").text("Key", named.key);
    if (!named.version_id.empty()) xml.text("VersionId", named.version_id);
    if (deleted.is_marker)
        xml.flag("DeleteMarker", true).text("DeleteMarkerVersionId", deleted.version_id);
    xml.close();
}

ApiResult<void> check_etag(Bucket& bucket, const Named& named) {
    if (named.etag.empty()) return {};
    const ObjectVersion* version = named.version_id.empty()
                                       ? bucket.current(named.key)
                                       : bucket.version(named.key, named.version_id);
    if (version == nullptr) return no_such_key(named.key);
    if (named.etag != "*" && named.etag != version->etag &&
        named.etag != "\"" + version->etag + "\"")
        return precondition_failed("If-Match");
    return {};
}

}  // namespace

ApiResult<Answer> delete_object(S3& s3, S3Call& call) {
    const std::string id = call.parameter("versionId");
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        // Permission first: who may not delete does not learn what is there.
        PERDURE_TRY(s3.allow(call, bucket,
                             id.empty() ? "s3:DeleteObject" : "s3:DeleteObjectVersion", call.key));
        PERDURE_TRY(check_delete_conditions(s3, call, bucket));
        const Deleted deleted = PERDURE_TRY(delete_one(s3, call, bucket, call.key, id));
        Answer answer = empty_answer(204);
        if (!bucket.versioning.empty() && !deleted.version_id.empty())
            answer.set("x-amz-version-id", deleted.version_id);
        if (deleted.is_marker) answer.set("x-amz-delete-marker", "true");
        return answer;
    });
}

ApiResult<Answer> delete_objects(S3& s3, S3Call& call) {
    if (!call.checksum && !call.request.header("Content-MD5") && !s3.settings().ignore_checksums)
        return invalid_request(
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    bool is_quiet = false;
    const std::vector<Named> names = PERDURE_TRY(parse_names(call, is_quiet));
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        XmlWriter xml("DeleteResult", kS3Namespace);
        for (const Named& named : names) {
            auto checked = check_etag(bucket, named);
            if (!checked) {
                add_error(xml, named, checked.error());
                continue;
            }
            auto deleted = delete_one(s3, call, bucket, named.key, named.version_id);
            if (!deleted) {
                add_error(xml, named, deleted.error());
            } else if (!is_quiet) {
                add_deleted(xml, named, *deleted);
            }
        }
        return xml_answer(std::move(xml));
    });
}

}  // namespace perdure::cloudsim
