// Which operation a request is: method, level and subresource, as S3 tells them apart.
#include <algorithm>
#include <array>

#include "cloudsim/s3/routes.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

using Level = S3Route::Level;

constexpr S3Route kRoutes[] = {
    {"ListBuckets", "GET", Level::Service, "", false, list_buckets},
    {"CreateBucket", "PUT", Level::Bucket, "", false, create_bucket},
    {"HeadBucket", "HEAD", Level::Bucket, "", false, head_bucket},
    {"DeleteBucket", "DELETE", Level::Bucket, "", false, delete_bucket},
    {"GetBucketLocation", "GET", Level::Bucket, "location", false, get_bucket_location},
    {"GetBucketVersioning", "GET", Level::Bucket, "versioning", false, get_bucket_versioning},
    {"PutBucketVersioning", "PUT", Level::Bucket, "versioning", false, put_bucket_versioning},
    {"GetBucketLifecycleConfiguration", "GET", Level::Bucket, "lifecycle", false, get_document},
    {"PutBucketLifecycleConfiguration", "PUT", Level::Bucket, "lifecycle", false, put_document},
    {"DeleteBucketLifecycle", "DELETE", Level::Bucket, "lifecycle", false, delete_document},
    {"GetBucketEncryption", "GET", Level::Bucket, "encryption", false, get_document},
    {"PutBucketEncryption", "PUT", Level::Bucket, "encryption", false, put_document},
    {"DeleteBucketEncryption", "DELETE", Level::Bucket, "encryption", false, delete_document},
    {"GetPublicAccessBlock", "GET", Level::Bucket, "publicAccessBlock", false, get_document},
    {"PutPublicAccessBlock", "PUT", Level::Bucket, "publicAccessBlock", false, put_document},
    {"DeletePublicAccessBlock", "DELETE", Level::Bucket, "publicAccessBlock", false,
     delete_document},
    {"GetBucketPolicy", "GET", Level::Bucket, "policy", false, get_document},
    {"PutBucketPolicy", "PUT", Level::Bucket, "policy", false, put_document},
    {"DeleteBucketPolicy", "DELETE", Level::Bucket, "policy", false, delete_document},
    {"GetBucketPolicyStatus", "GET", Level::Bucket, "policyStatus", false,
     get_bucket_policy_status},
    {"GetBucketTagging", "GET", Level::Bucket, "tagging", false, get_document},
    {"PutBucketTagging", "PUT", Level::Bucket, "tagging", false, put_document},
    {"DeleteBucketTagging", "DELETE", Level::Bucket, "tagging", false, delete_document},
    {"GetBucketOwnershipControls", "GET", Level::Bucket, "ownershipControls", false, get_document},
    {"PutBucketOwnershipControls", "PUT", Level::Bucket, "ownershipControls", false, put_document},
    {"DeleteBucketOwnershipControls", "DELETE", Level::Bucket, "ownershipControls", false,
     delete_document},
    {"GetObjectLockConfiguration", "GET", Level::Bucket, "object-lock", false, get_document},
    {"PutObjectLockConfiguration", "PUT", Level::Bucket, "object-lock", false, put_document},
    {"GetBucketAcl", "GET", Level::Bucket, "acl", false, get_bucket_acl},
    {"ListObjects", "GET", Level::Bucket, "", false, list_objects},
    {"ListObjectsV2", "GET", Level::Bucket, "list-type", false, list_objects},
    {"ListObjectVersions", "GET", Level::Bucket, "versions", false, list_object_versions},
    {"ListMultipartUploads", "GET", Level::Bucket, "uploads", false, list_multipart_uploads},
    {"DeleteObjects", "POST", Level::Bucket, "delete", false, delete_objects},
    {"PutObject", "PUT", Level::Object, "", false, put_object},
    {"CopyObject", "PUT", Level::Object, "", true, copy_object},
    {"GetObject", "GET", Level::Object, "", false, get_object},
    {"HeadObject", "HEAD", Level::Object, "", false, get_object},
    {"GetObjectAttributes", "GET", Level::Object, "attributes", false, get_object_attributes},
    {"DeleteObject", "DELETE", Level::Object, "", false, delete_object},
    {"GetObjectTagging", "GET", Level::Object, "tagging", false, get_object_tagging},
    {"PutObjectTagging", "PUT", Level::Object, "tagging", false, put_object_tagging},
    {"DeleteObjectTagging", "DELETE", Level::Object, "tagging", false, delete_object_tagging},
    {"GetObjectRetention", "GET", Level::Object, "retention", false, get_object_retention},
    {"PutObjectRetention", "PUT", Level::Object, "retention", false, put_object_retention},
    {"GetObjectLegalHold", "GET", Level::Object, "legal-hold", false, get_object_legal_hold},
    {"PutObjectLegalHold", "PUT", Level::Object, "legal-hold", false, put_object_legal_hold},
    {"RestoreObject", "POST", Level::Object, "restore", false, restore_object},
    {"CreateMultipartUpload", "POST", Level::Object, "uploads", false, create_multipart_upload},
    {"UploadPart", "PUT", Level::Object, "uploadId", false, upload_part},
    {"UploadPartCopy", "PUT", Level::Object, "uploadId", true, upload_part_copy},
    {"CompleteMultipartUpload", "POST", Level::Object, "uploadId", false,
     complete_multipart_upload},
    {"AbortMultipartUpload", "DELETE", Level::Object, "uploadId", false, abort_multipart_upload},
    {"ListParts", "GET", Level::Object, "uploadId", false, list_parts},
};

