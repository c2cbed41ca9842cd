// What arrives and what is answered, as values: a service is a function from one to the other, and
// the server alone knows of sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "cloudsim/blob_store.h"
#include "net/http_message.h"

namespace perdure::cloudsim {

struct Request {
    std::string method;
    std::string path;              // as it was sent
    std::vector<QueryPair> query;  // decoded, in the order sent
    std::vector<HttpHeader> headers;
    Buffer body;  // without the transfer coding
    std::string peer;
    std::uint64_t connection = 0;
    std::uint64_t begun = 0;  // the server's count of events when the head had arrived

    /// The first of that name, whatever its case.
    std::optional<std::string_view> header(std::string_view name) const;
    std::string header_or(std::string_view name, std::string_view otherwise = {}) const;
    std::optional<std::string_view> parameter(std::string_view name) const;
    std::string parameter_or(std::string_view name, std::string_view otherwise = {}) const;
};

/// Request line and headers, without the empty line that ends them. Nothing if it is not HTTP/1.x,
/// or is one of the requests that two servers could read in two ways. Pure.
std::optional<Request> parse_head(std::string_view head);

/// name=value&name=value of a form, where + is a space.
std::vector<QueryPair> parse_form(std::string_view text);

struct BodySlice {
    std::shared_ptr<const Blob> blob;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

struct Answer {
    int status = 200;
    std::vector<HttpHeader> headers;
    std::string text;
    std::vector<BodySlice> slices;  // sent after `text`
    bool is_head = false;           // only the length of the body is told
    std::string error_code;         // for the call log

    std::uint64_t length() const;
    void set(std::string name, std::string value);
    std::optional<std::string_view> header(std::string_view name) const;
};

/// How an answer goes out: as it should, unless a fault was asked for.
struct Delivery {
    std::uint64_t delay_ms = 0;
    std::optional<std::uint64_t> cut_head_after;  // bytes of the head, then the connection closes
    std::optional<std::uint64_t> cut_body_after;  // bytes of the body, "
    std::uint64_t drip_ms = 0;                    // before each byte
    bool lost = false;                            // nothing is answered, the connection closes
    bool stalled = false;                         // nothing is answered, the connection stays open
    bool closes = false;                          // after a whole answer
};

struct Delivered {
    Answer answer;
    Delivery delivery;
};

}  // namespace perdure::cloudsim
