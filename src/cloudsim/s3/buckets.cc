// Buckets themselves: made, listed, removed, versioned.
#include <algorithm>
#include <pugixml.hpp>

#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/s3.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

/// 3 to 63 of a-z, 0-9, '.', '-', begun and ended by a letter or digit; no IPv4 address.
bool is_bucket_name(const std::string& name) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    if (name.size() < 3 || name.size() > 63 || !plain(name.front()) || !plain(name.back()))
        return false;
    if (name.find("..") != std::string::npos || name.starts_with("xn--")) return false;
    const bool only_numbers = std::all_of(
        name.begin(), name.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
    if (only_numbers && std::count(name.begin(), name.end(), '.') == 3) return false;
    return std::all_of(name.begin(), name.end(),
                       [&](char c) { return plain(c) || c == '.' || c == '-'; });
}

ApiResult<std::string> wanted_region(const S3Call& call) {
    const std::string asked = call.region.empty() ? "us-east-1" : call.region;
    if (call.body.bytes.empty()) {
        if (asked != "us-east-1")
            return s3_error(400, "IllegalLocationConstraintException",
                            "The unspecified location constraint is incompatible for the region "
                            "specific endpoint this request was sent to.");
        return asked;
    }
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "CreateBucketConfiguration", document));
    const std::string region = child_text(document.document_element(), "LocationConstraint");
    if (region == "us-east-1")
        return s3_error(400, "InvalidLocationConstraint",
                        "The specified location-constraint is not valid")
            .with("LocationConstraint", region);
    if (!region.empty() && region != asked)
        return s3_error(400, "IllegalLocationConstraintException",
                        "The " + region +
                            " location constraint is incompatible for the region specific endpoint "
                            "this request was sent to.");
    return region.empty() ? asked : region;
}

}  // namespace

ApiResult<Answer> list_buckets(S3& s3, S3Call& call) {
    if (call.caller.is_anonymous) return access_denied("Access Denied");
    PERDURE_TRY(authorize(call.caller, "s3:ListAllMyBuckets", "arn:aws:s3:::*", {}, nullptr,
                          call.caller.account));
    const std::string prefix = call.parameter("prefix"),
                      after = call.parameter("continuation-token");
    const std::uint64_t most = std::clamp<std::uint64_t>(
        parse_number(call.parameter("max-buckets")).value_or(10000), 1, 10000);
    return s3.with_all([&]() -> ApiResult<Answer> {
        XmlWriter xml("ListAllMyBucketsResult", kS3Namespace);
        xml.open("Owner").text("ID", call.caller.account).close().open("Buckets");
        std::uint64_t count = 0;
        std::string last, more;
        for (const auto& [name, bucket] : s3.state().buckets()) {
            if (bucket.account != call.caller.account || !name.starts_with(prefix) ||
                (!after.empty() && name <= after))
                continue;
            if (count++ == most) {
                more = last;
                break;
            }
            xml.open("Bucket")
                .text("Name", name)
                .text("CreationDate", iso_time(bucket.created))
                .text("BucketRegion", bucket.region)
                .close();
            last = name;
        }
        xml.close();
        if (!more.empty()) xml.text("ContinuationToken", more);
        if (!prefix.empty()) xml.text("Prefix", prefix);
        return xml_answer(std::move(xml));
    });
}

ApiResult<Answer> create_bucket(S3& s3, S3Call& call) {
    if (call.caller.is_anonymous) return access_denied("Access Denied");
    if (!is_bucket_name(call.bucket))
        return s3_error(400, "InvalidBucketName", "The specified bucket is not valid.")
            .with("BucketName", call.bucket);
    Bucket bucket;
    bucket.name = call.bucket;
    bucket.account = call.caller.account;
    bucket.region = PERDURE_TRY(wanted_region(call));
    bucket.created = call.now;
    PERDURE_TRY(s3.allow(call, bucket, "s3:CreateBucket", ""));
    bucket.has_lock = lower_case(call.header("x-amz-bucket-object-lock-enabled")) == "true";
    if (bucket.has_lock) {
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutBucketObjectLockConfiguration", ""));
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutBucketVersioning", ""));
        bucket.versioning = "Enabled";
    }
    // As every new bucket since 2023: encrypted, private, without ACLs.
    bucket.documents["encryption"] = kDefaultEncryption;
    bucket.documents["publicAccessBlock"] = kDefaultPublicAccessBlock;
    bucket.documents["ownershipControls"] = kDefaultOwnership;
    return s3.with_all([&]() -> ApiResult<Answer> {
        if (const Bucket* known = s3.state().find(call.bucket)) {
            if (known->account != call.caller.account)
                return s3_error(409, "BucketAlreadyExists",
                                "The requested bucket name is not available.")
                    .with("BucketName", call.bucket);
            // The oldest region forgives it.
            if (bucket.region != "us-east-1" || known->region != "us-east-1")
                return s3_error(409, "BucketAlreadyOwnedByYou",
                                "Your previous request to create the named bucket succeeded and "
                                "you already own it.")
                    .with("BucketName", call.bucket);
        } else {
            PERDURE_TRY(stored(s3.state().save_bucket(bucket)));
            s3.state().buckets()[call.bucket] = bucket;
        }
        Answer answer;
        answer.set("Location", "/" + call.bucket);
        return answer;
    });
}

ApiResult<Answer> head_bucket(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:ListBucket", ""));
        Answer answer;
        answer.set("x-amz-bucket-region", bucket.region);
        answer.set("x-amz-access-point-alias", "false");
        return answer;
    });
}

ApiResult<Answer> delete_bucket(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:DeleteBucket", ""));
        if (!bucket.objects.empty())
            return s3_error(409, "BucketNotEmpty",
                            "The bucket you tried to delete is not empty. You must delete all "
                            "versions in the bucket.")
                .with("BucketName", call.bucket);
        s3.state().erase_bucket(call.bucket);
        return empty_answer(204);
    });
}

ApiResult<Answer> get_bucket_location(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:GetBucketLocation", ""));
        XmlWriter xml("LocationConstraint", kS3Namespace);
        xml.raw(bucket.region == "us-east-1" ? "" : xml_escaped(bucket.region));
        return xml_answer(std::move(xml));
    });
}

ApiResult<Answer> get_bucket_versioning(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:GetBucketVersioning", ""));
        XmlWriter xml("VersioningConfiguration", kS3Namespace);
        if (!bucket.versioning.empty()) xml.text("Status", bucket.versioning);
        return xml_answer(std::move(xml));
    });
}

ApiResult<Answer> put_bucket_versioning(S3& s3, S3Call& call) {
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, "VersioningConfiguration", document));
    const std::string status = child_text(document.document_element(), "Status");
    if (child_text(document.document_element(), "MfaDelete") == "Enabled")
        return s3_error(501, "NotImplemented", "MFA delete is not implemented");
    if (status != "Enabled" && status != "Suspended")
        return s3_error(400, "IllegalVersioningConfigurationException",
                        "The Versioning element must be specified");
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutBucketVersioning", ""));
        if (bucket.has_lock && status != "Enabled")
            return s3_error(409, "InvalidBucketState",
                            "An Object Lock configuration is present on this bucket, so the "
                            "versioning state cannot be changed.");
        bucket.versioning = status;
        PERDURE_TRY(stored(s3.state().save_bucket(bucket)));
        return empty_answer();
    });
}

}  // namespace perdure::cloudsim
