#include "net/http_client.h"

#include <curl/curl.h>

#include <algorithm>

#include "base/check.h"
#include "base/rate_limiter.h"

namespace perdure {

namespace {

// Bytes that libcurl moves at once: its own defaults are 64 and 16 KiB, and it looks at the clock
// and at every callback between two moves.
constexpr std::size_t kSentAtOnce = 256U << 10;
constexpr long kReceivedAtOnce = 256L << 10;
// The same where a rate is limited: waits between them stay short.
constexpr std::uint64_t kLimitedSentAtOnce = 64U << 10;
constexpr std::uint64_t kLimitedReceivedAtOnce = 16U << 10;
constexpr long kLongestAttemptMs = 24L * 3600 * 1000;
constexpr std::size_t kMostHeaders = 64U << 10;

/// libcurl wants to be set up before there is a second thread that could do it.
void set_up_libcurl() {
    static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    PERDURE_CHECK(ready);
}

class HeaderList {
public:
    ~HeaderList() { curl_slist_free_all(list_); }
    void add(const std::string& line) {
        curl_slist* longer = curl_slist_append(list_, line.c_str());
        PERDURE_CHECK(longer != nullptr);
        list_ = longer;
    }
    curl_slist* get() const { return list_; }

private:
    curl_slist* list_ = nullptr;
};

Error error_of(CURLcode code, const std::string& where, const char* detail) {
    std::string what = where + ": " + (*detail != '\0' ? detail : curl_easy_strerror(code));
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            return Error(ErrorKind::Unavailable, std::move(what))
                .with_hint("check the host's name, this machine's DNS and its network");
        case CURLE_PROXY:
            return Error(ErrorKind::Unavailable, std::move(what))
                .with_hint("check http_proxy and https_proxy, or name the host in no_proxy");
        case CURLE_COULDNT_CONNECT:
            return Error(ErrorKind::Unavailable, std::move(what))
                .with_hint(
                    "check the address, firewalls and security groups on the way, and proxies");
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR:
            return Error(ErrorKind::Denied, std::move(what))
                .with_hint(
                    "if the server signed its certificate itself, or an authority of your own did, "
                    "name the file with that certificate: --cacert or AWS_CA_BUNDLE");
        case CURLE_SSL_CACERT_BADFILE:
            return Error(ErrorKind::Denied, std::move(what))
                .with_hint("check --cacert or AWS_CA_BUNDLE: a file of certificates in PEM");
        case CURLE_SSL_CONNECT_ERROR:
            return Error(ErrorKind::Denied, std::move(what))
                .with_hint("check the port, and whether the server speaks TLS there: else http://");
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_UNSUPPORTED_PROTOCOL:
            return Error(ErrorKind::Corrupt, std::move(what))
                .with_hint("check the port: what answers there speaks no HTTP");
        case CURLE_GOT_NOTHING:
            return Error(ErrorKind::Timeout, std::move(what))
                .with_hint("if it goes on, check whether the server wants https:// or http://");
        case CURLE_URL_MALFORMAT: return Error(ErrorKind::InvalidInput, std::move(what));
        case CURLE_OUT_OF_MEMORY: return Error(ErrorKind::Io, std::move(what));
        default: return Error(ErrorKind::Timeout, std::move(what));
    }
}

}  // namespace

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
    for (const HttpHeader& header : headers)
        if (same_header_name(header.name, name)) return header.value;
    return std::nullopt;
}

// ------------------------------------------------------------------------------------ a transfer

struct HttpClient::Handle {
    Handle() : curl(curl_easy_init()) { PERDURE_CHECK(curl != nullptr); }
    ~Handle() { curl_easy_cleanup(curl); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    CURL* curl;
};

/// What libcurl's callbacks see of one request.
struct HttpClient::Transfer {
    const HttpOptions& options;
    ByteView body;
    std::size_t at = 0;  // of `body`
    std::size_t most;
    std::stop_token stop;
    HttpResponse response{};
    std::size_t header_bytes = 0;
    bool too_large = false;
    bool from_head = false;  // the length that is announced is not sent

