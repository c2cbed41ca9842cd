// Names of objects: what is a name has one form, and stands for one thing.
#include "repo/names.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

void same(const ObjectName& name, std::string_view text) {
    fuzz::expect(name.text() == text, "a name stands for what it is made from");
}

void check_form(const ObjectName& name, std::string_view text) {
    same(name, text);
    fuzz::expect(!text.empty() && text.front() != '/' && text.back() != '/' &&
                     text.find("//") == std::string_view::npos,
                 "no part of a name is empty");
    for (const char c : text)
        fuzz::expect((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
                         c == '-' || c == '/',
                     "a name has no other characters");
    for (const char* part : {"./", "../"})
        fuzz::expect(!text.starts_with(part), "no part of a name leads elsewhere");
    for (const char* part : {"/./", "/../"})
        fuzz::expect(text.find(part) == std::string_view::npos,
                     "no part of a name leads elsewhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = as_text(fuzz::view(data, size));
    const auto name = ObjectName::parse(text);
    if (name)
        check_form(*name, text);
    else
        fuzz::expect_blames_input(name.error());
    if (const auto e = names::parse_epoch(text)) same(names::epoch(*e), text);
    if (const auto id = names::parse_key_slot(text)) same(names::key_slot(*id), text);
    if (const auto w = names::parse_enrolment(text)) same(names::enrolment(*w), text);
    if (const auto s = names::parse_log_entry(text)) same(names::log_entry(*s), text);
    if (const auto s = names::parse_point(text)) same(names::point(*s), text);
    if (const auto s = names::parse_index(text)) same(names::index(*s), text);
    if (const auto s = names::parse_hints(text)) same(names::hints(*s), text);
    if (const auto f = names::parse_fate(text)) same(names::fate(f->point, f->number), text);
    if (!name) return 0;  // a retention class is only as good as the whole name
    if (const auto p = names::parse_pack(text))
        same(names::pack(p->retention_class, p->kind, p->pack.session, p->pack.pack), text);
    return 0;
}
