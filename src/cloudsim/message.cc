#include "cloudsim/message.h"

#include <algorithm>

namespace perdure::cloudsim {
namespace {

std::optional<std::string_view> find(const std::vector<HttpHeader>& headers,
                                     std::string_view name) {
    for (const HttpHeader& header : headers)
        if (same_header_name(header.name, name)) return header.value;
    return std::nullopt;
}

bool is_token(std::string_view text) {
    constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               kOthers.find(c) != std::string_view::npos;
    });
}

bool is_visible(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != 0x7f;
    });
}

void add_pairs(std::string_view text, bool plus_is_space, std::vector<QueryPair>& pairs) {
    const auto decoded = [plus_is_space](std::string_view part) {
        std::string copy(part);
        if (plus_is_space) std::replace(copy.begin(), copy.end(), '+', ' ');
        return percent_decode(copy);
    };
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('&'), text.size());
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        if (pair.empty()) continue;
        pairs.push_back({decoded(pair.substr(0, equals)),
                         decoded(pair.substr(std::min(equals + 1, pair.size())))});
    }
}

/// "http://host/path" of a proxy's client becomes "/path".
std::string_view without_origin(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        const std::size_t slash = target.find('/', scheme.size());
        return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    }
    return target;
}

bool set_request_line(Request& request, std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || last == first) return false;
    if (line.substr(last + 1) != "HTTP/1.1" && line.substr(last + 1) != "HTTP/1.0") return false;
    request.method = line.substr(0, first);
    const std::string_view target = without_origin(line.substr(first + 1, last - first - 1));
    if (!is_token(request.method) || !is_visible(target) || target.front() != '/') return false;
    const std::size_t mark = std::min(target.find('?'), target.size());
    request.path = target.substr(0, mark);
    if (mark < target.size()) add_pairs(target.substr(mark + 1), false, request.query);
    return true;
}

/// Two lengths, or a length and a transfer coding, are how requests are smuggled.
bool length_is_clear(const Request& request) {
    const auto count = [&](std::string_view name) {
        return std::count_if(
            request.headers.begin(), request.headers.end(),
            [&](const HttpHeader& header) { return same_header_name(header.name, name); });
    };
    return count("Content-Length") + count("Transfer-Encoding") <= 1 && count("Host") <= 1;
}

}  // namespace

std::optional<std::string_view> Request::header(std::string_view name) const {
    return find(headers, name);
}

std::string Request::header_or(std::string_view name, std::string_view otherwise) const {
    return std::string(header(name).value_or(otherwise));
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
    for (const QueryPair& pair : query)
        if (pair.name == name) return pair.value;
    return std::nullopt;
}

std::string Request::parameter_or(std::string_view name, std::string_view otherwise) const {
    return std::string(parameter(name).value_or(otherwise));
}

std::optional<Request> parse_head(std::string_view head) {
    Request request;
    std::size_t end = std::min(head.find("\r\n"), head.size());
    if (!set_request_line(request, head.substr(0, end))) return std::nullopt;
    while (end < head.size()) {
        head.remove_prefix(end + 2);
        end = std::min(head.find("\r\n"), head.size());
        const std::string_view line = head.substr(0, end);
        if (line.empty()) continue;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
            return std::nullopt;
        if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
            return std::nullopt;
        request.headers.push_back(
            {std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
    }
    if (!length_is_clear(request)) return std::nullopt;
    return request;
}

std::vector<QueryPair> parse_form(std::string_view text) {
    std::vector<QueryPair> pairs;
    add_pairs(text, true, pairs);
    return pairs;
}

std::uint64_t Answer::length() const {
    std::uint64_t length = text.size();
    for (const BodySlice& slice : slices) length += slice.length;
    return length;
}

void Answer::set(std::string name, std::string value) {
    std::erase_if(headers, [&](const HttpHeader& h) { return same_header_name(h.name, name); });
    headers.push_back({std::move(name), std::move(value)});
}

std::optional<std::string_view> Answer::header(std::string_view name) const {
    return find(headers, name);
}

}  // namespace perdure::cloudsim
