// What is set on a version that is there: tags, retention, legal hold, a thaw.
#include <pugixml.hpp>

#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/find_version.h"
#include "cloudsim/s3/lifecycle.h"
#include "cloudsim/s3/object_headers.h"
#include "cloudsim/s3/object_lock.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

using Change = std::function<ApiResult<Answer>(Bucket&, ObjectVersion&)>;

/// Permission on the version or the object, then `change`, then the record is saved if it was a
/// change.
ApiResult<Answer> with_version(S3& s3, S3Call& call, const std::string& verb,
                               const std::string& what, const Change& change) {
    const std::string suffix =
        call.request.parameter("versionId") && what == "Tagging" ? "Version" : "";
    const std::string action = "s3:" + verb + "Object" + suffix + what;
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        if (what != "Retention" || verb != "Put")
            PERDURE_TRY(s3.allow(call, bucket, action, call.key));
        ObjectVersion* version = PERDURE_TRY(find_version(s3, call, bucket));
        Answer answer = PERDURE_TRY(change(bucket, *version));
        if (!bucket.versioning.empty()) answer.set("x-amz-version-id", version->id);
        if (verb != "Get") PERDURE_TRY(stored(s3.state().save_key(bucket, call.key)));
        return answer;
    });
}

ApiResult<void> needs_checksum(const S3& s3, const S3Call& call) {
    if (call.checksum || call.request.header("Content-MD5") || s3.settings().ignore_checksums)
        return {};
    return invalid_request(
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
}

ApiResult<void> needs_lock(const Bucket& bucket) {
    if (bucket.has_lock) return {};
    return invalid_request("Bucket is missing Object Lock Configuration");
}

ApiError no_lock_of_object(const S3Call& call) {
    return s3_error(404, "NoSuchObjectLockConfiguration",
                    "The specified object does not have a ObjectLock configuration")
        .with("Key", call.key);
}

}  // namespace

ApiResult<Answer> get_object_tagging(S3& s3, S3Call& call) {
    return with_version(s3, call, "Get", "Tagging",
                        [&](Bucket&, ObjectVersion& version) -> ApiResult<Answer> {
                            XmlWriter xml("Tagging", kS3Namespace);
                            xml.open("TagSet");
                            for (const auto& [key, value] : version.tags)
                                xml.open("Tag").text("Key", key).text("Value", value).close();
                            return xml_answer(std::move(xml));
                        });
}

ApiResult<Answer> put_object_tagging(S3& s3, S3Call& call) {
    PERDURE_TRY(needs_checksum(s3, call));
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "Tagging", document));
    TextMap tags;
    for (const pugi::xml_node tag : document.document_element().child("TagSet").children("Tag"))
        if (!tags.emplace(child_text(tag, "Key"), child_text(tag, "Value")).second)
            return s3_error(400, "InvalidTag", "Cannot provide multiple Tags with the same key");
    PERDURE_TRY(check_tags(tags));
    return with_version(s3, call, "Put", "Tagging",
                        [&](Bucket&, ObjectVersion& version) -> ApiResult<Answer> {
                            version.tags = tags;
                            return empty_answer();
                        });
}

ApiResult<Answer> delete_object_tagging(S3& s3, S3Call& call) {
    return with_version(s3, call, "Delete", "Tagging",
                        [&](Bucket&, ObjectVersion& version) -> ApiResult<Answer> {
                            version.tags.clear();
                            return empty_answer(204);
                        });
}

ApiResult<Answer> get_object_retention(S3& s3, S3Call& call) {
    return with_version(s3, call, "Get", "Retention",
                        [&](Bucket& bucket, ObjectVersion& version) -> ApiResult<Answer> {
                            PERDURE_TRY(needs_lock(bucket));
                            if (version.lock_mode.empty()) return no_lock_of_object(call);
                            XmlWriter xml("Retention", kS3Namespace);
                            xml.text("Mode", version.lock_mode)
                                .text("RetainUntilDate", iso_time(version.lock_until));
                            return xml_answer(std::move(xml));
                        });
}

