#include "cloudsim/s3/s3.h"

#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/lifecycle.h"
#include "cloudsim/s3/routes.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

ApiError bad_digest(const std::string& what) {
    return s3_error(400, "BadDigest",
                    "The " + what + " you specified did not match the calculated checksum.");
}

/// Of a header or a trailer; more than one is a mistake.
ApiResult<std::optional<GivenChecksum>> find_checksum(const S3Call& call) {
    std::optional<GivenChecksum> found;
    for (const Checksum kind : kChecksums) {
        std::optional<std::string> value;
        if (const auto header = call.request.header(header_of(kind))) value = *header;
        for (const HttpHeader& trailer : call.body.trailers)
            if (trailer.name == header_of(kind)) value = trailer.value;
        if (!value) continue;
        if (found)
            return invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not "
                "allowed.");
        found = GivenChecksum{kind, *value};
    }
    return found;
}

/// What policies of S3 may ask of a request.
void add_s3_keys(const S3Call& call, PolicyContext& context) {
    const auto add_header = [&](const char* header, const std::string& key) {
        if (const auto value = call.request.header(header)) context[key] = {std::string(*value)};
    };
    const auto add_parameter = [&](const char* name, const char* key) {
        if (const auto value = call.request.parameter(name)) context[key] = {std::string(*value)};
    };
    for (const char* name :
         {"x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-metadata-directive",
          "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
          "x-amz-storage-class", "x-amz-server-side-encryption-customer-algorithm"})
        add_header(name, std::string("s3:") + name);
    add_header("If-None-Match", "s3:if-none-match");
    add_header("If-Match", "s3:if-match");
    add_header("x-amz-object-lock-mode", "s3:object-lock-mode");
    add_header("x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date");
    add_header("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold");
    add_parameter("prefix", "s3:prefix");
    add_parameter("delimiter", "s3:delimiter");
    add_parameter("max-keys", "s3:max-keys");
    add_parameter("versionId", "s3:versionid");
    const bool creates = call.operation == "PutObject" || call.operation == "CopyObject" ||
                         call.operation == "CompleteMultipartUpload";
    const bool prepares =
        call.operation == "CreateMultipartUpload" || call.operation.starts_with("UploadPart");
    if (creates || prepares) context["s3:objectcreationoperation"] = {creates ? "true" : "false"};
}

void add_global_keys(const S3Call& call, bool is_secure, PolicyContext& context) {
    const Caller& caller = call.caller;
    context["aws:securetransport"] = {is_secure ? "true" : "false"};
    context["aws:sourceip"] = {call.request.peer};
    context["aws:currenttime"] = {iso_time(call.now)};
    context["aws:epochtime"] = {std::to_string(call.now.nanoseconds / kSecond)};
    if (call.request.header("User-Agent")) context["aws:useragent"] = {call.header("User-Agent")};
    if (!call.region.empty()) context["aws:requestedregion"] = {call.region};
    if (caller.is_anonymous) return;
    context["aws:principalarn"] = {caller.issuer_arn};
    context["aws:principalaccount"] = {caller.account};
    context["aws:userid"] = {caller.user_id};
    const bool is_user = !caller.is_root && caller.arn == caller.issuer_arn;
    if (is_user) context["aws:username"] = {caller.name};
    context["aws:principaltype"] = {caller.is_root ? "Account" : is_user ? "User" : "AssumedRole"};
}

}  // namespace

Result<void> S3::load() {
    const std::lock_guard lock(mutex_);
    return state_.load();
}

