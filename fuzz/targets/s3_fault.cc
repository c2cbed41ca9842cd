// An answer of S3 that refuses: its status, a header, and a body of any kind.
#include "store/s3/s3_bucket.h"
#include "store/s3/s3_error.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    HttpResponse answer;
    answer.status = 300 + input.u8();
    const std::string_view date = input.line();
    answer.headers = {{"Date", std::string(date)}};
    answer.body = to_buffer(input.rest());
    const S3Fault fault = parse_s3_fault(answer);
    fuzz::expect(fault.code.size() + fault.message.size() + fault.region.size() <= size,
                 "a fault says no more than its answer");
    const Error error = s3_error(answer, "s3:GetObject", "s3://bucket/object");
    fuzz::expect(error.describe().find("s3://bucket/object") != std::string::npos,
                 "an error names the object");
    static_cast<void>(is_clock_skew(answer));
    static_cast<void>(is_expired(answer));
    static_cast<void>(parse_http_date_ns(date));
    static_cast<void>(parse_iso_date_ns(date));
    return 0;
}
