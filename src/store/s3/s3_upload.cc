#include "store/s3/s3_upload.h"

#include <algorithm>
#include <pugixml.hpp>

#include "base/try.h"
#include "store/s3/s3_error.h"

namespace perdure {

namespace {

constexpr std::size_t kSmallestPart = 16U << 20;
constexpr std::size_t kPartsOfOneSize = 1000;  // then they grow: there may be 10,000
constexpr std::size_t kMostParts = 10'000;
constexpr const char* kAction = "s3:PutObject";

}  // namespace

Result<std::unique_ptr<S3Upload>> S3Upload::begin(S3Bucket& bucket, Retrier& retrier,
                                                  std::string key, const S3Storage& storage,
                                                  std::stop_token stop) {
    std::unique_ptr<S3Upload> upload(
        new S3Upload(bucket, retrier, std::move(key), std::move(stop)));
    PERDURE_TRY(upload->start(storage));
    return upload;
}

S3Upload::~S3Upload() {
    if (id_.empty() || ended_) return;
    S3Request abort{"DELETE", key_};
    abort.query = {{"uploadId", id_}};
    // Whatever stopped the upload must not stop this.
    const auto answer = bucket_.send(abort, {});
    static_cast<void>(answer.has_value());
}

Result<HttpResponse> S3Upload::ask(const S3Request& request) {
    return retrier_.repeated(
        [&]() -> Result<HttpResponse> {
            auto answer = PERDURE_TRY(bucket_.send(request, stop_));
            if (answer.ok()) return answer;
            return s3_error(answer, kAction, bucket_.where(key_));
        },
        stop_);
}

Result<void> S3Upload::start(const S3Storage& storage) {
    const auto there = PERDURE_TRY(bucket_.send({"HEAD", key_}, stop_));
    if (there.ok())
        return Error(ErrorKind::AlreadyExists, bucket_.where(key_) + ": is there already")
            .with_hint("name an object that does not exist yet");
    S3Request create{"POST", key_};
    create.query = {{"uploads", ""}};
    const auto add = [&](const char* header, const std::string& value) {
        if (!value.empty()) create.headers.push_back({header, value});
    };
    add("x-amz-storage-class", storage.data_class);
    add("x-amz-server-side-encryption", storage.encryption);
    add("x-amz-server-side-encryption-aws-kms-key-id", storage.kms_key);
    add("x-amz-acl", storage.acl);
    const HttpResponse answer = PERDURE_TRY(ask(create));
    pugi::xml_document document;
    document.load_buffer(answer.body.data(), answer.body.size());
    id_ = document.child("InitiateMultipartUploadResult").child_value("UploadId");
    if (!id_.empty()) return {};
    return Error(ErrorKind::Corrupt, bucket_.where(key_) + ": the answer begins no upload of S3")
        .with_hint("check the endpoint (http or https, host and port), and proxies on the way");
}

std::size_t S3Upload::part_size() const {
    return kSmallestPart * (1 + tags_.size() / kPartsOfOneSize);
}

Result<void> S3Upload::send_part() {
    if (tags_.size() == kMostParts)
        return Error(ErrorKind::NoSpace, bucket_.where(key_) + ": is larger than an object may be")
            .with_hint("dump parts of the point, each into an object of its own");
    S3Request put{"PUT", key_};
    put.query = {{"partNumber", std::to_string(tags_.size() + 1)}, {"uploadId", id_}};
    put.body = part_;
    const HttpResponse answer = PERDURE_TRY(ask(put));
    const auto tag = answer.header("etag");
    if (!tag)
        return Error(ErrorKind::Corrupt, bucket_.where(key_) + ": the server gave a part no ETag");
    tags_.emplace_back(*tag);
    sent_ += part_.size();
    part_.clear();
    return {};
}

Result<void> S3Upload::write(ByteView bytes) {
    while (!bytes.empty()) {
        const std::size_t room = part_size() - part_.size();
        const ByteView now = bytes.first(std::min(room, bytes.size()));
        append(part_, now);
        bytes = bytes.subspan(now.size());
        if (part_.size() == part_size()) PERDURE_TRY(send_part());
    }
    return {};
}

bool S3Upload::is_there() {
    const auto there = bucket_.send({"HEAD", key_}, stop_);
    if (!there || !there->ok()) return false;
    return there->header("content-length") == std::to_string(sent_);
}

/// An answer of success may hold an error; and one that was lost leaves no upload to complete.
Result<void> S3Upload::complete_once(const std::string& document) {
    S3Request complete{"POST", key_};
    complete.query = {{"uploadId", id_}};
    complete.headers = {{"Content-Type", "application/xml"}, {"If-None-Match", "*"}};
    complete.body = as_bytes(document);
    const HttpResponse answer = PERDURE_TRY(bucket_.send(complete, stop_));
    const S3Fault fault = parse_s3_fault(answer);
    if (answer.ok() && fault.code.empty()) return {};
    if (fault.code == "NoSuchUpload" && is_there()) return {};
    if (!answer.ok()) return s3_error(answer, kAction, bucket_.where(key_));
    return Error(ErrorKind::Timeout, bucket_.where(key_) + ": completing the upload: " +
                                         fault.code + ": " + fault.message);
}

Result<void> S3Upload::finish() {
    if (!part_.empty() || tags_.empty()) PERDURE_TRY(send_part());
    std::string document =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (std::size_t i = 0; i < tags_.size(); ++i)
        document += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
                    tags_[i] + "</ETag></Part>";
    document += "</CompleteMultipartUpload>";
    PERDURE_TRY(retrier_.repeated([&] { return complete_once(document); }, stop_));
    ended_ = true;
    return {};
}

}  // namespace perdure
