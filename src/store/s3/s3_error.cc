#include "store/s3/s3_error.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

namespace perdure {

namespace {

struct Meaning {
    std::string_view code;
    ErrorKind kind;
    std::string_view hint;
};

constexpr std::string_view kRegion = "check AWS_REGION, or -o s3.region: it is not the bucket's";

// Codes whose status does not say enough.
constexpr Meaning kMeanings[] = {
    {"NoSuchBucket", ErrorKind::InvalidInput,
     "check the bucket's name, or make it with `perdure init --create-bucket`"},
    {"InvalidBucketName", ErrorKind::InvalidInput, "check the bucket's name"},
    {"BucketAlreadyExists", ErrorKind::AlreadyExists,
     "bucket names are taken all over the world: choose another"},
    {"BucketAlreadyOwnedByYou", ErrorKind::AlreadyExists, "leave out --create-bucket"},
    {"InvalidBucketState", ErrorKind::Unsupported, ""},
    {"PermanentRedirect", ErrorKind::InvalidInput, kRegion},
    {"TemporaryRedirect", ErrorKind::Unavailable, ""},
    {"AuthorizationHeaderMalformed", ErrorKind::InvalidInput, kRegion},
    {"IllegalLocationConstraintException", ErrorKind::InvalidInput, kRegion},
    {"QuotaExceeded", ErrorKind::NoSpace, ""},
    {"SlowDown", ErrorKind::Unavailable, ""},
    {"RequestTimeout", ErrorKind::Unavailable, ""},
    {"OperationAborted", ErrorKind::Unavailable, ""},
    {"RequestTimeTooSkewed", ErrorKind::Unavailable,
     "set this machine's clock: the server's differs by more than a quarter of an hour"},
    {"ExpiredToken", ErrorKind::Denied,
     "the credentials have expired: get new ones, or use a profile that renews them"},
    {"TokenRefreshRequired", ErrorKind::Denied, "the credentials have expired: get new ones"},
    {"RequestExpired", ErrorKind::Denied, "set this machine's clock"},
    {"InvalidToken", ErrorKind::Denied,
     "check AWS_SESSION_TOKEN: it belongs to one access key and no other"},
    {"InvalidAccessKeyId", ErrorKind::Denied,
     "check the access key and its secret, and for which server they are"},
    {"SignatureDoesNotMatch", ErrorKind::Denied,
     "check the access key and its secret, and for which server they are"},
    {"InvalidObjectState", ErrorKind::Unsupported,
     "the object lies in an archive class: restore it there first (aws s3api restore-object)"},
    {"InvalidStorageClass", ErrorKind::InvalidInput, "check -o s3.storage-class"},
    {"KMS.DisabledException", ErrorKind::Denied, "enable the key that the bucket encrypts with"},
    {"KMS.NotFoundException", ErrorKind::Denied, "check -o s3.kms-key and the bucket's default"},
    {"KMS.KMSInvalidStateException", ErrorKind::Denied, "check the state of the encryption key"},
};

const Meaning* meaning_of(std::string_view code) {
    for (const Meaning& meaning : kMeanings)
        if (meaning.code == code) return &meaning;
    return nullptr;
}

/// A body that is no S3 error: something else answers there.
bool is_foreign(const HttpResponse& response, const S3Fault& fault) {
    return fault.code.empty() && !response.body.empty();
}

ErrorKind kind_of(int status, const S3Fault& fault, bool foreign) {
    if (const Meaning* meaning = meaning_of(fault.code)) return meaning->kind;
    // Nothing is missing where nobody looked.
    if (foreign && status == 404) return ErrorKind::InvalidInput;
    switch (status) {
        case 301:
        case 307: return ErrorKind::InvalidInput;
        case 401:
        case 403: return ErrorKind::Denied;
        case 404: return ErrorKind::NotFound;
        case 412: return ErrorKind::AlreadyExists;
        case 416: return ErrorKind::Corrupt;
        case 409:
        case 429:
        case 503: return ErrorKind::Unavailable;
        case 405:
        case 501: return ErrorKind::Unsupported;
        case 507: return ErrorKind::NoSpace;
        default: return status >= 500 ? ErrorKind::Timeout : ErrorKind::Io;
    }
}

/// Retry-After in seconds; its other form, a date, nobody sends here.
std::uint64_t retry_after_ms(const HttpResponse& response) {
    const auto text = response.header("retry-after");
    std::uint64_t seconds = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), seconds).ec != std::errc())
        return 0;
    return std::min<std::uint64_t>(seconds, 3600) * 1000;
}

constexpr const char* kNoS3 =
    "the answer is not S3's: check the endpoint (http or https, host and port), and proxies on the "
    "way";

std::string hint_for(const S3Fault& fault, int status, std::string_view action, bool foreign) {
    const bool redirected = status == 301 || status == 307 || status == 400;
    if (redirected && !fault.region.empty()) return "the bucket is in " + fault.region;
    if (const Meaning* meaning = meaning_of(fault.code)) return std::string(meaning->hint);
    if (foreign) return kNoS3;
    if (status == 301 || status == 307) return std::string(kRegion);
    if (status != 403) return "";
    std::string hint = "allow " + std::string(action) + " to this credential";
    if (action == "s3:GetObject")
        hint += ", and s3:ListBucket, without which missing objects are refused too";
    return hint + "; see `perdure iam policy`";
}

}  // namespace

S3Fault parse_s3_fault(const HttpResponse& response) {
    S3Fault fault;
    if (const auto region = response.header("x-amz-bucket-region")) fault.region = *region;
    pugi::xml_document document;
    if (!document.load_buffer(response.body.data(), response.body.size())) return fault;
    const pugi::xml_node error = document.child("Error");
    fault.code = error.child_value("Code");
    fault.message = error.child_value("Message");
    if (fault.region.empty()) fault.region = error.child_value("Region");
    return fault;
}

Error s3_error(const HttpResponse& response, std::string_view action, const std::string& object) {
    const S3Fault fault = parse_s3_fault(response);
    std::string text =
        object + ": " + std::string(action) + ": HTTP " + std::to_string(response.status);
    if (!fault.code.empty()) text += " " + fault.code;
    if (!fault.message.empty()) text += ": " + fault.message;
    if (const auto id = response.header("x-amz-request-id"))
        text += " (request " + std::string(*id) + ")";
    const bool foreign = is_foreign(response, fault);
    Error error(kind_of(response.status, fault, foreign), std::move(text));
    if (const std::uint64_t wait = retry_after_ms(response); wait > 0)
        error = std::move(error).with_retry_after(wait);
    const std::string hint = hint_for(fault, response.status, action, foreign);
    return hint.empty() ? error : std::move(error).with_hint(hint);
}

bool is_clock_skew(const HttpResponse& response) {
    return response.status == 403 && parse_s3_fault(response).code == "RequestTimeTooSkewed";
}

bool is_expired(const HttpResponse& response) {
    if (response.status != 400 && response.status != 401 && response.status != 403) return false;
    const std::string code = parse_s3_fault(response).code;
    return code == "ExpiredToken" || code == "TokenRefreshRequired";
}

}  // namespace perdure
