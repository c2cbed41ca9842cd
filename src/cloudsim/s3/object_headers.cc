#include "cloudsim/s3/object_headers.h"

#include <array>

#include "cloudsim/s3/errors.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

constexpr std::array<std::string_view, 9> kClasses = {
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
    "GLACIER",  "DEEP_ARCHIVE",       "GLACIER_IR",  "OUTPOSTS"};
constexpr std::array<std::string_view, 6> kKept = {"content-type",        "cache-control",
                                                   "content-disposition", "content-encoding",
                                                   "content-language",    "expires"};
constexpr std::size_t kMostMetadata = 2048;

/// What aws-chunked adds to Content-Encoding is of the transfer.
std::string without_chunked(const std::string& value) {
    std::vector<std::string> kept;
    for (const std::string& coding : split(value, ','))
        if (trimmed(coding) != "aws-chunked" && !trimmed(coding).empty())
            kept.emplace_back(trimmed(coding));
    return join(kept, ",");
}

ApiResult<void> add_metadata(const S3Call& call, TextMap& into) {
    std::size_t size = 0;
    for (const HttpHeader& header : call.request.headers) {
        const std::string name = lower_case(header.name);
        if (!name.starts_with("x-amz-meta-")) continue;
        size += name.size() - 11 + header.value.size();
        into[name] = into.contains(name) ? into[name] + "," + header.value : header.value;
    }
    if (size > kMostMetadata)
        return s3_error(400, "MetadataTooLarge",
                        "Your metadata headers exceed the maximum allowed metadata size")
            .with("Size", std::to_string(size))
            .with("MaxSizeAllowed", std::to_string(kMostMetadata));
    return {};
}

ApiResult<void> set_encryption(const S3Call& call, ObjectVersion& version) {
    version.encryption = call.header("x-amz-server-side-encryption");
    version.kms_key = call.header("x-amz-server-side-encryption-aws-kms-key-id");
    const bool is_known = version.encryption.empty() || version.encryption == "AES256" ||
                          version.encryption == "aws:kms" || version.encryption == "aws:kms:dsse";
    if (!is_known)
        return invalid_argument("The encryption method specified is not supported",
                                "x-amz-server-side-encryption", version.encryption);
    return {};
}

std::string restore_header(const ObjectVersion& version, Time now) {
    if (version.restore_ready > now) return "ongoing-request=\"true\"";
    return "ongoing-request=\"false\", expiry-date=\"" + http_time(version.restore_until) + "\"";
}

}  // namespace

ApiResult<void> check_tags(const TextMap& tags) {
    if (tags.size() > 10)
        return s3_error(400, "BadRequest", "Object tags cannot be greater than 10");
    for (const auto& [key, value] : tags)
        if (key.empty() || key.size() > 128 || value.size() > 256)
            return s3_error(400, "InvalidTag",
                            "The TagKey or TagValue you have provided is invalid");
    return {};
}

ApiResult<TextMap> parse_tags(const std::string& text) {
    TextMap tags;
    for (const QueryPair& pair : parse_form(text))
        if (!tags.emplace(pair.name, pair.value).second)
            return invalid_argument("Cannot provide multiple Tags with the same key",
                                    "x-amz-tagging", text);
    PERDURE_TRY(check_tags(tags));
    return tags;
}

ApiResult<ObjectVersion> draft_of(const S3Call& call) {
    ObjectVersion version;
    version.modified = call.now;
    version.owner = call.caller.account;
    if (const auto wanted = call.request.header("x-amz-storage-class")) {
        version.storage_class = *wanted;
        if (std::find(kClasses.begin(), kClasses.end(), *wanted) == kClasses.end())
            return s3_error(400, "InvalidStorageClass",
                            "The storage class you specified is not valid")
                .with("StorageClassRequested", std::string(*wanted));
    }
    for (const std::string_view name : kKept)
        if (const auto value = call.request.header(name))
            version.headers[std::string(name)] = *value;
    if (version.headers.contains("content-encoding")) {
        version.headers["content-encoding"] = without_chunked(version.headers["content-encoding"]);
        if (version.headers["content-encoding"].empty()) version.headers.erase("content-encoding");
    }
    if (!version.headers.contains("content-type"))
        version.headers["content-type"] = "binary/octet-stream";
    PERDURE_TRY(add_metadata(call, version.headers));
    PERDURE_TRY(set_encryption(call, version));
    version.tags = PERDURE_TRY(parse_tags(call.header("x-amz-tagging")));
    return version;
}

void add_bucket_defaults(const Bucket& bucket, ObjectVersion& version) {
    if (!version.encryption.empty()) return;
    const auto found = bucket.documents.find("encryption");
    const std::string text = found == bucket.documents.end() ? "" : found->second;
    const auto between = [&text](const std::string& name) {
        const std::size_t begin = text.find("<" + name + ">");
        if (begin == std::string::npos) return std::string();
        const std::size_t from = begin + name.size() + 2;
        return text.substr(from, text.find("</", from) - from);
    };
    version.encryption = between("SSEAlgorithm");
    version.kms_key = between("KMSMasterKeyID");
    if (version.encryption.empty()) version.encryption = "AES256";
}

void add_write_headers(const Bucket& bucket, const ObjectVersion& version, Answer& answer) {
    if (!bucket.versioning.empty()) answer.set("x-amz-version-id", version.id);
    answer.set("x-amz-server-side-encryption", version.encryption);
    if (!version.kms_key.empty())
        answer.set("x-amz-server-side-encryption-aws-kms-key-id", version.kms_key);
}

void add_checksum_header(const StoredChecksum& checksum, Answer& answer) {
    const auto kind = checksum_named(checksum.algorithm);
    if (!kind) return;
    answer.set(header_of(*kind), checksum.value);
    answer.set("x-amz-checksum-type", checksum.type);
}

void add_object_headers(const S3Call& call, const Bucket& bucket, const ObjectVersion& version,
                        Answer& answer) {
    add_write_headers(bucket, version, answer);
    answer.set("Last-Modified", http_time(version.modified));
    answer.set("ETag", "\"" + version.etag + "\"");
    answer.set("Accept-Ranges", "bytes");
    for (const auto& [name, value] : version.headers) answer.set(name, value);
    for (const char* name : {"content-type", "content-language", "expires", "cache-control",
                             "content-disposition", "content-encoding"})
        if (const auto value = call.request.parameter(std::string("response-") + name))
            answer.set(name, std::string(*value));
    if (version.storage_class != "STANDARD")
        answer.set("x-amz-storage-class", version.storage_class);
    if (!version.tags.empty())
        answer.set("x-amz-tagging-count", std::to_string(version.tags.size()));
    if (version.restore_ready.nanoseconds != 0)
        answer.set("x-amz-restore", restore_header(version, call.now));
    if (!version.lock_mode.empty()) {
        answer.set("x-amz-object-lock-mode", version.lock_mode);
        answer.set("x-amz-object-lock-retain-until-date", iso_time(version.lock_until));
    }
    if (version.legal_hold) answer.set("x-amz-object-lock-legal-hold", "ON");
}

bool is_frozen(const ObjectVersion& version, Time now) {
    if (version.storage_class != "GLACIER" && version.storage_class != "DEEP_ARCHIVE") return false;
    const bool is_thawed = version.restore_ready.nanoseconds != 0 && version.restore_ready <= now &&
                           now < version.restore_until;
    return !is_thawed;
}

ApiError invalid_object_state(const ObjectVersion& version) {
    return s3_error(403, "InvalidObjectState",
                    "The operation is not valid for the object's storage class")
        .with("StorageClass", version.storage_class);
}

}  // namespace perdure::cloudsim
