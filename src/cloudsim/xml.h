// XML that services answer, written in order; and small helpers over pugixml for what is read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cloudsim/api_result.h"
#include "cloudsim/message.h"

namespace pugi {
class xml_document;
class xml_node;
}  // namespace pugi

namespace perdure::cloudsim {

class XmlWriter {
public:
    /// `attributes` of the root: ` xmlns="…"`.
    explicit XmlWriter(std::string_view root, std::string_view attributes = {});

    XmlWriter& open(std::string_view name, std::string_view attributes = {});
    XmlWriter& close();
    XmlWriter& text(std::string_view name, std::string_view value);
    XmlWriter& number(std::string_view name, std::uint64_t value);
    XmlWriter& flag(std::string_view name, bool value);
    /// XML that is well-formed already.
    XmlWriter& raw(std::string_view xml);
    /// Closes what is open.
    std::string take();

private:
    std::string text_;
    std::vector<std::string> open_;
};

std::string xml_escaped(std::string_view text);

/// An answer of 200 with this as its body.
Answer xml_answer(XmlWriter&& writer);

/// MalformedXML unless the body is one document whose root is called so. No entity is expanded, no
/// document type read.
ApiResult<void> parse_xml(ByteView body, const char* root, pugi::xml_document& into);

/// The text of a child; "" if there is none.
std::string child_text(const pugi::xml_node& node, const char* name);
std::string to_text(const pugi::xml_node& node);

ApiError malformed_xml();

}  // namespace perdure::cloudsim
