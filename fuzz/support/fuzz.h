// What fuzz targets share. A target is one file of fuzz/targets/ with LLVMFuzzerTestOneInput();
// libFuzzer drives it in the fuzz preset, replay_main.cc in every other build.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "repo/ids.h"
#include "repo/point.h"
#include "repo/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace perdure::fuzz {

/// Ends the process, naming the claim that the input refutes.
[[noreturn]] void fail(const char* claim);
inline void expect(bool holds, const char* claim) {
    if (!holds) fail(claim);
}

inline ByteView view(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

/// Takes an input apart for targets that need more than one value. Short input gives zeros.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(view(data, size)) {}
    std::uint8_t u8();
    std::uint32_t u32();  // little-endian
    std::uint64_t u64();
    ByteView bytes(std::size_t count);  // fewer at the end
    std::string_view line();            // up to the next newline, which is taken too
    ByteView rest() const { return rest_; }
    bool empty() const { return rest_.empty(); }

private:
    ByteView rest_;
};

/// A compressed body (FORMAT.md) may expand 131,072-fold, as zstd does; one that says that it holds
/// more than 1 MiB costs only time here.
bool expands_little(ByteView body);

/// Bytes that a parser refuses are damaged, not our bug.
void expect_blames_input(const Error& error);

/// What decodes encodes, what was encoded decodes, and it encodes the same again.
template <class Decode, class Encode>
void expect_round_trip(ByteView bytes, Decode&& decode, Encode&& encode) {
    const auto first = decode(bytes);
    if (!first) return expect_blames_input(first.error());
    const Buffer once = encode(*first);
    const auto second = decode(once);
    expect(second.has_value(), "what was encoded decodes");
    expect(equal(encode(*second), once), "what decodes encodes the same again");
}

/// What decodes is what would be encoded: no two texts of bytes mean the same.
template <class Decode, class Encode>
void expect_one_form(ByteView bytes, Decode&& decode, Encode&& encode) {
    if (const auto decoded = decode(bytes))
        expect(equal(encode(*decoded), bytes), "what decodes has one form only");
}

/// The keys and names every target uses where one is needed.
const RepositoryId& repository_id();
const Key256& key();
const BirthPack& birth_pack();
/// Of one root, "/r", with a file that was stored without its metadata.
PointBody body_of(const BirthAddress& page);

/// One for many executions; a fresh one when it has grown large.
PackRegistry& registry();

}  // namespace perdure::fuzz
