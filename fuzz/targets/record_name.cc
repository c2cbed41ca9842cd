// How `cat` takes the names of records.
#include "cli/record_name.h"
#include "cli/record_json.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(as_text(fuzz::view(data, size)));
    if (const auto session = session_of(text))
        fuzz::expect(*session_of(short_text(*session)) == *session, "a session has a name");
    else
        fuzz::expect_blames_input(session.error());
    if (const auto address = address_of(text))
        fuzz::expect(*address_of(record_json::text(*address)) == *address, "an address has a name");
    else
        fuzz::expect_blames_input(address.error());
    if (const auto pack = pack_of(text))
        fuzz::expect(*pack_of(record_json::text(*pack)) == *pack, "a pack has a name");
    return 0;
}
