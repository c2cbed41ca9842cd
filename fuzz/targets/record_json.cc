// Records as JSON: a byte for the kind of record, then its body.
#include "cli/record_json.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

template <class Record>
Result<nlohmann::json> render(const Result<Record>& record) {
    if (!record) return record.error();
    return record_json::of(*record);
}

Result<nlohmann::json> render(std::uint8_t kind, ByteView body) {
    switch (kind % 10) {
        case 0: return render(decode_config(body));
        case 1: return render(decode_epoch(body));
        case 2: return render(decode_key_slot(body));
        case 3: return render(decode_enrolment(body));
        case 4: return render(decode_log_record(body));
        case 5: return render(decode_point_header(body));
        case 6: return render(decode_point_body(body));
        case 7: return render(decode_manifest(body, fuzz::birth_pack()));
        case 8: return render(parse_block_header(body, false));
        default: return record_json::of_page(body, fuzz::registry());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t kind = input.u8();
    const auto fields = render(kind, input.rest());
    if (!fields) {
        fuzz::expect_blames_input(fields.error());
        return 0;
    }
    const std::string text = fields->dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    fuzz::expect(nlohmann::json::accept(text), "what is printed is JSON, whatever the bytes were");
    return 0;
}
