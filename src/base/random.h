// Randomness, injected: the system's for keys and ids, a seeded one in tests.
#pragma once

#include "base/bytes.h"

namespace perdure {

class Random {
public:
    virtual ~Random() = default;
    virtual void fill(MutableByteView out) = 0;
};

/// getrandom(2). Ends the process if the kernel cannot give randomness. Thread-safe.
Random& system_random();

/// A reproducible stream (SplitMix64); for tests only, never for keys. Not thread-safe.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    void fill(MutableByteView out) override;
    std::uint64_t next();
    /// Uniform enough for tests: 0 <= result < bound.
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }

private:
    std::uint64_t state_;
};

}  // namespace perdure
