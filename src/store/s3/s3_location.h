// Where a repository lies in S3, as users write it:
//   s3://BUCKET[/PREFIX]                        AWS, or the endpoint that the environment names
//   s3:https://HOST[:PORT]/BUCKET[/PREFIX]      a server of its own
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_message.h"

namespace perdure {

/// Where a request names its bucket.
enum class BucketIn {
    Auto,  // AWS: in the host's name; a server of its own: in the path
    Host,
    Path
};

struct S3Location {
    std::string bucket;
    std::string prefix;                 // "" or ends in '/'
    std::optional<std::string> scheme;  // of an endpoint of its own; nothing: AWS
    std::string host;                   // "
    std::uint16_t port = 0;             // "; 0: the scheme's
    BucketIn bucket_in = BucketIn::Auto;

    bool is_aws() const { return !scheme; }
};

bool is_s3_location(std::string_view text);

/// Asked for last: a caller may answer with what a profile says.
inline constexpr const char* kEndpointUrl = "AWS_ENDPOINT_URL";

/// `variable` gives the environment: AWS_ENDPOINT_URL_S3 goes before AWS_ENDPOINT_URL. InvalidInput
/// says what is wrong with the text, or with the variable by its name.
using FindVariable = std::function<std::optional<std::string>(const char* name)>;
Result<S3Location> parse_s3_location(std::string_view text, const FindVariable& variable);

/// "eu-central-1": what may stand in a host's name.
bool is_region_name(std::string_view text);

/// The URL of an object's name (already with its prefix), or of the bucket for "". AWS:
/// the bucket in the host's name, in the region's partition; but for names with dots, which no
/// certificate covers, in the path.
Url url_of(const S3Location&, std::string_view region, std::string_view key);

}  // namespace perdure