    static std::size_t read(char* out, std::size_t size, std::size_t count, void* self) {
        auto& t = *static_cast<Transfer*>(self);
        RateLimiter* limit = t.options.upload;
        const std::size_t most =
            limit == nullptr ? kSentAtOnce : limit->part_of(kLimitedSentAtOnce);
        const std::size_t part = std::min({size * count, t.body.size() - t.at, most});
        if (limit != nullptr && part > 0) limit->wait_for(part, t.stop);
        if (t.stop.stop_requested()) return CURL_READFUNC_ABORT;
        std::memcpy(out, t.body.data() + t.at, part);
        t.at += part;
        return part;
    }

    static int seek(void* self, curl_off_t offset, int origin) {
        auto& t = *static_cast<Transfer*>(self);
        if (origin != SEEK_SET || offset < 0 || static_cast<std::size_t>(offset) > t.body.size())
            return CURL_SEEKFUNC_FAIL;
        t.at = static_cast<std::size_t>(offset);
        return CURL_SEEKFUNC_OK;
    }

    static std::size_t write(const char* bytes, std::size_t size, std::size_t count, void* self) {
        auto& t = *static_cast<Transfer*>(self);
        const std::size_t length = size * count;
        if (length > t.most - t.response.body.size()) {
            t.too_large = true;
            return 0;
        }
        if (t.options.download != nullptr) t.options.download->wait_for(length, t.stop);
        append(t.response.body, {reinterpret_cast<const std::byte*>(bytes), length});
        return length;
    }

