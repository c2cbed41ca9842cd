// Framed records of every type, as they lie in the store: the first byte is the type.
#include "codec/crc32c.h"
#include "repo/record.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

/// `object` with the checksum that its lengths call for, so that what lies behind it is reached.
Buffer with_checksum(ByteView object) {
    Buffer repaired = to_buffer(object);
    if (object.size() < kFrameHeaderSize + kFrameTrailerSize) return repaired;
    const auto length = load_le<std::uint64_t>(object.data() + 16);
    if (length > object.size() - kFrameHeaderSize - kFrameTrailerSize) return repaired;
    const std::size_t covered = kFrameHeaderSize + length;
    store_le<std::uint32_t>(repaired.data() + covered, crc32c(object.first(covered)));
    return repaired;
}

void open(ObjectType type, ByteView object) {
    const RecordPlace place{fuzz::repository_id(), type, "fuzz"};
    const auto opened = open_record(
        place, object, [](const FrameHeader&) -> Result<Key256> { return fuzz::key(); });
    if (!opened) return fuzz::expect_blames_input(opened.error());
    fuzz::expect(opened->framed_size <= object.size(), "a frame lies inside its object");
    fuzz::expect(type == ObjectType::Point || opened->framed_size == object.size(),
                 "only a point has something behind its record");
    const auto header = parse_frame(object);
    fuzz::expect(header && header->type == type, "a record is of the type it was asked for");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto type = static_cast<ObjectType>(1 + input.u8() % 21);
    open(type, input.rest());
    open(type, with_checksum(input.rest()));
    return 0;
}
