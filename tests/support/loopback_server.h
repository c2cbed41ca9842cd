// An HTTP/1.1 server on a loopback port, for tests of clients: a handler sees each request as bytes
// and answers with bytes, so that it can answer wrongly too.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace perdure {

struct ReceivedRequest {
    std::string method, target, body;
    std::string head;  // the request line and all headers, as they came
    std::uint64_t connection = 0;

    /// The value of a header, by its name in lower case; nothing if there is none.
    std::optional<std::string> header(const std::string& name) const;
};

/// What is sent back: all of it, then the connection is kept, or closed.
struct RawAnswer {
    std::string bytes;
    bool close = false;
    unsigned delay_ms = 0;
};
/// A whole answer with a length.
RawAnswer answer(int status, const std::string& body = "",
                 const std::vector<std::string>& headers = {});

class LoopbackServer {
public:
    using Handler = std::function<RawAnswer(const ReceivedRequest&)>;
    /// Handlers run on the connections' threads.
    explicit LoopbackServer(Handler handler);
    ~LoopbackServer();
    LoopbackServer(const LoopbackServer&) = delete;
    LoopbackServer& operator=(const LoopbackServer&) = delete;

    std::uint16_t port() const { return port_; }
    std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::vector<ReceivedRequest> requests() const;

private:
    void accept_all();
    void serve(Fd connection, std::uint64_t number);

    const Handler handler_;
    Fd listening_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    mutable std::mutex mutex_;
    std::vector<ReceivedRequest> requests_;
    std::vector<int> open_;
    std::vector<std::jthread> connections_;
    std::jthread acceptor_;
};

}  // namespace perdure
