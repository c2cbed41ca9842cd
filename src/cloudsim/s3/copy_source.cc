#include "cloudsim/s3/copy_source.h"

#include "cloudsim/s3/conditions.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/object_headers.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {

ApiResult<CopySource> parse_copy_source(const S3Call& call) {
    std::string text = call.header("x-amz-copy-source");
    CopySource source;
    constexpr std::string_view kVersion = "?versionId=";
    if (const std::size_t at = text.find(kVersion); at != std::string::npos) {
        source.version_id = text.substr(at + kVersion.size());
        text.resize(at);
    }
    text = percent_decode(text);
    if (text.starts_with('/')) text.erase(0, 1);
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos || slash + 1 == text.size())
        return invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            "x-amz-copy-source", text);
    source.bucket = text.substr(0, slash);
    source.key = text.substr(slash + 1);
    return source;
}

ApiResult<ObjectVersion> find_copy_source(S3& s3, const S3Call& call, const CopySource& source) {
    std::optional<ObjectVersion> found;
    const bool has_version = !source.version_id.empty();
    auto checked = s3.with_all([&]() -> ApiResult<Answer> {
        Bucket* bucket = s3.state().find(source.bucket);
        if (bucket == nullptr)
            return s3_error(404, "NoSuchBucket", "The specified bucket does not exist")
                .with("BucketName", source.bucket);
        PERDURE_TRY(s3.allow(call, *bucket, has_version ? "s3:GetObjectVersion" : "s3:GetObject",
                             source.key));
        const ObjectVersion* version = has_version ? bucket->version(source.key, source.version_id)
                                                   : bucket->current(source.key);
        if (version == nullptr || version->is_marker)
            return has_version ? no_such_version(source.key, source.version_id)
                               : no_such_key(source.key);
        if (is_frozen(*version, call.now)) return invalid_object_state(*version);
        if (check_copy_conditions(call.request, version->etag, version->modified) !=
            ReadVerdict::Send)
            return precondition_failed("x-amz-copy-source-If-Match");
        found = *version;
        return Answer();
    });
    PERDURE_TRY(std::move(checked));
    return *found;
}

}  // namespace perdure::cloudsim
