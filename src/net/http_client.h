// One pooled, keep-alive HTTP/1.1 client over libcurl.
//
// A request is sent once. What may be repeated, and when, is for whoever sends it: it signs the
// request again each time. The one exception is libcurl's own: a connection that turns out to have
// been closed while it was idle is replaced, and the request goes out on a new one.
//
// An answer of any status is an answer; an Error means that there was none, or not all of it:
//   Unavailable   nothing is known to have reached the server: no such host, no connection
//   Timeout       it may have done what was asked: silence, or a connection that broke
//   Denied        TLS: the server is not who it should be
//   Corrupt       the answer is larger than the caller allows, or no HTTP
//   Cancelled     asked to stop
// No redirect is followed, no cookie kept, no credential read from a file. Proxies are those of the
// environment (http_proxy, https_proxy, no_proxy).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/guarded.h"
#include "base/result.h"
#include "net/http_message.h"

namespace perdure {

class RateLimiter;

struct HttpResponse {
    int status = 0;
    std::vector<HttpHeader> headers;
    Buffer body;

    /// The value of a header, whatever the case of its name; nothing if there is none.
    std::optional<std::string_view> header(std::string_view name) const;
    bool ok() const { return status >= 200 && status < 300; }
};

struct HttpOptions {
    std::uint32_t connect_ms = 10'000;
    std::uint32_t idle_ms = 30'000;      // without a byte either way
    std::uint32_t attempt_ms = 120'000;  // a whole request, without its bodies
    std::uint32_t slowest = 0;           // bytes a second: bodies get that much more time; 0: none
    std::string ca_file;                 // "": the system's
    std::string user_agent;
    bool use_proxy = true;            // not for a machine's own metadata service
    RateLimiter* upload = nullptr;    // outlive the client
    RateLimiter* download = nullptr;  // "
};

struct HttpCounts {
    std::uint64_t requests = 0;
    std::uint64_t connections = 0;
    std::uint64_t sent = 0;      // bytes of bodies
    std::uint64_t received = 0;  // "
};

/// Thread-safe: each request takes a connection of the pool, or opens one.
class HttpClient {
public:
    explicit HttpClient(HttpOptions options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// `most`: bytes that the body of an answer may have.
    Result<HttpResponse> send(const HttpRequest& request, std::size_t most, std::stop_token stop);

    HttpCounts counts() const;

private:
    struct Handle;
    struct Transfer;
    std::unique_ptr<Handle> take();
    void give_back(std::unique_ptr<Handle> handle);

    const HttpOptions options_;
    Guarded<std::vector<std::unique_ptr<Handle>>> idle_;
    std::atomic<std::uint64_t> requests_{0}, connections_{0}, sent_{0}, received_{0};
};

}  // namespace perdure
