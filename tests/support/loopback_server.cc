#include "support/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "base/check.h"

namespace perdure {

namespace {

/// More of the stream; false at its end.
bool receive(int fd, std::string& into) {
    char part[64 << 10];
    const ssize_t got = ::recv(fd, part, sizeof part, 0);
    if (got <= 0) return false;
    into.append(part, static_cast<std::size_t>(got));
    return true;
}

bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

}  // namespace

std::optional<std::string> ReceivedRequest::header(const std::string& name) const {
    for (std::size_t at = head.find("\r\n"); at != std::string::npos;
         at = head.find("\r\n", at + 2)) {
        const auto colon = head.find(':', at);
        const auto end = head.find("\r\n", at + 2);
        if (colon == std::string::npos || colon > end) continue;
        std::string found = head.substr(at + 2, colon - at - 2);
        std::transform(found.begin(), found.end(), found.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (found != name) continue;
        const auto first = head.find_first_not_of(' ', colon + 1);
        return head.substr(first, end - first);
    }
    return std::nullopt;
}

RawAnswer answer(int status, const std::string& body, const std::vector<std::string>& headers) {
    std::string bytes = "HTTP/1.1 " + std::to_string(status) +
                        " Answer\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    for (const std::string& header : headers) bytes += header + "\r\n";
    return {bytes + "\r\n" + body};
}

LoopbackServer::LoopbackServer(Handler handler) : handler_(std::move(handler)) {
    listening_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    PERDURE_CHECK(::bind(listening_.get(), generic, length) == 0);
    PERDURE_CHECK(::listen(listening_.get(), 64) == 0);
    PERDURE_CHECK(::getsockname(listening_.get(), generic, &length) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_all(); });
}

LoopbackServer::~LoopbackServer() {
    stopping_ = true;
    ::shutdown(listening_.get(), SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    connections_.clear();
}

std::vector<ReceivedRequest> LoopbackServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

void LoopbackServer::accept_all() {
    for (std::uint64_t number = 1; !stopping_; ++number) {
        Fd connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) return;
        const std::lock_guard lock(mutex_);
        open_.push_back(connection.get());
        connections_.emplace_back(
            [this, number, c = std::move(connection)]() mutable { serve(std::move(c), number); });
    }
}

void LoopbackServer::serve(Fd connection, std::uint64_t number) {
    std::string stream;
    while (!stopping_) {
        std::size_t end = 0;
        while ((end = stream.find("\r\n\r\n")) == std::string::npos)
            if (!receive(connection.get(), stream)) break;
        if (end == std::string::npos) break;
        ReceivedRequest request;
        request.connection = number;
        request.head = stream.substr(0, end + 2);
        const auto space = request.head.find(' ');
        request.method = request.head.substr(0, space);
        request.target =
            request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
        const std::size_t length = std::stoul(request.header("content-length").value_or("0"));
        stream.erase(0, end + 4);
        while (stream.size() < length)
            if (!receive(connection.get(), stream)) break;
        if (stream.size() < length) break;
        request.body = stream.substr(0, length);
        stream.erase(0, length);
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        const RawAnswer back = handler_(request);
        if (back.delay_ms > 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(back.delay_ms));
        if (!send_all(connection.get(), back.bytes) || back.close) break;
    }
    // The number stays taken until no shutdown() of it can hit another descriptor.
    const std::lock_guard lock(mutex_);
    std::erase(open_, connection.get());
    ::shutdown(connection.get(), SHUT_RDWR);
    connection.reset();
}

}  // namespace perdure