ApiResult<void> S3::check_body(S3Call& call) const {
    call.checksum = PERDURE_TRY(find_checksum(call));
    const ByteView bytes = call.body.bytes;
    const bool enforced = !settings().ignore_checksums;
    if (const auto md5 = call.request.header("Content-MD5"); md5 && enforced) {
        const auto expected = from_base64(*md5);
        if (!expected || expected->size() != 16)
            return s3_error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
        if (md5_of(bytes) != *expected)
            return s3_error(400, "BadDigest",
                            "The Content-MD5 you specified did not match what we received.")
                .with("ExpectedDigest", std::string(*md5))
                .with("CalculatedDigest", to_base64(md5_of(bytes)));
    }
    // There the header is of the object, not of the list of parts.
    if (call.operation == "CompleteMultipartUpload" || call.operation == "CopyObject") return {};
    if (!call.checksum) {
        if (enforced && call.request.header("x-amz-sdk-checksum-algorithm") &&
            call.request.method != "GET" && call.operation != "CreateMultipartUpload")
            return invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found.");
        return {};
    }
    const std::string name(name_of(call.checksum->kind));
    const auto given = from_base64(call.checksum->value);
    const Buffer actual = checksum_of(call.checksum->kind, bytes);
    if (!enforced) {
        call.checksum->value = to_base64(actual);
    } else if (!given || given->size() != actual.size()) {
        return invalid_request("Value for " + header_of(call.checksum->kind) +
                               " header is invalid.");
    } else if (*given != actual) {
        return bad_digest(name);
    }
    return {};
}

ApiResult<Answer> S3::handle(S3Call& call) {
    const S3Route* route = find_s3_route(call.request, {call.bucket, call.key});
    if (route == nullptr)
        return s3_error(
            501, "NotImplemented",
            "A header or query you provided implies functionality that is not implemented");
    if (call.key.size() > 1024)
        return s3_error(400, "KeyTooLongError", "Your key is too long")
            .with("Size", std::to_string(call.key.size()))
            .with("MaxSizeAllowed", "1024");
    if (call.request.header("x-amz-server-side-encryption-customer-algorithm"))
        return s3_error(501, "NotImplemented", "SSE-C is not implemented");
    PERDURE_TRY(check_body(call));
    lifecycle_if_due();
    return route->run(*this, call);
}

ApiResult<Answer> S3::with_all(const std::function<ApiResult<Answer>()>& f) {
    const std::lock_guard lock(mutex_);
    return f();
}

ApiResult<Answer> S3::with_bucket(const S3Call& call,
                                  const std::function<ApiResult<Answer>(Bucket&)>& f) {
    const std::lock_guard lock(mutex_);
    Bucket* bucket = state_.find(call.bucket);
    if (bucket == nullptr)
        return s3_error(404, "NoSuchBucket", "The specified bucket does not exist")
            .with("BucketName", call.bucket);
    if (!call.region.empty() && call.region != bucket->region)
        return s3_error(400, "AuthorizationHeaderMalformed",
                        "The authorization header is malformed; the region '" + call.region +
                            "' is wrong; expecting '" + bucket->region + "'")
            .with("Region", bucket->region)
            .with_header("x-amz-bucket-region", bucket->region);
    const auto owner = call.request.header("x-amz-expected-bucket-owner");
    if (owner && *owner != bucket->account) return access_denied("Access Denied");
    return f(*bucket);
}

ApiResult<void> S3::allow(const S3Call& call, const Bucket& bucket, const std::string& action,
                          const std::string& resource_key, PolicyContext context) const {
    add_s3_keys(call, context);
    add_global_keys(call, settings().secure_transport, context);
    context["aws:resourceaccount"] = context["s3:resourceaccount"] = {bucket.account};
    std::string resource = "arn:" + partition_of(bucket.region) + ":s3:::" + bucket.name;
    if (!resource_key.empty()) resource += "/" + resource_key;
    const auto document = bucket.documents.find("policy");
    if (document == bucket.documents.end())
        return authorize(call.caller, action, resource, context, nullptr, bucket.account);
    const Policy policy = Policy::parse(document->second, PolicyKind::Resource).value();
    // An owner is never locked out of the policy itself.
    const bool is_way_back = call.caller.is_root && call.caller.account == bucket.account &&
                             action.ends_with("BucketPolicy");
    return authorize(call.caller, action, resource, context, is_way_back ? nullptr : &policy,
                     bucket.account);
}

void S3::lifecycle_if_due() {
    const std::int64_t day = world_.clock.now().nanoseconds / kDay;
    {
        const std::lock_guard lock(mutex_);
        if (day == lifecycle_day_) return;
        lifecycle_day_ = day;
    }
    run_lifecycle();
}

void S3::run_lifecycle() {
    const std::lock_guard lock(mutex_);
    for (auto& [name, bucket] : state_.buckets())
        apply_lifecycle(state_, bucket, world_.clock.now());
}

}  // namespace perdure::cloudsim
