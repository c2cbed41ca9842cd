// The body of an enrolment: a certificate, a barrier or a retirement.
#include "repo/enrolment.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::expect_round_trip(fuzz::view(data, size), decode_enrolment, encode_enrolment);
    return 0;
}
