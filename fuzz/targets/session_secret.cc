// What a sealed box holds where a session secret is expected: any writer can seal to the owner.
#include "repo/keys.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const OpeningKey owner(fuzz::key());
    const SessionName session = fuzz::birth_pack().session;
    fuzz::Input input(data, size);
    const bool sealed = input.u8() % 2 == 0;
    const Buffer box =
        sealed ? seal_to(owner.sealing_key(), input.rest()) : to_buffer(input.rest());
    const auto secret = open_session_secret(owner, fuzz::repository_id(), session, box);
    if (!secret)
        fuzz::expect_blames_input(secret.error());
    else
        fuzz::expect(sealed && equal(secret->reveal(), input.rest().last(SessionSecret::size)),
                     "only the secret that was sealed comes out");
    return 0;
}
