// The plaintext of a framed record: body and signatures.
#include "codec/crc32c.h"
#include "repo/record.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

Result<Key256> no_key(const FrameHeader&) {
    return Error(ErrorKind::Corrupt, "a record in clear needs no key");
}

/// A record in clear around `plaintext` (FORMAT.md, frame header).
Buffer frame(ByteView plaintext) {
    Buffer object(kFrameHeaderSize + plaintext.size() + kFrameTrailerSize);
    std::memset(object.data(), 0, kFrameHeaderSize);
    std::memcpy(object.data(), "PRDR", 4);
    object[4] = static_cast<std::byte>(kFormatVersion);
    object[5] = static_cast<std::byte>(ObjectType::Epoch);
    store_le<std::uint64_t>(object.data() + 16, plaintext.size());
    const std::size_t covered = kFrameHeaderSize + plaintext.size();
    if (!plaintext.empty())
        std::memcpy(object.data() + kFrameHeaderSize, plaintext.data(), plaintext.size());
    store_le<std::uint32_t>(object.data() + covered, crc32c(ByteView(object).first(covered)));
    return object;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView plaintext = fuzz::view(data, size);
    const RecordPlace place{fuzz::repository_id(), ObjectType::Epoch, "fuzz"};
    const auto opened = open_record(place, frame(plaintext), no_key);
    if (!opened) {
        fuzz::expect_blames_input(opened.error());
        return 0;
    }
    fuzz::expect(opened->body.size() <= size, "a body lies inside its record");
    const Buffer again = seal_record(place, opened->body, {}, {});
    const auto reopened = open_record(place, again, no_key);
    fuzz::expect(reopened && equal(reopened->body, opened->body), "a sealed record opens again");
    return 0;
}
