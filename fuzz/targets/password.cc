// The line of a password file, or what a password command printed.
#include "app/credentials.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = as_text(fuzz::view(data, size));
    const auto password = parse_password(std::string(text), "in a file");
    if (!password) {
        fuzz::expect_blames_input(password.error());
        return 0;
    }
    const std::string_view line = as_text(password->reveal());
    fuzz::expect(!line.empty() && line.find('\n') == std::string_view::npos,
                 "a password is one line");
    fuzz::expect(text.starts_with(line), "a password is the first line");
    return 0;
}
