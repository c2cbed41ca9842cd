// S3: which operation a request is, what it needs to be allowed, and its answer.
//
// One lock holds all buckets. Bodies are hashed and written before it is taken, and read after it
// is given back; each operation takes effect at one moment under it, so conditions are atomic.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "cloudsim/api_result.h"
#include "cloudsim/chunked_body.h"
#include "cloudsim/digests.h"
#include "cloudsim/identities.h"
#include "cloudsim/message.h"
#include "cloudsim/s3/state.h"
#include "cloudsim/world.h"

namespace perdure::cloudsim {

/// A checksum that came with the body and was found to be right.
struct GivenChecksum {
    Checksum kind;
    std::string value;  // Base64
};

struct S3Call {
    const Request& request;
    const Caller& caller;
    std::string region;  // of the signature; "": not signed
    std::string operation, bucket, key;
    Time now;
    DecodedBody body;
    std::optional<GivenChecksum> checksum;
    std::function<std::uint64_t()> next_event;
    std::vector<std::string> deleted_keys;  // for the call log

    std::string header(std::string_view name) const { return request.header_or(name); }
    std::string parameter(std::string_view name) const { return request.parameter_or(name); }
};

/// Where a request goes: by its host or its path.
struct S3Place {
    std::string bucket, key;
};
S3Place s3_place(const Request& request);

/// The operation's name as AWS has it; "" if there is none such here.
std::string s3_operation(const Request& request, const S3Place& place);
/// All that there are.
std::vector<std::string> s3_operations();

class S3 {
public:
    explicit S3(World& world) : world_(world), state_(world.files, world.blobs) {}

    Result<void> load();
    ApiResult<Answer> handle(S3Call& call);
    /// Does what lifecycle rules say is due.
    void run_lifecycle();

    // For the operations.
    World& world() { return world_; }
    S3State& state() { return state_; }
    /// Runs `f(Bucket&)` under the lock; NoSuchBucket, a wrong region, a wrong expected owner.
    ApiResult<Answer> with_bucket(const S3Call& call,
                                  const std::function<ApiResult<Answer>(Bucket&)>& f);
    ApiResult<Answer> with_all(const std::function<ApiResult<Answer>()>& f);
    /// `resource_key`: "" for the bucket itself. `extra`: condition keys of this operation.
    ApiResult<void> allow(const S3Call& call, const Bucket& bucket, const std::string& action,
                          const std::string& resource_key, PolicyContext extra = {}) const;
    bool is_allowed(const S3Call& call, const Bucket& bucket, const std::string& action,
                    const std::string& resource_key) const {
        return bool(allow(call, bucket, action, resource_key));
    }
    Settings settings() const {
        return world_.settings.with([](const Settings& s) { return s; });
    }

private:
    ApiResult<void> check_body(S3Call& call) const;
    void lifecycle_if_due();

    World& world_;
    mutable std::mutex mutex_;
    S3State state_;
    std::int64_t lifecycle_day_ = 0;
};

// The operations, by file.
using S3Operation = ApiResult<Answer> (*)(S3&, S3Call&);
// buckets.cc
ApiResult<Answer> list_buckets(S3&, S3Call&);
ApiResult<Answer> create_bucket(S3&, S3Call&);
ApiResult<Answer> head_bucket(S3&, S3Call&);
ApiResult<Answer> delete_bucket(S3&, S3Call&);
ApiResult<Answer> get_bucket_location(S3&, S3Call&);
ApiResult<Answer> get_bucket_versioning(S3&, S3Call&);
ApiResult<Answer> put_bucket_versioning(S3&, S3Call&);
// documents.cc
ApiResult<Answer> get_document(S3&, S3Call&);
ApiResult<Answer> put_document(S3&, S3Call&);
ApiResult<Answer> delete_document(S3&, S3Call&);
ApiResult<Answer> get_bucket_policy_status(S3&, S3Call&);
ApiResult<Answer> get_bucket_acl(S3&, S3Call&);
// listing.cc
ApiResult<Answer> list_objects(S3&, S3Call&);
ApiResult<Answer> list_object_versions(S3&, S3Call&);
ApiResult<Answer> list_multipart_uploads(S3&, S3Call&);
// put_object.cc
ApiResult<Answer> put_object(S3&, S3Call&);
ApiResult<Answer> copy_object(S3&, S3Call&);
// get_object.cc
ApiResult<Answer> get_object(S3&, S3Call&);
ApiResult<Answer> get_object_attributes(S3&, S3Call&);
// delete_object.cc
ApiResult<Answer> delete_object(S3&, S3Call&);
ApiResult<Answer> delete_objects(S3&, S3Call&);
// object_settings.cc
ApiResult<Answer> get_object_tagging(S3&, S3Call&);
ApiResult<Answer> put_object_tagging(S3&, S3Call&);
ApiResult<Answer> delete_object_tagging(S3&, S3Call&);
ApiResult<Answer> get_object_retention(S3&, S3Call&);
ApiResult<Answer> put_object_retention(S3&, S3Call&);
ApiResult<Answer> get_object_legal_hold(S3&, S3Call&);
ApiResult<Answer> put_object_legal_hold(S3&, S3Call&);
ApiResult<Answer> restore_object(S3&, S3Call&);
// multipart.cc
ApiResult<Answer> create_multipart_upload(S3&, S3Call&);
ApiResult<Answer> upload_part(S3&, S3Call&);
ApiResult<Answer> upload_part_copy(S3&, S3Call&);
ApiResult<Answer> complete_multipart_upload(S3&, S3Call&);
ApiResult<Answer> abort_multipart_upload(S3&, S3Call&);
ApiResult<Answer> list_parts(S3&, S3Call&);

}  // namespace perdure::cloudsim
