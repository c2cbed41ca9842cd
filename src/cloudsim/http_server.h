// An HTTP/1.1 server of kept connections on a loopback port, with the socket in its own hands: a
// fault is an answer that is cut, dripped, lost or held back, which a library's server does not
// offer (docs/adr/0007-cloudsim-http.md).
//
// Bounds: `most_connections` threads, one a connection; further clients wait to be accepted, and
// idle connections are closed for them. Bodies that are in memory at once take no more than
// `most_body_bytes` together; a request waits for its share before its body is read.
// The handler runs on the connections' threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "cloudsim/http_connection.h"
#include "cloudsim/message.h"

namespace perdure::cloudsim {

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any that is free
    unsigned most_connections = 128;
    std::uint64_t most_body = 128u << 20;        // of one request
    std::uint64_t most_body_bytes = 512u << 20;  // of all
    int idle_ms = 60'000;
};

struct ServerCounts {
    std::uint64_t connections = 0;
    std::uint64_t requests = 0;
};

class HttpServer {
public:
    using Handler = std::function<Delivered(Request&&)>;

    static Result<std::unique_ptr<HttpServer>> open(ServerOptions options, Handler handler);
    /// Closes every connection and waits for their threads.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const { return port_; }
    ServerCounts counts() const { return {connections_, requests_}; }
    /// A count that only rises, for what happened before what.
    std::uint64_t next_event() { return ++events_; }
    /// False when the server ends before the time is over.
    bool sleep_ms(std::uint64_t ms);

private:
    HttpServer(ServerOptions options, Handler handler, Fd listening, std::uint16_t port);
    void accept_all();
    bool wait_for_room();
    void run(std::list<std::jthread>::iterator self, Fd fd, std::string peer, std::uint64_t number);
    /// One request and its answer; false when the connection is over.
    bool serve_one(HttpConnection& connection, const std::string& peer, std::uint64_t number);
    bool deliver(HttpConnection& connection, Delivered&& delivered, bool is_head);
    void reap();
    void reserve(std::uint64_t bytes);
    void release(std::uint64_t bytes);

    const ServerOptions options_;
    const Handler handler_;
    Fd listening_;
    const std::uint16_t port_;
    std::atomic<bool> stopping_{false}, full_{false};
    std::atomic<std::uint64_t> connections_{0}, requests_{0}, events_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t body_bytes_ = 0;
    std::set<int> open_;
    std::list<std::jthread> running_, finished_;
    std::jthread acceptor_;
};

}  // namespace perdure::cloudsim