    static std::size_t header(const char* bytes, std::size_t size, std::size_t count, void* self) {
        auto& t = *static_cast<Transfer*>(self);
        const std::string_view line = trimmed({bytes, size * count});
        t.header_bytes += size * count;
        if (t.header_bytes > kMostHeaders) {
            t.too_large = true;
            return 0;
        }
        // A status line begins an answer: 100 Continue, or a proxy's, comes before the real one.
        if (line.starts_with("HTTP/")) {
            t.response.headers.clear();
            return size * count;
        }
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return size * count;
        t.response.headers.push_back(
            {std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
        if (same_header_name(line.substr(0, colon), "content-length"))
            t.reserve(line.substr(colon + 1));
        return size * count;
    }

    /// One allocation where the server says how much there is; it is believed up to `most`.
    void reserve(std::string_view announced) {
        if (from_head) return;
        std::size_t length = 0;
        for (const char digit : trimmed(announced)) {
            if (digit < '0' || digit > '9' || length > most) return;
            length = length * 10 + static_cast<std::size_t>(digit - '0');
        }
        if (length <= most) response.body.reserve(length);
    }

    static int progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
        return static_cast<Transfer*>(self)->stop.stop_requested() ? 1 : 0;
    }
};

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) { set_up_libcurl(); }
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Handle> HttpClient::take() {
    return idle_.with([](auto& idle) -> std::unique_ptr<Handle> {
        if (idle.empty()) return std::make_unique<Handle>();
        auto handle = std::move(idle.back());
        idle.pop_back();
        return handle;
    });
}

void HttpClient::give_back(std::unique_ptr<Handle> handle) {
    curl_easy_reset(handle->curl);  // keeps its connections
    idle_.with([&](auto& idle) { idle.push_back(std::move(handle)); });
}

namespace {

template <class Value>
void set(CURL* curl, CURLoption option, Value value) {
    PERDURE_CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK);
}

/// `bytes`: of the larger of both bodies.
long attempt_limit_ms(const HttpOptions& options, std::size_t bytes) {
    const std::uint64_t more = options.slowest == 0 ? 0 : bytes * 1000 / options.slowest;
    return static_cast<long>(std::min<std::uint64_t>(options.attempt_ms + more, kLongestAttemptMs));
}

void set_up(CURL* curl, const HttpOptions& options) {
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(curl, CURLOPT_PATH_AS_IS, 1L);
    set(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    set(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_ms));
    set(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::max(1U, options.idle_ms / 1000)));
    set(curl, CURLOPT_UPLOAD_BUFFERSIZE, static_cast<long>(kSentAtOnce));
    set(curl, CURLOPT_BUFFERSIZE,
        options.download == nullptr
            ? kReceivedAtOnce
            : static_cast<long>(options.download->part_of(kLimitedReceivedAtOnce)));
    if (!options.use_proxy) set(curl, CURLOPT_PROXY, "");
    if (!options.ca_file.empty()) set(curl, CURLOPT_CAINFO, options.ca_file.c_str());
    if (!options.user_agent.empty()) set(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
}

/// libcurl chooses behaviour by how a method is set, not by its name.
void set_method(CURL* curl, const HttpRequest& request) {
    const bool has_body = request.method == "PUT" || request.method == "POST";
    if (request.method == "HEAD") {
        set(curl, CURLOPT_NOBODY, 1L);
    } else if (has_body) {
        set(curl, CURLOPT_UPLOAD, 1L);
        set(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    }
    if (request.method != "HEAD" && request.method != "GET")
        set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

}  // namespace

Result<HttpResponse> HttpClient::send(const HttpRequest& request, std::size_t most,
                                      std::stop_token stop) {
    if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
    auto handle = take();
    CURL* curl = handle->curl;
    const std::string where = request.url.scheme + "://" + request.url.host_header();
    const std::string url = where + request.url.target();
    Transfer transfer{options_, request.body, 0, most, stop};
    transfer.from_head = request.method == "HEAD";
    char detail[CURL_ERROR_SIZE] = "";
    set_up(curl, options_);
    set(curl, CURLOPT_TIMEOUT_MS, attempt_limit_ms(options_, std::max(request.body.size(), most)));
    set(curl, CURLOPT_ERRORBUFFER, detail);
    set(curl, CURLOPT_URL, url.c_str());
    set_method(curl, request);
    HeaderList headers;
    headers.add("Expect:");  // no round trip before a body
    for (const HttpHeader& header : request.headers)
        headers.add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    set(curl, CURLOPT_HTTPHEADER, headers.get());
    set(curl, CURLOPT_READFUNCTION, &Transfer::read);
    set(curl, CURLOPT_READDATA, &transfer);
    set(curl, CURLOPT_SEEKFUNCTION, &Transfer::seek);
    set(curl, CURLOPT_SEEKDATA, &transfer);
    set(curl, CURLOPT_WRITEFUNCTION, &Transfer::write);
    set(curl, CURLOPT_WRITEDATA, &transfer);
    set(curl, CURLOPT_HEADERFUNCTION, &Transfer::header);
    set(curl, CURLOPT_HEADERDATA, &transfer);
    set(curl, CURLOPT_NOPROGRESS, 0L);
    set(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::progress);
    set(curl, CURLOPT_XFERINFODATA, &transfer);

    ++requests_;
    const CURLcode code = curl_easy_perform(curl);
    long status = 0, opened = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &opened);
    connections_ += static_cast<std::uint64_t>(opened);
    sent_ += transfer.at;
    received_ += transfer.response.body.size();
    // One that failed is dropped with its connection: after a name that is not found libcurl 7.88
    // takes the transfer for one that still runs, and refuses to be set up again.
    if (code == CURLE_OK)
        give_back(std::move(handle));
    else
        handle.reset();  // while what it points to is there
    if (code == CURLE_OK) {
        transfer.response.status = static_cast<int>(status);
        return std::move(transfer.response);
    }
    if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
    if (transfer.too_large)
        return Error(ErrorKind::Corrupt, where + ": the answer is larger than what was asked for");
    return error_of(code, where, detail);
}

HttpCounts HttpClient::counts() const { return {requests_, connections_, sent_, received_}; }

}  // namespace perdure
