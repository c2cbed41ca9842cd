#include "cloudsim/xml.h"

#include <pugixml.hpp>
#include <sstream>

namespace perdure::cloudsim {

std::string xml_escaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&': escaped += "&amp;"; break;
            case '<': escaped += "&lt;"; break;
            case '>': escaped += "&gt;"; break;
            case '"': escaped += "&quot;"; break;
            default:
                if (static_cast<unsigned char>(c) < ' ') {
                    escaped += "&#" + std::to_string(static_cast<int>(c)) + ";";
                } else {
                    escaped += c;
                }
        }
    }
    return escaped;
}

XmlWriter::XmlWriter(std::string_view root, std::string_view attributes)
    : text_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {
    open(root, attributes);
}

XmlWriter& XmlWriter::open(std::string_view name, std::string_view attributes) {
    text_.append("<").append(name).append(attributes).append(">");
    open_.emplace_back(name);
    return *this;
}

XmlWriter& XmlWriter::close() {
    text_.append("</").append(open_.back()).append(">");
    open_.pop_back();
    return *this;
}

XmlWriter& XmlWriter::text(std::string_view name, std::string_view value) {
    text_.append("<").append(name).append(">").append(xml_escaped(value));
    text_.append("</").append(name).append(">");
    return *this;
}

XmlWriter& XmlWriter::number(std::string_view name, std::uint64_t value) {
    return text(name, std::to_string(value));
}

XmlWriter& XmlWriter::flag(std::string_view name, bool value) {
    return text(name, value ? "true" : "false");
}

XmlWriter& XmlWriter::raw(std::string_view xml) {
    text_ += xml;
    return *this;
}

std::string XmlWriter::take() {
    while (!open_.empty()) close();
    return std::move(text_);
}

Answer xml_answer(XmlWriter&& writer) {
    Answer answer;
    answer.set("Content-Type", "application/xml");
    answer.text = writer.take();
    return answer;
}

ApiError malformed_xml() {
    return {
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
        {},
        {}};
}

ApiResult<void> parse_xml(ByteView body, const char* root, pugi::xml_document& into) {
    const pugi::xml_parse_result parsed =
        into.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!parsed) return malformed_xml();
    const pugi::xml_node found = into.document_element();
    if (std::string_view(found.name()) != root) return malformed_xml();
    return {};
}

std::string child_text(const pugi::xml_node& node, const char* name) {
    return node.child(name).text().get();
}

std::string to_text(const pugi::xml_node& node) {
    std::ostringstream out;
    node.print(out, "", pugi::format_raw);
    return out.str();
}

}  // namespace perdure::cloudsim
