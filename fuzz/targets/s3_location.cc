// Where a repository lies in S3, as users write it; its second line is an endpoint.
#include "store/s3/s3_location.h"

#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::string text(input.line()), endpoint(input.line());
    if (!is_s3_location(text)) return 0;
    const auto location =
        parse_s3_location(text, [&](const char* name) -> std::optional<std::string> {
            if (std::string_view(name) != "AWS_ENDPOINT_URL" || endpoint.empty())
                return std::nullopt;
            return endpoint;
        });
    if (!location) {
        fuzz::expect_blames_input(location.error());
        return 0;
    }
    fuzz::expect(!location->bucket.empty(), "a location has a bucket");
    fuzz::expect(location->bucket.find('/') == std::string::npos, "that is one word");
    fuzz::expect(location->prefix.empty() || location->prefix.ends_with('/'), "a prefix ends in /");
    fuzz::expect(!url_of(*location, "eu-west-1", location->prefix + "perdure").host.empty(),
                 "what has a location has a host");
    return 0;
}
