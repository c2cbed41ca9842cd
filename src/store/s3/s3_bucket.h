// Signed requests to one bucket: what the store, the probe and the making of a bucket send through.
//
// A request is sent once, and once more for each of three things that an answer may teach: the
// server's time, the bucket's region, and that credentials have expired. Nothing else is repeated
// here. Thread-safe.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <string>

#include "base/guarded.h"
#include "net/aws_credentials.h"
#include "net/http_client.h"
#include "store/s3/s3_location.h"
#include "store/store.h"

namespace perdure {

struct S3Request {
    std::string method;
    std::string key;  // "" for the bucket itself
    std::vector<QueryPair> query = {};
    std::vector<HttpHeader> headers = {};
    ByteView body = {};
    std::size_t most = 8U << 20;  // bytes of its answer; a page of a listing has less
};

class S3Bucket {
public:
    /// `region`: "" for the bucket's own, which it then tells.
    S3Bucket(S3Location location, const std::string& region, std::unique_ptr<HttpClient> http,
             std::shared_ptr<CredentialSource> credentials, Clock& clock);

    Result<HttpResponse> send(const S3Request& request, std::stop_token stop);

    const S3Location& location() const { return location_; }
    std::string region() const {
        return region_.with([](const std::string& region) { return region; });
    }
    /// The key of an object of the repository.
    std::string key_of(std::string_view name) const { return location_.prefix + std::string(name); }
    /// A key as people write it.
    std::string where(std::string_view key) const;
    /// An answer came with the id of a version, or told of a deletion: the bucket keeps them.
    bool has_shown_versions() const { return versioned_; }
    /// The server's clock, as far as its answers have told it.
    std::optional<Time> server_time() const;
    void note_versions() { versioned_ = true; }
    StoreTraffic traffic() const;

private:
    HttpRequest signed_request(const S3Request& request, const AwsCredentials& credentials,
                               const std::string& in, Time now) const;
    bool learn_time(const HttpResponse& response, Time signed_at);
    bool learn_region(const HttpResponse& response, const std::string& asked);
    void count(const S3Request& request);

    const S3Location location_;
    const std::unique_ptr<HttpClient> http_;
    const std::shared_ptr<CredentialSource> credentials_;
    Clock& clock_;
    Guarded<std::string> region_;
    std::atomic<std::int64_t> server_ahead_ns_{0};  // of this machine's clock
    // The same, of the newest answer, to the second. kNoDate: none has told.
    static constexpr std::int64_t kNoDate = std::numeric_limits<std::int64_t>::min();
    std::atomic<std::int64_t> date_ahead_ns_{kNoDate};
    std::atomic<bool> versioned_{false};
    std::atomic<std::uint64_t> writes_{0}, reads_{0}, removals_{0};
};

/// The header that makes a server check, and keep, the CRC32C of a body.
HttpHeader checksum_header(ByteView body);

}  // namespace perdure
