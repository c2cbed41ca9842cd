#include "app/archive_upload.h"

#include "app/open_s3.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/try.h"
#include "store/s3/s3_upload.h"

namespace perdure {

namespace {

class UploadInS3 final : public ArchiveUpload {
public:
    explicit UploadInS3(S3Access access)
        : access_(std::move(access)), retrier_(access_.retries, system_random(), system_clock()) {}

    Result<void> begin(std::stop_token stop) {
        std::string key = access_.bucket->location().prefix;
        key.pop_back();  // a prefix ends in '/'
        upload_ = PERDURE_TRY(S3Upload::begin(*access_.bucket, retrier_, std::move(key),
                                              access_.storage, std::move(stop)));
        return {};
    }
    Result<void> write(ByteView bytes) override { return upload_->write(bytes); }
    Result<void> finish() override { return upload_->finish(); }

private:
    S3Access access_;
    Retrier retrier_;
    std::unique_ptr<S3Upload> upload_;  // goes first
};

}  // namespace

bool is_archive_location(const std::string& text) { return is_s3_location(text); }

Result<std::unique_ptr<ArchiveUpload>> begin_archive_upload(const std::string& location,
                                                            const StoreOptions& options,
                                                            std::stop_token stop) {
    S3Access access = PERDURE_TRY(open_s3_access(location, options));
    if (access.bucket->location().prefix.empty() || location.ends_with('/'))
        return Error(ErrorKind::InvalidInput, location + ": names no object")
            .with_hint("write s3://BUCKET/OBJECT, as in s3://archives/web/2026.tar.zst");
    auto upload = std::make_unique<UploadInS3>(std::move(access));
    PERDURE_TRY(upload->begin(std::move(stop)));
    return std::unique_ptr<ArchiveUpload>(std::move(upload));
}

}  // namespace perdure
