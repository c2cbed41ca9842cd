// A writer's key file. After a first odd byte comes what its base64 holds, else the file itself.
#include "base/hex.h"
#include "codec/crc32c.h"
#include "repo/enrolment.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

std::string file_around(ByteView bytes) {
    constexpr std::string_view kBase64 =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text = "PERDURE WRITER KEY 1\n";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t word = 0;
        for (std::size_t j = 0; j < 3; ++j)
            word = word << 8 |
                   (i + j < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
        for (std::size_t j = 0; j < 4; ++j)
            text += i + j > bytes.size() ? '=' : kBase64[word >> (18 - 6 * j) & 63];
    }
    return text + "\ncrc32c " + to_hex(crc32c(bytes), 8) + "\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const bool packed = input.u8() % 2 == 1;
    const std::string text =
        packed ? file_around(input.rest()) : std::string(as_text(input.rest()));
    const auto identity = decode_writer_key_file(text);
    if (!identity) {
        fuzz::expect_blames_input(identity.error());
        return 0;
    }
    const std::string once = encode_writer_key_file(*identity);
    const auto again = decode_writer_key_file(once);
    fuzz::expect(again && encode_writer_key_file(*again) == once,
                 "what decodes encodes the same again");
    return 0;
}