ApiResult<Answer> put_object_retention(S3& s3, S3Call& call) {
    PERDURE_TRY(needs_checksum(s3, call));
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "Retention", document));
    const std::string mode = child_text(document.document_element(), "Mode");
    const std::string date = child_text(document.document_element(), "RetainUntilDate");
    const auto until = parse_iso_time(date);
    const bool clears = mode.empty() && date.empty();
    if (!clears && ((mode != "GOVERNANCE" && mode != "COMPLIANCE") || !until))
        return malformed_xml();
    if (!clears && *until <= call.now)
        return invalid_argument("The retain until date must be in the future!", "RetainUntilDate",
                                date);
    return with_version(
        s3, call, "Put", "Retention",
        [&](Bucket& bucket, ObjectVersion& version) -> ApiResult<Answer> {
            const Time wanted = until.value_or(Time());
            const std::int64_t days =
                clears ? 0 : (wanted.nanoseconds - call.now.nanoseconds + kDay - 1) / kDay;
            PERDURE_TRY(
                s3.allow(call, bucket, "s3:PutObjectRetention", call.key,
                         {{"s3:object-lock-remaining-retention-days", {std::to_string(days)}},
                          {"s3:object-lock-mode", {mode}},
                          {"s3:object-lock-retain-until-date", {date}}}));
            PERDURE_TRY(needs_lock(bucket));
            const bool bypasses = PERDURE_TRY(bypasses_governance(s3, call, bucket, call.key));
            PERDURE_TRY(check_retention_change(version, mode, wanted, call.now, bypasses));
            version.lock_mode = mode;
            version.lock_until = wanted;
            return empty_answer();
        });
}

ApiResult<Answer> get_object_legal_hold(S3& s3, S3Call& call) {
    return with_version(s3, call, "Get", "LegalHold",
                        [&](Bucket& bucket, ObjectVersion& version) -> ApiResult<Answer> {
                            PERDURE_TRY(needs_lock(bucket));
                            XmlWriter xml("LegalHold", kS3Namespace);
                            xml.text("Status", version.legal_hold ? "ON" : "OFF");
                            return xml_answer(std::move(xml));
                        });
}

ApiResult<Answer> put_object_legal_hold(S3& s3, S3Call& call) {
    PERDURE_TRY(needs_checksum(s3, call));
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "LegalHold", document));
    const std::string status = child_text(document.document_element(), "Status");
    if (status != "ON" && status != "OFF") return malformed_xml();
    return with_version(s3, call, "Put", "LegalHold",
                        [&](Bucket& bucket, ObjectVersion& version) -> ApiResult<Answer> {
                            PERDURE_TRY(needs_lock(bucket));
                            version.legal_hold = status == "ON";
                            return empty_answer();
                        });
}

namespace {

struct RestoreWish {
    std::uint64_t days = 0;
    std::string tier = "Standard";
};

ApiResult<RestoreWish> parse_restore(const S3Call& call) {
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "RestoreRequest", document));
    const pugi::xml_node root = document.document_element();
    if (root.child("Type") || root.child("SelectParameters"))
        return s3_error(501, "NotImplemented", "Select restores are not implemented");
    RestoreWish wish;
    wish.days = parse_number(child_text(root, "Days")).value_or(0);
    if (wish.days == 0) return malformed_xml();
    std::string tier = child_text(root.child("GlacierJobParameters"), "Tier");
    if (tier.empty()) tier = child_text(root, "Tier");
    if (!tier.empty()) wish.tier = tier;
    return wish;
}

}  // namespace

ApiResult<Answer> restore_object(S3& s3, S3Call& call) {
    const RestoreWish wish = PERDURE_TRY(parse_restore(call));
    const auto times = s3.settings().restore_seconds;
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:RestoreObject", call.key));
        ObjectVersion* version = PERDURE_TRY(find_version(s3, call, bucket));
        if (version->storage_class != "GLACIER" && version->storage_class != "DEEP_ARCHIVE")
            return s3_error(403, "InvalidObjectState",
                            "Restore is not allowed for the object's current storage class")
                .with("StorageClass", version->storage_class);
        const auto time = times.find(version->storage_class + "/" + wish.tier);
        if (time == times.end())
            return invalid_argument("Retrieval option is not supported by this storage class",
                                    "Tier", wish.tier);
        if (version->restore_ready > call.now)
            return s3_error(409, "RestoreAlreadyInProgress",
                            "Object restore is already in progress");
        const bool is_thawed = !is_frozen(*version, call.now);
        if (!is_thawed)
            version->restore_ready = call.now + static_cast<std::int64_t>(time->second) * kSecond;
        version->restore_until =
            lifecycle_time(is_thawed ? call.now : version->restore_ready, wish.days);
        PERDURE_TRY(stored(s3.state().save_key(bucket, call.key)));
        return empty_answer(is_thawed ? 200 : 202);
    });
}

}  // namespace perdure::cloudsim
