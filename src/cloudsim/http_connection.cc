#include "cloudsim/http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>

namespace perdure::cloudsim {
namespace {

constexpr std::size_t kPiece = 256u << 10;

std::optional<std::uint64_t> number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (failed != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

std::string_view reason_of(int status) {
    switch (status) {
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 304: return "Not Modified";
        case 400: return "Bad Request";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 409: return "Conflict";
        case 412: return "Precondition Failed";
        case 416: return "Requested Range Not Satisfiable";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        default: return "Answer";
    }
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

std::string head_of(const Answer& answer) {
    std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " ";
    head.append(reason_of(answer.status)).append("\r\n");
    for (const HttpHeader& header : answer.headers)
        head.append(header.name).append(": ").append(header.value).append("\r\n");
    if (!has_no_body(answer.status))
        head.append("Content-Length: ").append(std::to_string(answer.length())).append("\r\n");
    return head.append("\r\n");
}

}  // namespace

std::optional<BodyPlan> plan_body(const Request& request, std::uint64_t most) {
    BodyPlan plan;
    plan.most = most;
    if (const auto coding = request.header("Transfer-Encoding")) {
        if (!same_header_name(*coding, "chunked")) return std::nullopt;
        const auto decoded = number(request.header_or("x-amz-decoded-content-length"), 10);
        if (decoded.value_or(0) > most) return std::nullopt;
        plan.chunked = true;
        // Chunk heads and trailers of aws-chunked, generously.
        plan.reserved = decoded ? *decoded + *decoded / 16 + (1u << 20) : most;
        return plan;
    }
    if (const auto length = request.header("Content-Length")) {
        const auto value = number(*length, 10);
        if (!value || *value > most) return std::nullopt;
        plan.length = plan.reserved = *value;
    }
    return plan;
}

bool HttpConnection::wait_readable(bool is_idle) {
    pollfd polled{fd_, POLLIN, 0};
    constexpr int kTick = 250;
    for (int waited = 0; waited < idle_ms_; waited += kTick) {
        const int ready = ::poll(&polled, 1, kTick);
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
        if (is_idle && is_wanted_()) return false;
    }
    return false;
}

bool HttpConnection::receive_more(bool is_idle) {
    if (!wait_readable(is_idle)) return false;
    const std::size_t before = stream_.size();
    stream_.resize(before + (64u << 10));
    const ssize_t got = ::recv(fd_, stream_.data() + before, stream_.size() - before, 0);
    stream_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
}

std::optional<std::string> HttpConnection::read_head() {
    while (true) {
        while (stream_.starts_with("\r\n")) stream_.erase(0, 2);
        const std::size_t end = stream_.find("\r\n\r\n");
        if (end <= kMostHead) {
            std::string head = stream_.substr(0, end);
            stream_.erase(0, end + 4);
            has_served_ = true;
            return head;
        }
        if (stream_.size() > kMostHead) {
            refuse(431, "Request Header Fields Too Large");
            return std::nullopt;
        }
        // A client that has been accepted is heard once before its place is given away.
        if (!receive_more(has_served_ && stream_.empty())) return std::nullopt;
    }
}

bool HttpConnection::read_body(Request& request, const BodyPlan& plan) {
    if (!plan.chunked && plan.length == 0) return true;
    if (same_header_name(request.header_or("Expect"), "100-continue") && stream_.empty() &&
        !send_bytes("HTTP/1.1 100 Continue\r\n\r\n"))
        return false;
    if (plan.chunked) return read_chunks(request.body, plan.most + plan.most / 16);
    return take_bytes(plan.length, request.body);
}

bool HttpConnection::take_bytes(std::uint64_t count, Buffer& into) {
    const std::size_t before = into.size();
    into.resize(before + count);
    const std::size_t buffered = std::min<std::size_t>(count, stream_.size());
    std::memcpy(into.data() + before, stream_.data(), buffered);
    stream_.erase(0, buffered);
    for (std::size_t at = before + buffered; at < into.size();) {
        if (!wait_readable()) return false;
        const ssize_t got = ::recv(fd_, into.data() + at, into.size() - at, 0);
        if (got <= 0) return false;
        at += static_cast<std::size_t>(got);
    }
    return true;
}

bool HttpConnection::take_line(std::string& line) {
    std::size_t end = 0;
    while ((end = stream_.find("\r\n")) == std::string::npos)
        if (stream_.size() > kMostHead || !receive_more()) return false;
    line = stream_.substr(0, end);
    stream_.erase(0, end + 2);
    return true;
}

bool HttpConnection::read_chunks(Buffer& into, std::uint64_t most) {
    std::string line;
    while (take_line(line)) {
        const auto size = number(std::string_view(line).substr(0, line.find(';')), 16);
        if (!size || *size > most - std::min<std::uint64_t>(most, into.size())) return false;
        if (*size == 0) break;
        if (!take_bytes(*size, into) || !take_line(line) || !line.empty()) return false;
    }
    // Trailers of the transfer, which nobody uses; those of aws-chunked are in the body.
    while (take_line(line))
        if (line.empty()) return true;
    return false;
}

bool HttpConnection::send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

bool HttpConnection::send_slowly(std::string_view bytes, const Delivery& how,
                                 const std::function<bool()>& pause) {
    if (how.drip_ms == 0) return send_bytes(bytes);
    for (const char& byte : bytes)
        if (!pause() || !send_bytes({&byte, 1})) return false;
    return true;
}

bool HttpConnection::send_part(std::string_view bytes, std::uint64_t& budget, const Delivery& how,
                               const std::function<bool()>& pause) {
    const bool is_whole = bytes.size() <= budget;
    bytes = bytes.substr(0, budget);
    budget -= bytes.size();
    return send_slowly(bytes, how, pause) && is_whole;
}

bool HttpConnection::send(const Answer& answer, const Delivery& how,
                          const std::function<bool()>& pause) {
    constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t budget = how.cut_head_after.value_or(kAll);
    const bool has_body = !answer.is_head && !has_no_body(answer.status);
    std::string head = head_of(answer);
    // A small answer is one segment.
    if (has_body && answer.slices.empty() && budget == kAll && !how.cut_body_after)
        return send_slowly(head + answer.text, how, pause);
    if (!send_part(head, budget, how, pause)) return false;
    if (!has_body) return true;
    budget = how.cut_body_after.value_or(kAll);
    if (!send_part(answer.text, budget, how, pause)) return false;
    Buffer piece;
    for (const BodySlice& slice : answer.slices) {
        for (std::uint64_t at = 0; at < slice.length; at += piece.size()) {
            piece.resize(std::min<std::uint64_t>(kPiece, slice.length - at));
            if (!slice.blob->read(slice.offset + at, piece)) return false;
            if (!send_part(as_text(piece), budget, how, pause)) return false;
        }
    }
    return true;
}

void HttpConnection::refuse(int status, std::string_view reason) {
    send_bytes("HTTP/1.1 " + std::to_string(status) + " " + std::string(reason) +
               "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    ::shutdown(fd_, SHUT_WR);
    // What was sent already is taken: closing on unread bytes would take the answer back.
    char part[4096];
    pollfd polled{fd_, POLLIN, 0};
    for (int pieces = 0; pieces < 256 && ::poll(&polled, 1, 200) > 0; ++pieces)
        if (::recv(fd_, part, sizeof part, 0) <= 0) return;
}

void HttpConnection::wait_for_end() {
    char part[4096];
    while (::recv(fd_, part, sizeof part, 0) > 0) {
    }
}

}  // namespace perdure::cloudsim
