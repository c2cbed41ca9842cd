// What a credential_process prints; containers and instances answer in the same form.
#include "net/aws_credentials.h"

#include "support/fuzz.h"

using namespace perdure;

namespace {

class SetClock final : public Clock {
public:
    Time now() override { return {1'800'000'000'000'000'000}; }
    std::uint64_t monotonic_nanoseconds() override { return 0; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static HttpClient http{HttpOptions()};
    SetClock clock;
    const std::string printed(as_text(fuzz::view(data, size)));
    AwsEnvironment environment;
    environment.variable = [](const std::string&) { return std::optional<std::string>(); };
    environment.read_file = [](const std::string&) -> Result<std::string> {
        return std::string("[default]\ncredential_process = x\n");
    };
    environment.run = [&](const std::string&) -> Result<std::string> { return printed; };
    AwsCredentialChain chain(environment, "default", std::nullopt, {http, http}, clock);
    const auto found = chain.get({});
    if (found)
        fuzz::expect(!found->access_key_id.empty(), "credentials have a key");
    else
        fuzz::expect(found.error().message().find("credential_process") != std::string::npos,
                     "an error names where they should have come from");
    return 0;
}
