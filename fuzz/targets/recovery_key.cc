// A recovery key as it was typed. After a first odd byte: a seed, and one mistyped character.
#include "repo/keys.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

void mistype(ByteView bytes, std::size_t where, char wrong) {
    const OwnerSeed seed = OwnerSeed::copy_of(bytes);
    std::string text = to_recovery_key(seed);
    text[where % text.size()] = wrong;
    const auto read = from_recovery_key(text);
    fuzz::expect(!read || equal(read->reveal(), seed.reveal()),
                 "a mistyped character never gives another key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    if (input.u8() % 2 == 1) {
        const std::uint8_t where = input.u8();
        const auto wrong = static_cast<char>(input.u8());
        mistype(input.bytes(OwnerSeed::size), where, wrong);
        return 0;
    }
    const std::string_view text = as_text(input.rest());
    const auto seed = from_recovery_key(text);
    if (!seed) {
        fuzz::expect_blames_input(seed.error());
        return 0;
    }
    fuzz::expect(looks_like_recovery_key(text), "a recovery key looks like one");
    const auto again = from_recovery_key(to_recovery_key(*seed));
    fuzz::expect(again && equal(again->reveal(), seed->reveal()), "a printed key is that key");
    return 0;
}
