// An HTTP request as plain values: what a signer reads and changes and a client sends.
//
// The path is held as it goes on the wire, because nobody can tell afterwards whether a `%2F` in it
// was a slash of a name; the query is held decoded, because a signature needs it encoded in one way
// and sorted. Nothing here is checked: a client refuses what HTTP cannot carry.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace perdure {

/// Every byte but A-Z a-z 0-9 - . _ ~ (RFC 3986 unreserved) as %XX with upper-case digits. A space
/// is %20, never +: what a signature covers has one form.
std::string percent_encode(std::string_view text);

/// The same, but a slash stays.
std::string percent_encode_path(std::string_view path);

/// Undoes either. A % that begins no escape stands for itself, and so does a +.
std::string percent_decode(std::string_view text);

struct QueryPair {
    std::string name;
    std::string value;
};

struct Url {
    std::string scheme;      // "https" or "http"
    std::string host;        // an IPv6 address without its brackets
    std::uint16_t port = 0;  // 0: the scheme's default
    std::string path;        // percent-encoded; empty stands for "/"
    std::vector<QueryPair> query;

    /// SCHEME://HOST[:PORT][/PATH][?QUERY] of http or https; nothing if it is not one, or names a
    /// user, whose password would end up in logs.
    static std::optional<Url> parse(std::string_view text);

    /// What the Host header says: with the port unless it is the scheme's default.
    std::string host_header() const;

    /// Path and query as they are sent. A name without a value gets its "=", as it is signed.
    std::string target() const;
};

struct HttpHeader {
    std::string name;
    std::string value;
};

/// Without spaces, tabs and line ends at either end, as headers and settings are read.
std::string_view trimmed(std::string_view text);

/// ASCII letters compare equal in either case, as names of headers do.
bool same_header_name(std::string_view a, std::string_view b);

struct HttpRequest {
    std::string method;  // upper case
    Url url;
    std::vector<HttpHeader> headers;  // without Host, unless it is not url.host_header()
    ByteView body;                    // the caller's, as long as the request lives
};

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), as headers have it.
std::optional<std::int64_t> parse_http_date_ns(std::string_view text);
/// "2009-10-12T17:50:30.000Z", with or without fractions, which do not count.
std::optional<std::int64_t> parse_iso_date_ns(std::string_view text);

}  // namespace perdure
