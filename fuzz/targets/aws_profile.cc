// The shared config and credentials files of AWS tools.
#include "net/aws_profile.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = as_text(fuzz::view(data + 1, size - 1));
    const bool is_config = data[0] % 2 == 0;
    AwsProfiles once, twice;
    add_profiles(text, is_config, once);
    twice = once;
    add_profiles(text, is_config, twice);
    fuzz::expect(once.size() == twice.size(), "a file read again adds no profile");
    for (const auto& [name, profile] : once)
        for (const char* setting : {"aws_access_key_id", "region", "role_arn"})
            fuzz::expect(profile.get(setting) == twice.at(name).get(setting),
                         "nor does it change one");
    return 0;
}
