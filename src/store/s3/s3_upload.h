// One large object written in parts, as its content comes: what is no part of a repository, such as
// an archive of a point.
//
// Nothing is there before finish() returned success, and nothing is overwritten. An upload that is
// given up, or fails, takes its parts away again; where even that fails, the bucket's rule for
// incomplete uploads does. Memory: one part, 16 MiB at first and 160 MiB behind 144 GiB. One
// thread.
#pragma once

#include <memory>
#include <string>

#include "store/retry_store.h"
#include "store/s3/s3_bucket.h"
#include "store/s3/s3_store.h"

namespace perdure {

class S3Upload {
public:
    /// `bucket` and `retrier` must outlive this. AlreadyExists if there is such an object.
    static Result<std::unique_ptr<S3Upload>> begin(S3Bucket& bucket, Retrier& retrier,
                                                   std::string key, const S3Storage& storage,
                                                   std::stop_token stop);
    ~S3Upload();
    S3Upload(const S3Upload&) = delete;
    S3Upload& operator=(const S3Upload&) = delete;

    Result<void> write(ByteView bytes);
    /// AlreadyExists if somebody else was faster.
    Result<void> finish();

private:
    S3Upload(S3Bucket& bucket, Retrier& retrier, std::string key, std::stop_token stop)
        : bucket_(bucket), retrier_(retrier), key_(std::move(key)), stop_(std::move(stop)) {}

    Result<void> start(const S3Storage& storage);
    Result<void> send_part();
    Result<void> complete_once(const std::string& document);
    Result<HttpResponse> ask(const S3Request& request);
    std::size_t part_size() const;
    /// Whether the object is there, with all that was sent.
    bool is_there();

    S3Bucket& bucket_;
    Retrier& retrier_;
    const std::string key_;
    const std::stop_token stop_;
    std::string id_;
    Buffer part_;
    std::vector<std::string> tags_;  // of the parts that were sent
    std::uint64_t sent_ = 0;
    bool ended_ = false;
};

}  // namespace perdure
