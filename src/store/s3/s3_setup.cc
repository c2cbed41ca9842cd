#include "store/s3/s3_setup.h"

#include "base/try.h"
#include "store/s3/s3_error.h"

namespace perdure {

namespace {

constexpr const char* kNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

std::string element(const std::string& name, const std::string& content) {
    return "<" + name + ">" + content + "</" + name + ">";
}

std::string document(const std::string& name, const std::string& content) {
    return "<" + name + kNamespace + ">" + content + "</" + name + ">";
}

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        if (c == '&')
            safe += "&amp;";
        else if (c == '<')
            safe += "&lt;";
        else if (c == '>')
            safe += "&gt;";
        else
            safe.push_back(c);
    }
    return safe;
}

std::string encryption_of(const BucketWishes& wishes) {
    const bool kms = !wishes.kms_key.empty();
    std::string by_default = element("SSEAlgorithm", kms ? "aws:kms" : "AES256");
    if (kms) by_default += element("KMSMasterKeyID", escaped(wishes.kms_key));
    return document("ServerSideEncryptionConfiguration",
                    element("Rule", element("ApplyServerSideEncryptionByDefault", by_default) +
                                        element("BucketKeyEnabled", kms ? "true" : "false")));
}

std::string lifecycle_of(std::string_view prefix, unsigned days) {
    const std::string after = std::to_string(days);
    return document(
        "LifecycleConfiguration",
        element(
            "Rule",
            element("ID", escaped(own_rule_id(prefix))) +
                element("Filter", element("Prefix", escaped(prefix))) +
                element("Status", "Enabled") +
                element("Expiration", element("ExpiredObjectDeleteMarker", "true")) +
                element("NoncurrentVersionExpiration", element("NoncurrentDays", after)) +
                element("AbortIncompleteMultipartUpload", element("DaysAfterInitiation", after))));
}

std::string private_access() {
    std::string all;
    for (const char* what :
         {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"})
        all += element(what, "true");
    return document("PublicAccessBlockConfiguration", all);
}

}  // namespace

std::string own_rule_id(std::string_view prefix) {
    return "perdure: lets go of deleted objects of " +
           (prefix.empty() ? std::string("this bucket") : std::string(prefix));
}

Result<std::vector<SetupStep>> make_bucket(S3Bucket& bucket, const BucketWishes& wishes,
                                           std::stop_token stop) {
    const std::string where = bucket.where("");
    std::string constraint;
    if (bucket.region() != "us-east-1")
        constraint = document("CreateBucketConfiguration",
                              element("LocationConstraint", escaped(bucket.region())));
    S3Request create{"PUT", ""};
    create.body = as_bytes(constraint);
    create.headers.push_back({"x-amz-object-ownership", "BucketOwnerEnforced"});
    if (wishes.object_lock) create.headers.push_back({"x-amz-bucket-object-lock-enabled", "true"});
    const auto created = PERDURE_TRY(bucket.send(create, stop));
    if (!created.ok()) return s3_error(created, "s3:CreateBucket", where);
    const struct {
        const char* name;
        const char* query;
        const char* action;
        std::string body;
    } steps[] = {
        {"public access blocked", "publicAccessBlock", "s3:PutBucketPublicAccessBlock",
         private_access()},
        {"encrypted by default", "encryption", "s3:PutEncryptionConfiguration",
         encryption_of(wishes)},
        {"versions kept", "versioning", "s3:PutBucketVersioning",
         document("VersioningConfiguration", element("Status", "Enabled"))},
        {"deleted objects let go of after days", "lifecycle", "s3:PutLifecycleConfiguration",
         lifecycle_of(bucket.location().prefix, wishes.noncurrent_days)}};
    std::vector<SetupStep> done;
    for (const auto& step : steps) {
        S3Request put{"PUT", ""};
        put.query = {{step.query, ""}};
        put.body = as_bytes(step.body);
        put.headers = {{"Content-Type", "application/xml"}, checksum_header(put.body)};
        const auto answer = PERDURE_TRY(bucket.send(put, stop));
        if (!answer.ok()) {
            Error error = s3_error(answer, step.action, where);
            if (error.kind() != ErrorKind::Unsupported) return error;
        }
        done.push_back({step.name, answer.ok()});
    }
    return done;
}

}  // namespace perdure
