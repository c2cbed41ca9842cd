// Small changes to an input, the same ones in every run: what replaying a corpus adds to its files.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/random.h"

namespace perdure::fuzz {

/// `bytes` with one to four changes: bits, bytes and integers set, stretches removed, repeated or
/// taken over from `other`. At most `most` bytes.
Buffer mutate(ByteView bytes, ByteView other, std::size_t most, SeededRandom& random);

}  // namespace perdure::fuzz
