#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace perdure {

namespace {

class SystemRandom final : public Random {
public:
    void fill(MutableByteView out) override {
        while (!out.empty()) {
            const ssize_t got = getrandom(out.data(), out.size(), 0);
            if (got < 0 && errno == EINTR) continue;
            PERDURE_CHECK(got > 0);
            out = out.subspan(static_cast<std::size_t>(got));
        }
    }
};

}  // namespace

Random& system_random() {
    static SystemRandom random;
    return random;
}

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
std::uint64_t SeededRandom::next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void SeededRandom::fill(MutableByteView out) {
    for (std::size_t i = 0; i < out.size();) {
        const std::uint64_t word = next();
        for (std::size_t j = 0; j < 8 && i < out.size(); ++j, ++i)
            out[i] = static_cast<std::byte>(word >> (8 * j));
    }
}

}  // namespace perdure
