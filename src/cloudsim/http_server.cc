#include "cloudsim/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/try.h"

namespace perdure::cloudsim {
namespace {

Result<sockaddr_in> address_of(const std::string& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
        return Error(ErrorKind::InvalidInput, host + " is no IPv4 address");
    return address;
}

std::string text_of(const sockaddr_in& address) {
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return text;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(ServerOptions options, Handler handler) {
    sockaddr_in address = PERDURE_TRY(address_of(options.host, options.port));
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return system_error(errno, "making a socket");
    const int yes = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    const std::string where = options.host + ":" + std::to_string(options.port);
    if (::bind(fd.get(), generic, length) != 0 || ::listen(fd.get(), 512) != 0 ||
        ::getsockname(fd.get(), generic, &length) != 0)
        return system_error(errno, "listening on " + where);
    const std::uint16_t port = ntohs(address.sin_port);
    return std::unique_ptr<HttpServer>(
        new HttpServer(std::move(options), std::move(handler), std::move(fd), port));
}

HttpServer::HttpServer(ServerOptions options, Handler handler, Fd listening, std::uint16_t port)
    : options_(std::move(options)),
      handler_(std::move(handler)),
      listening_(std::move(listening)),
      port_(port) {
    acceptor_ = std::jthread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        ::shutdown(listening_.get(), SHUT_RDWR);
        for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    changed_.notify_all();
    acceptor_.join();
    std::unique_lock lock(mutex_);
    // One that was accepted while the sockets were being shut down.
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    changed_.wait(lock, [this] { return running_.empty(); });
    lock.unlock();
    reap();
}

void HttpServer::accept_all() {
    while (wait_for_room()) {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        Fd fd(
            ::accept4(listening_.get(), reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC));
        if (!fd && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (!fd) return;
        const int yes = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        const std::uint64_t number = ++connections_;
        const std::lock_guard lock(mutex_);
        open_.insert(fd.get());
        running_.emplace_front();
        const auto self = running_.begin();
        *self =
            std::jthread([this, self, number, peer = text_of(from), f = std::move(fd)]() mutable {
                run(self, std::move(f), std::move(peer), number);
            });
    }
}

bool HttpServer::wait_for_room() {
    reap();
    std::unique_lock lock(mutex_);
    full_ = running_.size() >= options_.most_connections;
    changed_.wait(lock,
                  [this] { return stopping_ || running_.size() < options_.most_connections; });
    full_ = false;
    return !stopping_;
}

void HttpServer::reap() {
    std::list<std::jthread> ended;
    {
        const std::lock_guard lock(mutex_);
        ended.swap(finished_);
    }
}

void HttpServer::run(std::list<std::jthread>::iterator self, Fd fd, std::string peer,
                     std::uint64_t number) {
    {
        HttpConnection connection(fd.get(), options_.idle_ms, [this] { return full_.load(); });
        while (!stopping_ && serve_one(connection, peer, number)) {
        }
    }
    const std::lock_guard lock(mutex_);
    open_.erase(fd.get());
    ::shutdown(fd.get(), SHUT_RDWR);
    fd.reset();
    finished_.splice(finished_.begin(), running_, self);
    changed_.notify_all();
}

bool HttpServer::serve_one(HttpConnection& connection, const std::string& peer,
                           std::uint64_t number) {
    std::optional<std::string> head = connection.read_head();
    if (!head) return false;
    std::optional<Request> request = parse_head(*head);
    if (!request) {
        connection.refuse(400, "Bad Request");
        return false;
    }
    request->peer = peer;
    request->connection = number;
    request->begun = next_event();
    const std::optional<BodyPlan> plan = plan_body(*request, options_.most_body);
    if (!plan) {
        connection.refuse(413, "Payload Too Large");
        return false;
    }
    const bool keeps = !same_header_name(request->header_or("Connection"), "close") &&
                       !head->substr(0, head->find("\r\n")).ends_with("1.0");
    reserve(plan->reserved);
    const bool whole = connection.read_body(*request, *plan);
    const std::string method = request->method;
    bool goes_on = false;
    if (whole) {
        ++requests_;
        goes_on = deliver(connection, handler_(std::move(*request)), method == "HEAD");
    }
    release(plan->reserved);
    return goes_on && keeps;
}

bool HttpServer::deliver(HttpConnection& connection, Delivered&& delivered, bool is_head) {
    const Delivery& how = delivered.delivery;
    if (how.delay_ms > 0 && !sleep_ms(how.delay_ms)) return false;
    if (how.lost) return false;
    if (how.stalled) {
        connection.wait_for_end();
        return false;
    }
    delivered.answer.is_head = is_head;
    const auto pause = [this, &how] { return sleep_ms(how.drip_ms); };
    return connection.send(delivered.answer, how, pause) && !how.closes;
}

void HttpServer::reserve(std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
        return stopping_ || body_bytes_ == 0 || body_bytes_ + bytes <= options_.most_body_bytes;
    });
    body_bytes_ += bytes;
}

void HttpServer::release(std::uint64_t bytes) {
    if (bytes == 0) return;
    {
        const std::lock_guard lock(mutex_);
        body_bytes_ -= bytes;
    }
    changed_.notify_all();
}

bool HttpServer::sleep_ms(std::uint64_t ms) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, std::chrono::milliseconds(ms),
                              [this] { return stopping_.load(); });
}

}  // namespace perdure::cloudsim
