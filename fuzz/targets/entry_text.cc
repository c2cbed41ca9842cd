// Names on a terminal and in JSON: lines of path, link target, user and group.
#include "cli/entry_text.h"
#include "cli/json.h"
#include "cli/text.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

void expect_harmless(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        fuzz::expect(byte >= 0x20 && byte != 0x7f, "no control character reaches a terminal");
        const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
        fuzz::expect(byte != 0xc2 || next < 0x80 || next >= 0xa0,
                     "no control character reaches a terminal as UTF-8");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Entry entry;
    entry.type = static_cast<EntryType>(1 + input.u8() % 7);
    entry.mode = input.u32() & 07777;
    entry.mtime_ns = static_cast<std::int64_t>(input.u64());
    entry.path = input.line();
    entry.link_target = input.line();
    entry.user = input.line();
    entry.group = as_text(input.rest());
    expect_harmless(printable(entry.path));
    expect_harmless(long_line(entry, entry.path));
    const nlohmann::json fields = to_json(entry, entry.path);
    const std::string text = fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    fuzz::expect(nlohmann::json::accept(text), "what is printed is JSON, whatever the bytes were");
    if (!fields.contains("path_hex")) {
        fuzz::expect(nlohmann::json::parse(text)["path"] == entry.path, "a path comes through");
        return 0;
    }
    const std::string hex = fields["path_hex"];
    std::string bytes(hex.size() / 2, '\0');
    fuzz::expect(from_hex(hex, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()}) &&
                     bytes == entry.path,
                 "a path that is not UTF-8 comes through in hex");
    return 0;
}
