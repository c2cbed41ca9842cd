// The body of a ledger record: what was checked, verified, repaired.
#include "repo/ledger.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_round_trip(fuzz::view(data, size), decode_ledger_record, encode_ledger_record);
    return 0;
}
