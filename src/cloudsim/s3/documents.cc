// The configurations of a bucket that are kept as the documents they came as, once they are known
// to be right: lifecycle, encryption, public access block, policy, tags, ownership, Object Lock.
#include <pugixml.hpp>

#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/lifecycle.h"
#include "cloudsim/s3/object_lock.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

struct Document {
    std::string_view subresource;
    const char* root;  // "": not XML
    const char *read_action, *write_action;
    const char *missing_code, *missing_message;
    bool needs_checksum;
};

constexpr Document kDocuments[] = {
    {"lifecycle", "LifecycleConfiguration", "s3:GetLifecycleConfiguration",
     "s3:PutLifecycleConfiguration", "NoSuchLifecycleConfiguration",
     "The lifecycle configuration does not exist", true},
    {"encryption", "ServerSideEncryptionConfiguration", "s3:GetEncryptionConfiguration",
     "s3:PutEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError",
     "The server side encryption configuration was not found", true},
    {"publicAccessBlock", "PublicAccessBlockConfiguration", "s3:GetBucketPublicAccessBlock",
     "s3:PutBucketPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration",
     "The public access block configuration was not found", true},
    {"policy", "", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "NoSuchBucketPolicy",
     "The bucket policy does not exist", true},
    {"tagging", "Tagging", "s3:GetBucketTagging", "s3:PutBucketTagging", "NoSuchTagSet",
     "The TagSet does not exist", true},
    {"ownershipControls", "OwnershipControls", "s3:GetBucketOwnershipControls",
     "s3:PutBucketOwnershipControls", "OwnershipControlsNotFoundError",
     "The bucket ownership controls were not found", true},
    {"object-lock", "ObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration",
     "s3:PutBucketObjectLockConfiguration", "ObjectLockConfigurationNotFoundError",
     "Object Lock configuration does not exist for this bucket", true},
};

const Document& document_of(const S3Call& call) {
    for (const Document& document : kDocuments)
        if (call.request.parameter(document.subresource)) return document;
    PERDURE_CHECK(false);
    return kDocuments[0];
}

bool blocks_public_policy(const Bucket& bucket) {
    const auto found = bucket.documents.find("publicAccessBlock");
    return found != bucket.documents.end() &&
           found->second.find("<BlockPublicPolicy>true") != std::string::npos;
}

ApiResult<void> check_encryption(const pugi::xml_node& root) {
    const std::string kind = root.child("Rule")
                                 .child("ApplyServerSideEncryptionByDefault")
                                 .child("SSEAlgorithm")
                                 .text()
                                 .get();
    if (kind != "AES256" && kind != "aws:kms" && kind != "aws:kms:dsse") return malformed_xml();
    return {};
}

ApiResult<std::string> checked_policy(const S3Call& call, const Bucket& bucket) {
    const Policy policy =
        PERDURE_TRY(Policy::parse(as_text(call.body.bytes), PolicyKind::Resource));
    if (policy.is_public() && blocks_public_policy(bucket))
        return access_denied(
            "User: " + call.caller.arn +
            " is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::" +
            bucket.name +
            "\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block "
            "Public Access.");
    return policy.text();
}

ApiResult<std::string> checked_document(const S3Call& call, const Document& kind, Bucket& bucket) {
    if (kind.subresource == "policy") return checked_policy(call, bucket);
    pugi::xml_document document;
    PERDURE_TRY(parse_xml(call.body.bytes, kind.root, document));
    const pugi::xml_node root = document.document_element();
    if (kind.subresource == "lifecycle") PERDURE_TRY(check_lifecycle(root));
    if (kind.subresource == "encryption") PERDURE_TRY(check_encryption(root));
    if (kind.subresource == "object-lock") PERDURE_TRY(check_lock_configuration(root, bucket));
    return to_text(root);
}

}  // namespace

ApiResult<Answer> get_document(S3& s3, S3Call& call) {
    const Document& kind = document_of(call);
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, kind.read_action, ""));
        const auto found = bucket.documents.find(std::string(kind.subresource));
        const bool is_lock = kind.subresource == "object-lock";
        if (found == bucket.documents.end() && !(is_lock && bucket.has_lock))
            return s3_error(404, kind.missing_code, kind.missing_message)
                .with("BucketName", bucket.name);
        Answer answer;
        const bool is_xml = *kind.root != '\0';
        answer.set("Content-Type", is_xml ? "application/xml" : "application/json");
        if (is_xml) answer.text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        answer.text +=
            found != bucket.documents.end() ? found->second : std::string(kLockEnabledOnly);
        return answer;
    });
}

ApiResult<Answer> put_document(S3& s3, S3Call& call) {
    const Document& kind = document_of(call);
    if (kind.needs_checksum && !call.checksum && !call.request.header("Content-MD5") &&
        !s3.settings().ignore_checksums)
        return invalid_request(
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, kind.write_action, ""));
        std::string text = PERDURE_TRY(checked_document(call, kind, bucket));
        if (kind.subresource == "object-lock") bucket.has_lock = true;
        bucket.documents[std::string(kind.subresource)] = std::move(text);
        PERDURE_TRY(stored(s3.state().save_bucket(bucket)));
        return empty_answer(kind.subresource == "policy" || kind.subresource == "tagging" ? 204
                                                                                          : 200);
    });
}

ApiResult<Answer> delete_document(S3& s3, S3Call& call) {
    const Document& kind = document_of(call);
    const bool is_policy = kind.subresource == "policy";
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(
            s3.allow(call, bucket, is_policy ? "s3:DeleteBucketPolicy" : kind.write_action, ""));
        bucket.documents.erase(std::string(kind.subresource));
        if (kind.subresource == "encryption") bucket.documents["encryption"] = kDefaultEncryption;
        PERDURE_TRY(stored(s3.state().save_bucket(bucket)));
        return empty_answer(204);
    });
}

ApiResult<Answer> get_bucket_policy_status(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:GetBucketPolicyStatus", ""));
        const auto found = bucket.documents.find("policy");
        if (found == bucket.documents.end())
            return s3_error(404, "NoSuchBucketPolicy", "The bucket policy does not exist")
                .with("BucketName", bucket.name);
        XmlWriter xml("PolicyStatus", kS3Namespace);
        xml.flag("IsPublic",
                 Policy::parse(found->second, PolicyKind::Resource).value().is_public());
        return xml_answer(std::move(xml));
    });
}

ApiResult<Answer> get_bucket_acl(S3& s3, S3Call& call) {
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:GetBucketAcl", ""));
        XmlWriter xml("AccessControlPolicy", kS3Namespace);
        xml.open("Owner").text("ID", bucket.account).close();
        xml.open("AccessControlList").open("Grant");
        xml.open("Grantee",
                 " xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                 "xsi:type=\"CanonicalUser\"")
            .text("ID", bucket.account)
            .close();
        xml.text("Permission", "FULL_CONTROL");
        return xml_answer(std::move(xml));
    });
}

}  // namespace perdure::cloudsim
