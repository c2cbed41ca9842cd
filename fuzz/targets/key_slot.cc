// The body of a key slot; and one that asks for too much work is refused before it is done.
#include "repo/keys.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto decoded = decode_key_slot(fuzz::view(data, size));
    fuzz::expect_round_trip(fuzz::view(data, size), decode_key_slot, encode_key_slot);
    if (!decoded) return 0;
    const Argon2Cost& cost = decoded->cost;
    if (cost.passes > kMaxArgon2Passes || cost.memory_kib > kMaxArgon2MemoryKib) {
        const auto seed = unwrap_seed(fuzz::repository_id(), *decoded, Passphrase("secret"));
        fuzz::expect(!seed && seed.error().kind() == ErrorKind::InvalidInput,
                     "a slot that asks for too much is refused");
    }
    return 0;
}
