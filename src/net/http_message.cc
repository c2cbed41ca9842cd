#include "net/http_message.h"

#include <algorithm>

namespace perdure {
namespace {

constexpr std::string_view kUpperDigits = "0123456789ABCDEF";

// Not <cctype>: a locale must not change what is signed.
bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

std::string encode(std::string_view text, bool keep_slash) {
    std::string encoded;
    encoded.reserve(text.size());
    for (char c : text) {
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            encoded.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded.push_back('%');
        encoded.push_back(kUpperDigits[byte >> 4]);
        encoded.push_back(kUpperDigits[byte & 15]);
    }
    return encoded;
}

// -1 where the text does not begin with an escape.
int escaped_byte(std::string_view text) {
    if (text.size() < 3 || text[0] != '%') return -1;
    const int high = digit_value(text[1]);
    const int low = digit_value(text[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

std::uint16_t default_port(std::string_view scheme) {
    if (scheme == "https") return 443;
    if (scheme == "http") return 80;
    return 0;
}

}  // namespace

std::string percent_encode(std::string_view text) { return encode(text, false); }

std::string percent_encode_path(std::string_view path) { return encode(path, true); }

std::string percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    while (!text.empty()) {
        const int byte = escaped_byte(text);
        decoded.push_back(byte < 0 ? text[0] : static_cast<char>(byte));
        text.remove_prefix(byte < 0 ? 1 : 3);
    }
    return decoded;
}

std::string Url::host_header() const {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    std::string text = is_ipv6 ? "[" + host + "]" : host;
    if (port != 0 && port != default_port(scheme)) text += ":" + std::to_string(port);
    return text;
}

std::string Url::target() const {
    std::string text = path.empty() ? "/" : path;
    char separator = '?';
    for (const QueryPair& pair : query) {
        text += separator + percent_encode(pair.name) + "=" + percent_encode(pair.value);
        separator = '&';
    }
    return text;
}

bool same_header_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace perdure