// Every name in a query that makes another operation of a request, known here or not: one that is
// not known must not be taken for the plain operation.
constexpr std::array kSubresources = {"acl",
                                      "accelerate",
                                      "analytics",
                                      "attributes",
                                      "cors",
                                      "delete",
                                      "encryption",
                                      "annotation",
                                      "intelligent-tiering",
                                      "inventory",
                                      "legal-hold",
                                      "lifecycle",
                                      "list-type",
                                      "location",
                                      "logging",
                                      "metadataConfiguration",
                                      "metadataTable",
                                      "metrics",
                                      "notification",
                                      "object-lock",
                                      "ownershipControls",
                                      "policy",
                                      "policyStatus",
                                      "publicAccessBlock",
                                      "renameObject",
                                      "replication",
                                      "requestPayment",
                                      "restore",
                                      "retention",
                                      "select",
                                      "session",
                                      "tagging",
                                      "torrent",
                                      "uploadId",
                                      "uploads",
                                      "versioning",
                                      "versions",
                                      "website",
                                      "abac",
                                      "encryptionUpdate"};

std::string_view subresource_of(const Request& request) {
    for (const QueryPair& pair : request.query)
        for (const std::string_view known : kSubresources)
            if (pair.name == known) return known;
    return "";
}

/// "bucket.s3.eu-west-1.amazonaws.com", "bucket.localhost": the bucket; "" of any other host.
std::string bucket_of_host(std::string host) {
    host = host.substr(0, host.rfind(':'));
    for (const std::string_view end : {".amazonaws.com", ".amazonaws.com.cn"}) {
        if (!host.ends_with(end)) continue;
        for (const std::string_view mark : {".s3.", ".s3-"})
            if (const std::size_t at = host.rfind(mark); at != std::string::npos)
                return host.substr(0, at);
        return "";
    }
    constexpr std::string_view kLocal = ".localhost";
    if (host.ends_with(kLocal)) return host.substr(0, host.size() - kLocal.size());
    return "";
}

}  // namespace

S3Place s3_place(const Request& request) {
    const std::string path = percent_decode(request.path).substr(1);
    const std::string bucket = bucket_of_host(request.header_or("Host"));
    if (!bucket.empty()) return {bucket, path};
    const std::size_t slash = std::min(path.find('/'), path.size());
    return {path.substr(0, slash), path.substr(std::min(slash + 1, path.size()))};
}

const S3Route* find_s3_route(const Request& request, const S3Place& place) {
    const Level level = place.bucket.empty() ? Level::Service
                        : place.key.empty()  ? Level::Bucket
                                             : Level::Object;
    const std::string_view subresource = subresource_of(request);
    const bool copies = request.header("x-amz-copy-source").has_value();
    for (const S3Route& route : kRoutes) {
        if (request.method != route.method || level != route.level) continue;
        if (subresource != route.subresource) continue;
        if (request.method == "PUT" && level == Level::Object && copies != route.copies &&
            (subresource.empty() || subresource == "uploadId"))
            continue;
        return &route;
    }
    return nullptr;
}

std::string s3_operation(const Request& request, const S3Place& place) {
    const S3Route* route = find_s3_route(request, place);
    return route == nullptr ? "" : route->operation;
}

std::vector<std::string> s3_operations() {
    std::vector<std::string> names;
    for (const S3Route& route : kRoutes) names.emplace_back(route.operation);
    return names;
}

}  // namespace perdure::cloudsim
