#include "repo/ids.h"

#include <array>

#include "base/bytes.h"
#include "base/random.h"

namespace perdure {

namespace {

std::uint64_t random_seed() {
    std::array<std::byte, 8> bytes;
    system_random().fill(bytes);
    return load_le<std::uint64_t>(bytes.data());
}

/// The finalizer of MurmurHash3 (Austin Appleby, public domain).
std::uint64_t mix(std::uint64_t h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

}  // namespace

std::size_t BirthPackHash::operator()(const BirthPack& p) const {
    static const std::uint64_t seed = random_seed();
    const std::uint64_t session =
        mix(seed ^ number(p.session.session)) + mix(~seed ^ number(p.session.writer));
    return mix(session ^ p.pack.fingerprint());
}

}  // namespace perdure
