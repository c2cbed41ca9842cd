// The body of gc/<k>: which locations a collection condemns.
#include "repo/collection_records.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz::view(data, size);
    const auto list = decode_condemned_list(bytes);
    if (!list) {
        fuzz::expect_blames_input(list.error());
        return 0;
    }
    if (!list->part_packs.empty()) return 0;  // written by others only
    fuzz::expect_round_trip(bytes, decode_condemned_list, [](const CondemnedList& read) {
        return encode_condemned_list(read, {1, 1});
    });
    return 0;
}
