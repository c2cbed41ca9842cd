#include "net/http_message.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/clock.h"

namespace perdure {
namespace {

std::optional<std::int64_t> parse_date_ns(std::string_view text, const char* format) {
    std::tm parts{};
    const std::string copy(text);
    if (::strptime(copy.c_str(), format, &parts) == nullptr) return std::nullopt;
    return time_of_seconds(::timegm(&parts)).nanoseconds;
}

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

namespace {

/// HOST or [IPV6], then perhaps :PORT.
bool set_authority(Url& url, std::string_view authority) {
    if (authority.starts_with('[')) {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return false;
        url.host = authority.substr(1, close - 1);
        authority.remove_prefix(close + 1);
    } else {
        const auto colon = std::min(authority.find(':'), authority.size());
        url.host = authority.substr(0, colon);
        authority.remove_prefix(colon);
    }
    if (url.host.empty() || url.host.find_first_of("@ []") != std::string::npos) return false;
    if (authority.empty()) return true;
    if (authority.front() != ':') return false;
    authority.remove_prefix(1);
    const auto [end, failed] =
        std::from_chars(authority.data(), authority.data() + authority.size(), url.port);
    return failed == std::errc() && end == authority.data() + authority.size() && url.port != 0;
}

void add_query(Url& url, std::string_view query) {
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const auto equals = std::min(pair.find('='), pair.size());
        if (pair.empty()) continue;
        url.query.push_back({percent_decode(pair.substr(0, equals)),
                             percent_decode(pair.substr(std::min(equals + 1, pair.size())))});
    }
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
    Url url;
    for (const std::string_view scheme : {"https", "http"})
        if (text.starts_with(std::string(scheme) + "://")) url.scheme = scheme;
    if (url.scheme.empty()) return std::nullopt;
    text.remove_prefix(url.scheme.size() + 3);
    text = text.substr(0, text.find('#'));
    const auto end = std::min(text.find_first_of("/?"), text.size());
    if (!set_authority(url, text.substr(0, end))) return std::nullopt;
    text.remove_prefix(end);
    const auto mark = std::min(text.find('?'), text.size());
    url.path = text.substr(0, mark);
    if (mark < text.size()) add_query(url, text.substr(mark + 1));
    return url;
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

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool same_header_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::int64_t> parse_http_date_ns(std::string_view text) {
    return parse_date_ns(text, "%a, %d %b %Y %H:%M:%S");
}

std::optional<std::int64_t> parse_iso_date_ns(std::string_view text) {
    return parse_date_ns(text, "%Y-%m-%dT%H:%M:%S");
}

}  // namespace perdure
